//! What a bundle says of itself without being opened.

use std::cell::Cell;

use super::{super::glance::within, *};

fn look(path: &Path) -> Result<Glance, Error> {
    glance(path, &|| Ok(()))
}

#[test]
fn each_form_says_the_same() {
    let tmp = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for name in ["b", "b.tar", "b.tar.zst"] {
        let out = tmp.path().join(name);
        full::write(&out);
        said.push(look(&out).unwrap());
    }
    assert!(said.iter().all(|it| *it == said[0]), "{said:#?}");
    insta::assert_json_snapshot!(said[0], @r#"
    {
      "version": 2,
      "server_name": "example.org",
      "source": "admin_api",
      "exported_ts": 1700000000000,
      "complete": true,
      "inventory": false,
      "users": 1,
      "rooms": 2,
      "events": 6,
      "media": 1
    }
    "#);
}

#[test]
fn one_that_is_cut_off_or_changed_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    full::write(&out);
    let whole = fs::read(&out).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&out, &whole[..length]).unwrap();
        let error = look(&out).unwrap_err();
        assert_eq!(error.exit_code(), 6, "{length}: {error}");
    }
    let mut changed = whole.clone();
    let middle = whole.len() / 2;
    changed[middle] ^= 1;
    fs::write(&out, changed).unwrap();
    let error = look(&out).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("copy the bundle again, or export again"),
        "{error}"
    );
    fs::write(&out, whole).unwrap();
    look(&out).unwrap();

    let dir = tmp.path().join("d");
    full::write(&dir);
    fs::remove_file(dir.join("schema.json")).unwrap();
    let error = look(&dir).unwrap_err().to_string();
    assert!(error.contains(": schema.json is missing"), "{error}");
}

#[test]
fn a_half_one_tells_whether_it_goes_on() {
    let tmp = tempfile::tempdir().unwrap();
    assert!(!goes_on(tmp.path()));
}

#[test]
fn a_file_that_is_too_large_is_named_and_a_large_manifest_is_none_of_them() {
    let tmp = tempfile::tempdir().unwrap();
    for name in ["b", "b.tar", "b.tar.zst"] {
        let out = tmp.path().join(name);
        full::write(&out);
        let of = |file: &str| fs::metadata(tmp.path().join("b").join(file)).unwrap().len();
        let (schema, index, manifest) = (
            of("schema.json"),
            of("events/index.json"),
            of("manifest.json"),
        );
        let largest = schema.max(of("metadata.json")).max(index);
        assert!(manifest > largest, "{manifest} {largest}");
        within(&out, largest, &|| Ok(())).unwrap();
        let error = within(&out, 1, &|| Ok(())).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "has more than 1 bytes, more than a list reads: `bundle verify` looks into it"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_look_can_be_stopped_inside_a_file() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar");
    full::write(&out);
    let asked = Cell::new(0);
    let count = || {
        asked.set(asked.get() + 1);
        Ok(())
    };
    glance(&out, &count).unwrap();
    let all = asked.get();
    for last in [1, all / 2, all] {
        asked.set(0);
        let stop = || {
            asked.set(asked.get() + 1);
            if asked.get() == last {
                Err(Error::Stopped)
            } else {
                Ok(())
            }
        };
        assert!(matches!(glance(&out, &stop), Err(Error::Stopped)), "{last}");
        assert_eq!(asked.get(), last);
    }
}

//! What a bundle says of itself without being opened.

use super::*;

#[test]
fn each_form_says_the_same() {
    let tmp = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for name in ["b", "b.tar", "b.tar.zst"] {
        let out = tmp.path().join(name);
        full::write(&out);
        said.push(glance(&out).unwrap());
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
        let error = glance(&out).unwrap_err();
        assert_eq!(error.exit_code(), 6, "{length}: {error}");
    }
    let mut changed = whole.clone();
    let middle = whole.len() / 2;
    changed[middle] ^= 1;
    fs::write(&out, changed).unwrap();
    let error = glance(&out).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("copy the bundle again, or export again"),
        "{error}"
    );
    fs::write(&out, whole).unwrap();
    glance(&out).unwrap();

    let dir = tmp.path().join("d");
    full::write(&dir);
    fs::remove_file(dir.join("schema.json")).unwrap();
    let error = glance(&dir).unwrap_err().to_string();
    assert!(error.contains(": schema.json is missing"), "{error}");
}

#[test]
fn a_half_one_tells_whether_it_goes_on() {
    let tmp = tempfile::tempdir().unwrap();
    assert!(!goes_on(tmp.path()));
}

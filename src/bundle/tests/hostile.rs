//! Bundles whose checksums are right and whose content is not.

use super::*;
use crate::model::{account_data::AccountData, push_rules::PushRules};

/// Reads all of a bundle; the first failure's reason, without where the error is in the file.
fn said(bundle: crate::Result<Bundle>) -> String {
    let read = || -> crate::Result<()> {
        let bundle = bundle?;
        content(&bundle)?;
        bundle.directory()?;
        bundle.media()?;
        for line in bundle.key_backups()? {
            line?;
        }
        for line in bundle.state_snapshots()? {
            line?;
        }
        let user = ruma::user_id!("@a:example.org");
        bundle.of_user::<AccountData>(OfUser::AccountData, user)?;
        bundle.of_user::<PushRules>(OfUser::PushRules, user)?;
        Ok(())
    };
    match read() {
        Err(Error::Bundle { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// What is said of a full bundle in which one file is another.
fn forged(name: &str, content: &[u8]) -> String {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    full::forge(&out, name, content);
    said(Bundle::open(&out, &tmp.path().join("work")))
}

/// JSON that is nested too deep.
fn deep() -> String {
    "[".repeat(100_000) + "]".repeat(100_000).as_str()
}

#[test]
fn deep_json_is_refused_in_every_file() {
    let tmp = tempfile::tempdir().unwrap();
    full::write(&tmp.path().join("b"));
    let names = files::all(&tmp.path().join("b"), tmp.path()).unwrap();
    // Not read by anything: counts for version 1, and what the operator hands over otherwise.
    let unread = ["metadata.json", "secrets/password_hashes.json"];
    let json = names.iter().filter(|name| name.contains(".json"));
    for name in json.filter(|name| !unread.contains(&name.as_str())) {
        for text in [deep(), format!(r#"{{"x":{}}}"#, deep())] {
            let said = forged(name, text.as_bytes());
            assert!(
                said.starts_with(name) && said.contains(" can't be read ("),
                "{said}"
            );
        }
    }
    insta::assert_snapshot!(forged("schema.json", format!(r#"{{"x":{}}}"#, deep()).as_bytes()), @"schema.json can't be read (it is nested more than 200 levels deep): copy the bundle again, or export again");
    insta::assert_snapshot!(forged("account_data.json", format!(r#"{{"x":{}}}"#, deep()).as_bytes()), @"account_data.json can't be read (it is nested more than 200 levels deep): export again");
    insta::assert_snapshot!(forged("users.json", format!(r#"[{{"x":{}}}]"#, deep()).as_bytes()), @"users.json can't be read (it is nested more than 200 levels deep): export again");
}

#[test]
fn deep_json_is_refused_in_the_manifest() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    fs::write(out.join("manifest.json"), format!(r#"{{"x":{}}}"#, deep())).unwrap();
    insta::assert_snapshot!(said(Bundle::open(&out, &tmp.path().join("work"))), @"manifest.json can't be read (it is nested more than 200 levels deep): copy the bundle again, or export again");
}

#[test]
fn deep_json_is_refused_in_lines() {
    let compressed = |line: String| zstd::encode_all((line + "\n").as_bytes(), 1).unwrap();
    let backup = format!(
        r#"{{"user_id":"@a:example.org","version":"1","algorithm":"m","auth_data":{}}}"#,
        deep()
    );
    insta::assert_snapshot!(forged("key_backups.ndjson.zst", &compressed(backup)), @"key_backups.ndjson.zst can't be read (it is nested more than 200 levels deep): copy the bundle again, or export again");
    let snapshot = format!(
        r#"{{"room_id":"!a:example.org","event_id":"$1","x":{}}}"#,
        deep()
    );
    insta::assert_snapshot!(forged("state_snapshots.ndjson.zst", &compressed(snapshot)), @"state_snapshots.ndjson.zst can't be read (it is nested more than 200 levels deep): copy the bundle again, or export again");

    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar");
    let event = line("!a:example.org", 1, &format!(r#"{{"x":{}}}"#, deep()));
    super::write(&out, &[record("!a:example.org", vec![event])]);
    insta::assert_snapshot!(said(Bundle::open(&out, &tmp.path().join("work"))), @"the events of !a:example.org can't be read (it is nested more than 200 levels deep): copy the bundle again, or export again");
}

/// An event may be nested as deep as canonical JSON is read elsewhere.
#[test]
fn what_synapse_may_have_is_not_too_deep() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar");
    let pdu = format!(r#"{{"x":{}{}}}"#, "[".repeat(126), "]".repeat(126));
    super::write(
        &out,
        &[record(
            "!a:example.org",
            vec![line("!a:example.org", 1, &pdu)],
        )],
    );
    content(&Bundle::open(&out, &tmp.path().join("work")).unwrap()).unwrap();
}

#[test]
fn an_over_long_line_is_not_read_into_memory() {
    let long = vec![b' '; (64 << 20) + 1];
    let long = zstd::encode_all(&long[..], 1).unwrap();
    insta::assert_snapshot!(forged("key_backups.ndjson.zst", &long), @"key_backups.ndjson.zst can't be read (a line is cut off or longer than 67108864 bytes): copy the bundle again, or export again");
    insta::assert_snapshot!(forged("state_snapshots.ndjson.zst", &long), @"state_snapshots.ndjson.zst can't be read (a line is cut off or longer than 67108864 bytes): copy the bundle again, or export again");
}

#[test]
fn an_entry_that_stands_twice_is_refused() {
    let twice = br#"{"!a:example.org":{},"!a:example.org":{}}"#;
    insta::assert_snapshot!(forged("memberships.json", twice), @"memberships.json can't be read (!a:example.org stands in it twice at line 1 column 41): export again");
}

#[test]
fn a_schema_that_is_no_file_is_not_followed() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    fs::remove_file(out.join("schema.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", out.join("schema.json")).unwrap();
    insta::assert_snapshot!(said(Bundle::open(&out, &tmp.path().join("work"))), @"schema.json is a link or a device: copy the bundle again, or export again");
}

#[test]
fn an_index_that_leads_out_is_refused() {
    for shard in [
        "../out",
        "/etc/passwd",
        "events/../users.json",
        "events/00001.ndjson.zst",
        "events",
    ] {
        let index =
            format!(r#"{{"rooms":{{"!a:example.org":{{"shard":"{shard}","version":null}}}}}}"#);
        assert_eq!(
            forged("events/index.json", index.as_bytes()),
            "events/index.json sends !a:example.org to a file that is not there: export again"
        );
    }
}

/// An archive of these entries: kind, name, declared bytes, content.
fn archive(entries: &[(tar::EntryType, &str, u64, &[u8])]) -> String {
    let mut bytes = Vec::new();
    for (kind, name, declared, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(*declared);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("evil.tar");
    fs::write(&path, bytes).unwrap();
    let said = reason(Bundle::open(&path, &tmp.path().join("work")));
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 2);
    said
}

#[test]
fn archives_that_contradict_themselves_are_refused() {
    use tar::EntryType as Kind;
    let file = Kind::Regular;
    insta::assert_snapshot!(archive(&[(file, "a", 1, b"x"), (file, "a/b", 1, b"x")]), @"the entry a/b is a directory already, or below a file: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "a/b", 1, b"x"), (file, "a", 1, b"x")]), @"the entry a is a directory already, or below a file: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "a", 1, b"x"), (Kind::Directory, "a/", 0, b"")]), @"the entry a/ is a file already, or below one: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "./a", 1, b"x"), (file, "a", 1, b"x")]), @"the entry a is in it twice: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(Kind::Link, "a", 0, b"")]), @"the entry a is a link or a device: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(Kind::Fifo, "a", 0, b"")]), @"the entry a is a link or a device: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(Kind::XHeader, "x", 9, b"9 size=2\n"), (file, "a", 1, b"x")]), @"the entry a has two different sizes: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "a", 1, b"more than one block".repeat(40).as_slice())]), @"it is damaged, cut off or no archive: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "a", 9999, b"less than declared")]), @"it is damaged, cut off or no archive in a: copy the bundle again, or export again");
    insta::assert_snapshot!(archive(&[(file, "a\u{1b}[2J", 1, b"x")]), @r"the entry a\u{1b}[2J has a control character or a backslash in its name: copy the bundle again, or export again");
}

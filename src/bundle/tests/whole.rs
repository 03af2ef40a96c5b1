//! The manifest covers every file; each is private.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_files_of_a_bundle() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    let names: Vec<_> = files::all(&out, &out).unwrap().into_iter().collect();
    insta::assert_snapshot!(names.join("\n"), @"
    account_data.json
    aliases.json
    cross_signing.json
    device_keys.json
    devices.json
    directory.json
    events/00000.ndjson.zst
    events/index.json
    key_backups.ndjson.zst
    media/ab/cd/efgh
    media_refs.json
    memberships.json
    metadata.json
    pending.json
    problems.json
    push_rules.json
    pushers.json
    receipts.json
    report.html
    room_state.json
    rooms.json
    schema.json
    secrets/password_hashes.json
    server_keys.json
    state_snapshots.ndjson.zst
    users.json
    ");
}

#[test]
fn a_change_of_any_file_is_found_and_the_file_named() {
    let tmp = tempfile::tempdir().unwrap();
    let (out, work) = (tmp.path().join("b"), tmp.path().join("work"));
    full::write(&out);
    let end = "copy the bundle again, or export again";
    for name in files::all(&out, &out).unwrap() {
        let path = out.join(&name);
        let content = fs::read(&path).unwrap();
        let mut changed = content.clone();
        // A space at the end leaves JSON what it was.
        changed.push(b' ');
        fs::write(&path, changed).unwrap();
        assert_eq!(
            reason(Bundle::open(&out, &work)),
            format!("{name} does not match its checksum in manifest.json: {end}")
        );
        fs::remove_file(&path).unwrap();
        let said = reason(Bundle::open(&out, &work));
        assert!(said.starts_with(&format!("{name} is missing")), "{said}");
        fs::write(&path, content).unwrap();
    }
    Bundle::open(&out, &work).unwrap();
    let stray = "media/ab/cd/other";
    fs::write(out.join(stray), "").unwrap();
    assert_eq!(
        reason(Bundle::open(&out, &work)),
        format!("{stray} is not in manifest.json: {end}")
    );
}

/// Everything below a directory, with its mode.
fn modes(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(path) = waiting.pop() {
        let about = fs::metadata(&path).unwrap();
        if about.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        found.push((path, about.permissions().mode() & 0o777));
    }
    found
}

#[test]
fn everything_is_private_while_it_is_written_in_its_place_and_unpacked() {
    let tmp = tempfile::tempdir().unwrap();
    let check = |dir: &Path, least: usize| {
        let all = modes(dir);
        assert!(all.len() > least, "{all:?}");
        for (path, mode) in all {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", path.display());
        }
    };
    let dir = tmp.path().join("b");
    full::write(&dir);
    check(&dir, 26);
    let packed = tmp.path().join("b.tar.zst");
    full::write(&packed);
    assert_eq!(modes(&packed)[0].1, 0o600);
    let work = tmp.path().join("work");
    let _open = Bundle::open(&packed, &work).unwrap();
    check(&work, 26);

    let mut writer = BundleWriter::create(&tmp.path().join("c.tar"), origin()).unwrap();
    let position = Position {
        section: Section::Users,
        key: String::new(),
    };
    writer
        .checkpoint(position, std::collections::BTreeSet::new())
        .unwrap();
    check(&tmp.path().join("c.tar.partial"), 10);
}

#[test]
fn modes_of_an_archive_are_not_taken_over() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("b");
    full::write(&dir);
    for (path, _) in modes(&dir) {
        let mode = if path.is_dir() { 0o777 } else { 0o6777 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut archive = tar::Builder::new(fs::File::create(tmp.path().join("b.tar")).unwrap());
    archive.append_dir_all("around", &dir).unwrap();
    archive.finish().unwrap();
    let work = tmp.path().join("work");
    let _open = Bundle::open(&tmp.path().join("b.tar"), &work).unwrap();
    for (path, mode) in modes(&work) {
        assert_eq!(
            mode,
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_state_is_found_by_room_and_event() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    let id = ruma::event_id!("$1");
    for room in bundle.rooms().unwrap() {
        let known = bundle.snapshots(&room.room_id).unwrap();
        assert_eq!(known, [id.to_owned()].into());
        let state = bundle.snapshot(&room.room_id, id).unwrap().unwrap();
        assert_eq!(state, [ruma::event_id!("$0")]);
        let other = ruma::event_id!("$0");
        assert!(bundle.snapshot(&room.room_id, other).unwrap().is_none());
    }
    let other = ruma::room_id!("!other:example.org");
    assert!(bundle.snapshots(other).unwrap().is_empty());
}

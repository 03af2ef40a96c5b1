//! A bundle written, read again, and damaged in every way that an operator may meet.

mod full;
mod glance;
mod hostile;
mod resume;
mod version_1;
mod version_1_reader;
mod whole;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::{
    Error,
    job::Problem,
    model::{event_line::EventLine, wanted::Wanted},
};

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn origin() -> Origin {
    Origin {
        source: SourceKind::AdminApi,
        synapse_version: Some("1.2.3".into()),
        server_name: "example.org".try_into().unwrap(),
        exported_ts: 1_700_000_000_000,
        stream_position: Some(7),
        wanted: Wanted::default(),
    }
}

fn line(room: &str, number: usize, pdu: &str) -> EventLine {
    EventLine {
        room_id: room.try_into().unwrap(),
        event_id: format!("${number}").try_into().unwrap(),
        outlier: number == 0,
        rejected: false,
        soft_failed: number == 2,
        redacted_by: (number == 3).then(|| "$r".try_into().unwrap()),
        ts: None,
        pdu: raw(pdu),
    }
}

/// A room with its events.
type Record = (RoomRecord, Vec<EventLine>);

fn record(room: &str, events: Vec<EventLine>) -> Record {
    let record = RoomRecord {
        room: serde_json::from_value(serde_json::json!({"room_id": room, "version": "10"}))
            .unwrap(),
        state: Some(vec![raw(r#"{"type":"m.room.name", "content":{}}"#)]),
        memberships: Some([("@a:example.org".try_into().unwrap(), "join".into())].into()),
        aliases: vec!["#a:example.org".try_into().unwrap()],
        disordered: false,
    };
    (record, events)
}

fn write(out: &Path, rooms: &[Record]) -> Finished {
    let mut writer = BundleWriter::create(out, origin()).unwrap();
    let user = serde_json::from_str(r#"{"user_id":"@a:example.org","displayname":"Ä"}"#).unwrap();
    writer.user(&UserRecord::new(user)).unwrap();
    for (room, events) in rooms {
        writer.events(events).unwrap();
        writer.room(room).unwrap();
    }
    writer.server_keys(
        "example.org".try_into().unwrap(),
        raw(r#"{"server_name":"example.org"}"#),
    );
    writer.problem(Problem {
        step: "room state".into(),
        subject: "!x:example.org".into(),
        reason: "gone".into(),
    });
    writer
        .finish(&|_, _| "<p>".to_owned(), &mut |_, _| {})
        .unwrap()
}

/// Everything that a bundle serves, as text.
fn content(bundle: &Bundle) -> Result<String, Error> {
    let mut all = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        bundle.schema(),
        bundle.users()?,
        bundle.aliases()?,
        bundle.server_keys()?,
        bundle.problems()?
    );
    for room in bundle.rooms()? {
        let events = bundle
            .events(&room.room_id)?
            .collect::<Result<Vec<_>, _>>()?;
        write!(
            all,
            "{room:?} {:?} {:?} {events:?}",
            bundle.room_state(&room.room_id)?,
            bundle.memberships(&room.room_id)?
        )
        .unwrap();
    }
    Ok(all)
}

fn sample() -> Vec<Record> {
    ["!a:example.org", "!b:example.org"]
        .into_iter()
        .map(|room| {
            let events = (0..4).map(|n| line(room, n, r#"{"z": 1.50,"a":"\u00e9"}"#));
            record(room, events.collect())
        })
        .collect()
}

fn reason(result: crate::Result<Bundle>) -> String {
    match result {
        Ok(_) => panic!("it opened"),
        Err(Error::Bundle { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_form_reads_back_what_was_written() {
    let tmp = tempfile::tempdir().unwrap();
    let mut contents = Vec::new();
    for name in ["b.tar.zst", "b.tar", "b"] {
        let out = tmp.path().join(name);
        let finished = write(&out, &sample());
        assert_eq!(finished.path, out);
        assert!(finished.bytes > 0);
        let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
        assert_eq!(bundle.name(), name);
        assert_eq!(bundle.server_name(), "example.org");
        contents.push(content(&bundle).unwrap());
    }
    assert!(
        contents[0].contains(r#"{"z": 1.50,"a":"\u00e9"}"#),
        "{}",
        contents[0]
    );
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[1], contents[2]);
    // Nothing is left but the bundles and the empty work directory.
    let mut left: Vec<_> = fs::read_dir(tmp.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["b", "b.tar", "b.tar.zst", "work"]);
    assert_eq!(fs::read_dir(tmp.path().join("work")).unwrap().count(), 0);
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let tmp = tempfile::tempdir().unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    write(&tmp.path().join("b.tar.zst"), &sample());
    write(&tmp.path().join("b"), &sample());
    assert_eq!(mode(tmp.path().join("b.tar.zst")), 0o600);
    assert_eq!(mode(tmp.path().join("b")), 0o700);
    assert_eq!(mode(tmp.path().join("b/users.json")), 0o600);
    assert_eq!(mode(tmp.path().join("b/events/index.json")), 0o600);
}

#[test]
fn an_unfinished_bundle_leaves_nothing_and_a_leftover_is_no_obstacle() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    drop(BundleWriter::create(&out, origin()).unwrap());
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
    fs::create_dir_all(tmp.path().join("b.tar.zst.partial/files")).unwrap();
    fs::write(tmp.path().join("b.tar.zst.partial/files/users.json"), "[").unwrap();
    write(&out, &sample());
    let Err(error) = BundleWriter::create(&out, origin()) else {
        panic!("it overwrites");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "{} is already there: choose another name, or move it away",
            out.display()
        )
    );
}

#[test]
fn a_folder_that_is_no_leftover_of_ours_stays() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("b.tar");
    let foreign = dir.path().join("b.tar.partial");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.txt"), "years").unwrap();
    let Err(error) = BundleWriter::create(&out, origin()) else {
        panic!("a foreign folder was taken");
    };
    assert!(
        error
            .to_string()
            .contains("is not an export's: move it away"),
        "{error}"
    );
    assert!(foreign.join("thesis.txt").exists());
}

#[test]
fn a_room_whose_state_is_missing_fails_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    let mut rooms = sample();
    rooms[0].0.state = None;
    write(&out, &rooms);
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    assert_eq!(
        bundle
            .room_state(&rooms[0].0.room.room_id)
            .unwrap_err()
            .to_string(),
        format!(
            "bundle {}: !a:example.org is not in room_state.json: its export failed (problems.json says why); export again",
            out.display()
        )
    );
    assert_eq!(
        bundle.room_state(&rooms[1].0.room.room_id).unwrap().len(),
        1
    );
    assert_eq!(bundle.events(&rooms[0].0.room.room_id).unwrap().count(), 4);
}

#[test]
fn damage_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let work = tmp.path().join("work");
    let out = tmp.path().join("b");
    let damaged = |damage: &dyn Fn(&Path)| {
        let _fresh = fs::remove_dir_all(&out);
        write(&out, &sample());
        damage(&out);
        reason(Bundle::open(&out, &work))
    };
    assert_eq!(
        damaged(&|dir| fs::write(dir.join("users.json"), "[]").unwrap()),
        "users.json does not match its checksum in manifest.json: copy the bundle again, or export again"
    );
    assert_eq!(
        damaged(&|dir| fs::remove_file(dir.join("rooms.json")).unwrap()),
        "rooms.json is missing: copy the bundle again, or export again"
    );
    assert_eq!(
        damaged(&|dir| fs::remove_file(dir.join("manifest.json")).unwrap()),
        "manifest.json is missing, so nothing can be checked: copy the bundle again, or export again"
    );
    assert_eq!(
        damaged(&|dir| fs::remove_file(dir.join("schema.json")).unwrap()),
        "schema.json is missing: this is no bundle, or not all of it; copy it again, or export again"
    );
    assert_eq!(
        damaged(&|dir| fs::write(dir.join("more.json"), "{}").unwrap()),
        "more.json is not in manifest.json: copy the bundle again, or export again"
    );
    assert_eq!(
        damaged(&|dir| std::os::unix::fs::symlink("/etc/passwd", dir.join("x")).unwrap()),
        "x is a link or a device: copy the bundle again, or export again"
    );
    assert_eq!(
        damaged(&|dir| fs::write(dir.join("schema.json"), r#"{"exporter_version":3}"#).unwrap()),
        "schema.json says format 3, and this Ferryman reads formats 1 to 2: use a newer Ferryman"
    );
}

#[test]
fn a_path_with_nothing_at_it() {
    let tmp = tempfile::tempdir().unwrap();
    assert_eq!(
        reason(Bundle::open(
            &tmp.path().join("no"),
            &tmp.path().join("work")
        )),
        "there is nothing of this name: check the path"
    );
}

#[test]
fn a_truncated_archive_is_refused_at_every_length() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    write(&out, &sample());
    let whole = fs::read(&out).unwrap();
    let cut = tmp.path().join("cut.tar.zst");
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        fs::write(&cut, &whole[..length]).unwrap();
        let said = reason(Bundle::open(&cut, &tmp.path().join("work")));
        assert!(
            said.ends_with("copy the bundle again, or export again")
                || said.ends_with("copy it again, or export again"),
            "{length}: {said}"
        );
    }
}

/// A file of an archive that somebody crafted.
fn tar_with(kind: tar::EntryType, name: &[u8], body: &[u8], twice: bool) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for _ in 0..=u8::from(twice) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        header.set_cksum();
        archive.append(&header, body).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn hostile_archives_are_refused_and_write_nothing_outside() {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("evil.tar");
    let tried = |bytes: Vec<u8>| {
        fs::write(&path, bytes).unwrap();
        reason(Bundle::open(&path, &tmp.path().join("w/work")))
    };
    let regular = tar::EntryType::Regular;
    let end = ": copy the bundle again, or export again";
    assert_eq!(
        tried(tar_with(regular, b"../../out", b"x", false)),
        format!("the entry ../../out has `..` in its path{end}")
    );
    assert_eq!(
        tried(tar_with(regular, b"/tmp/out", b"x", false)),
        format!("the entry /tmp/out has an absolute path{end}")
    );
    assert_eq!(
        tried(tar_with(tar::EntryType::Symlink, b"users.json", b"", false)),
        format!("the entry users.json is a link or a device{end}")
    );
    assert_eq!(
        tried(tar_with(tar::EntryType::Char, b"users.json", b"", false)),
        format!("the entry users.json is a link or a device{end}")
    );
    assert_eq!(
        tried(tar_with(regular, b"users.json", b"x", true)),
        format!("the entry users.json is in it twice{end}")
    );
    assert_eq!(
        tried(b"not an archive, but longer than one block ".repeat(30)),
        format!("it is damaged, cut off or no archive{end}")
    );
    let bomb = tar_with(regular, b"users.json", &vec![0; 80 << 20], false);
    assert_eq!(
        tried(zstd::encode_all(&bomb[..], 3).unwrap()),
        format!("it unpacks to more than 500 times its size in users.json{end}")
    );
    assert_eq!(fs::read_dir(tmp.path().join("w")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(tmp.path().join("w/work")).unwrap().count(), 0);
}

/// Any JSON object, with odd characters.
fn pdus() -> impl Strategy<Value = Vec<String>> {
    let object = proptest::collection::btree_map(".{0,8}", (".{0,20}", any::<i64>()), 0..4)
        .prop_map(|map| serde_json::to_string(&map).unwrap());
    proptest::collection::vec(object, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn events_come_back_byte_for_byte(first in pdus(), second in pdus()) {
        let tmp = tempfile::tempdir().unwrap();
        let out = tmp.path().join("b.tar");
        let rooms: Vec<_> = [("!a:example.org", first), ("!b:example.org", second)]
            .into_iter()
            .map(|(room, pdus)| {
                record(room, pdus.iter().enumerate().map(|(n, pdu)| line(room, n, pdu)).collect())
            })
            .collect();
        write(&out, &rooms);
        let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
        // Rooms are independent: the last one first.
        for record in rooms.iter().rev() {
            let read: Vec<_> = bundle.events(&record.0.room.room_id).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(format!("{:?}", read), format!("{:?}", &record.1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_byte_is_found_or_changes_nothing(form in 0..3_usize, at in any::<prop::sample::Index>(), file in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let tmp = tempfile::tempdir().unwrap();
        let out = tmp.path().join(["b.tar.zst", "b.tar", "b"][form]);
        write(&out, &sample());
        let work = tmp.path().join("work");
        let before = content(&Bundle::open(&out, &work).unwrap()).unwrap();
        let victim = if form == 2 {
            let mut names: Vec<_> = files::all(&out, &out).unwrap().into_iter().collect();
            names.push("manifest.json".into());
            out.join(file.get(&names))
        } else {
            out.clone()
        };
        let mut bytes = fs::read(&victim).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&victim, bytes).unwrap();
        match Bundle::open(&out, &work) {
            Ok(bundle) => prop_assert_eq!(content(&bundle).unwrap(), before),
            Err(error) => prop_assert_eq!(error.exit_code(), 6, "{}", error),
        }
    }

    #[test]
    fn no_archive_makes_a_panic_or_a_file_outside(name in proptest::collection::vec(any::<u8>(), 1..100), kind in any::<u8>(), body in proptest::collection::vec(any::<u8>(), 0..600), flip in any::<prop::sample::Index>(), xor in any::<u8>()) {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("a.tar");
        let mut bytes = tar_with(tar::EntryType::new(kind), &name, &body, false);
        let at = flip.index(bytes.len());
        bytes[at] ^= xor;
        fs::write(&path, bytes).unwrap();
        prop_assert!(Bundle::open(&path, &tmp.path().join("w/work")).is_err());
        prop_assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 2);
        prop_assert_eq!(fs::read_dir(tmp.path().join("w")).unwrap().count(), 1);
    }
}

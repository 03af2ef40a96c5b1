//! An export that is stopped anywhere and resumed makes the bundle of one that was not.

use std::{collections::BTreeSet, io::Read, panic};

use super::*;
use crate::model::{key_backup::KeyBackupLine, media::MediaRef, snapshot::Snapshot, wanted::Media};

/// What is complete or not there: a user or room with all that belongs to it.
type Unit = (Position, Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    User(Box<UserRecord>),
    Backup(KeyBackupLine),
    Events(Vec<EventLine>),
    Snapshot(Snapshot),
    Room(Box<RoomRecord>),
    Media(MediaRef, Option<Vec<u8>>),
    Problem(Problem),
}

/// The end of one run, after so many units of it.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// Dropped between two units.
    After(usize),
    /// Dropped within the next unit, after so many parts.
    Within(usize, usize),
    /// At this step of the packing.
    Packing(u64),
}

fn wanting_all() -> Origin {
    let mut origin = origin();
    origin.wanted.media = Media::All;
    origin
}

fn add(writer: &mut BundleWriter, part: &Part) {
    match part {
        Part::User(user) => writer.user(user).unwrap(),
        Part::Backup(line) => writer.key_backup(line).unwrap(),
        Part::Events(events) => writer.events(events).unwrap(),
        Part::Snapshot(snapshot) => writer.snapshot(snapshot).unwrap(),
        Part::Room(room) => writer.room(room).unwrap(),
        Part::Media(item, content) => {
            let mut content = content.as_deref();
            let content = content.as_mut().map(|content| content as &mut dyn Read);
            writer.media(item.clone(), content).unwrap().unwrap();
        }
        Part::Problem(problem) => writer.problem(problem.clone()),
    }
}

fn add_all<'a>(writer: &mut BundleWriter, parts: impl Iterator<Item = &'a Part>) {
    for part in parts {
        add(writer, part);
    }
}

/// A writer that goes on, or a new one; and the units that it has.
fn begin(out: &Path, units: &[Unit]) -> (BundleWriter, usize) {
    match BundleWriter::resume(out, &wanting_all()).unwrap() {
        Some((writer, position, signers)) => {
            assert_eq!(signers, signers_at(&position));
            let has = |(unit, _): &&Unit| position.has(unit.section, &unit.key);
            (writer, units.iter().take_while(has).count())
        }
        None => (BundleWriter::create(out, wanting_all()).unwrap(), 0),
    }
}

fn signers_at(position: &Position) -> BTreeSet<ruma::OwnedServerName> {
    let name = format!("{}.org", position.key.len());
    [name.as_str().try_into().unwrap()].into()
}

/// Writes all units, with a checkpoint after those of `checkpoints`, in as many runs as there are stops and one more.
fn export(out: &Path, units: &[Unit], checkpoints: &[bool], stops: &[Stop]) {
    let runs = stops.iter().map(Some).chain([None]);
    for stop in runs {
        let (mut writer, has) = begin(out, units);
        let last = match stop {
            Some(Stop::After(count) | Stop::Within(count, _)) => units.len().min(has + count),
            _ => units.len(),
        };
        for (number, (position, parts)) in units.iter().enumerate().take(last).skip(has) {
            add_all(&mut writer, parts.iter());
            if checkpoints[number] {
                writer
                    .checkpoint(position.clone(), signers_at(position))
                    .unwrap();
            }
        }
        if let (Some(Stop::Within(_, count)), Some((_, parts))) = (stop, units.get(last)) {
            let parts = parts
                .iter()
                .take(*count)
                .filter(|part| !matches!(part, Part::Room(_)));
            add_all(&mut writer, parts);
        }
        let at = match stop {
            Some(Stop::Packing(step)) => Some(*step),
            Some(_) => continue,
            None => None,
        };
        writer.server_keys("example.org".try_into().unwrap(), raw("{}"));
        let mut is_last_step = false;
        let finish = panic::AssertUnwindSafe(|| {
            writer.finish(
                &|_, figures| format!("<p>{figures:?}"),
                &mut |done, total| {
                    is_last_step = done == total;
                    if at == Some(done) {
                        // Without the hook that prints.
                        panic::resume_unwind(Box::new(()));
                    }
                },
            )
        });
        match panic::catch_unwind(finish) {
            Ok(finished) => {
                finished.unwrap();
                return;
            }
            // The last step is told of when the bundle is in its place.
            Err(_) if is_last_step && out.exists() => return,
            Err(_) => assert!(!out.exists(), "half a bundle is in its place"),
        }
    }
}

/// Each file, lines unpacked on demand: where frames end tells where the checkpoints were.
fn all_files(dir: &Path, unpacked: bool) -> std::collections::BTreeMap<String, Vec<u8>> {
    let names = files::all(dir, dir).unwrap().into_iter();
    let files = names.map(|name| {
        let mut bytes = fs::read(dir.join(&name)).unwrap();
        if unpacked && name.contains(".ndjson.zst") && !name.starts_with("events/") {
            bytes = zstd::decode_all(&bytes[..]).unwrap();
        }
        (name, bytes)
    });
    files.collect()
}

/// The files that two bundles don't have in common.
fn differing(one: &Path, other: &Path, unpacked: bool) -> Vec<String> {
    let [mut one, mut other] = [one, other].map(|dir| all_files(dir, unpacked));
    one.retain(|name, content| other.get(name) != Some(content) || other.remove(name).is_none());
    one.into_keys().chain(other.into_keys()).collect()
}

/// Users, their backups, rooms with events and snapshots, and media; sizes decide how much of each.
fn units(users: &[usize], rooms: &[(usize, bool)], media: &[Option<usize>]) -> Vec<Unit> {
    let mut all = Vec::new();
    let mut unit = |section, key: &str, parts| {
        let key = key.to_owned();
        all.push((Position { section, key }, parts));
    };
    let id = |number: usize| format!("@u{number}:example.org");
    for (number, pushers) in users.iter().enumerate() {
        let user = serde_json::json!({"user_id": id(number), "displayname": "x".repeat(*pushers)});
        let mut record = UserRecord::new(serde_json::from_value(user).unwrap());
        record.pushers = vec![serde_json::json!({"app_id": "a"}); *pushers];
        let problem = Problem {
            step: "user".into(),
            subject: id(number),
            reason: "odd".into(),
        };
        let mut parts = vec![Part::User(Box::new(record))];
        parts.extend((*pushers == 2).then_some(Part::Problem(problem)));
        unit(Section::Users, &id(number), parts);
    }
    for (number, sessions) in users.iter().enumerate() {
        let line = |text: String| Part::Backup(serde_json::from_str(&text).unwrap());
        let user = id(number);
        let version = line(format!(
            r#"{{"user_id":"{user}","version":"1","algorithm":"m","auth_data":{{}}}}"#
        ));
        let sessions = (0..*sessions).map(|session| {
            line(format!(r#"{{"user_id":"{user}","version":"1","room_id":"r","session_id":"{session}","session":{{}}}}"#))
        });
        unit(
            Section::KeyBackups,
            &user,
            [version].into_iter().chain(sessions).collect(),
        );
    }
    for (number, (events, public)) in rooms.iter().enumerate() {
        let id = format!("!r{number}:example.org");
        let pdu = r#"{"origin_server_ts":1700000000000}"#;
        let events: Vec<_> = (0..*events).map(|event| line(&id, event, pdu)).collect();
        let snapshot = Snapshot {
            room_id: id.as_str().try_into().unwrap(),
            event_id: "$0".try_into().unwrap(),
            state_before: vec!["$1".try_into().unwrap()],
        };
        let (mut room, _) = record(&id, Vec::new());
        room.room.public = Some(*public);
        room.room.event_count = events.len() as u64;
        room.aliases = vec![format!("#a{number}:example.org").try_into().unwrap()];
        let parts = events.chunks(2).map(|events| Part::Events(events.to_vec()));
        let parts = parts.chain([Part::Snapshot(snapshot), Part::Room(Box::new(room))]);
        unit(Section::Rooms, &id, parts.collect());
    }
    for (number, content) in media.iter().enumerate() {
        let id = format!("media{number}");
        let item =
            serde_json::json!({"media_id": id, "media_type": "image/png", "length": content});
        let content = content.map(|length| vec![b'm'; length]);
        let part = Part::Media(serde_json::from_value(item).unwrap(), content);
        unit(Section::Media, &id, vec![part]);
    }
    all
}

fn any_units() -> impl Strategy<Value = Vec<Unit>> {
    use proptest::{collection::vec, option};
    (
        vec(0..4_usize, 0..5),
        vec((0..6_usize, any::<bool>()), 0..5),
        vec(option::of(0..300_000_usize), 0..4),
    )
        .prop_map(|(users, rooms, media)| units(&users, &rooms, &media))
}

fn any_stop() -> impl Strategy<Value = Stop> {
    prop_oneof![
        (0..12_usize).prop_map(Stop::After),
        (0..12_usize, 0..4_usize).prop_map(|(units, parts)| Stop::Within(units, parts)),
        (1..60_u64).prop_map(Stop::Packing),
    ]
}

fn sample_units() -> Vec<Unit> {
    units(
        &[0, 2, 3],
        &[(5, true), (0, false), (2, true)],
        &[Some(9), None, Some(0)],
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn stopped_anywhere_and_resumed_it_is_the_same_bundle(
        units in any_units(),
        checkpoints in proptest::collection::vec(any::<bool>(), 24),
        stops in proptest::collection::vec(any_stop(), 1..4),
        archive in any::<bool>(),
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let name = if archive { "b.tar" } else { "b" };
        let [whole, plain, resumed] = ["whole", "plain", "resumed"].map(|dir| tmp.path().join(dir));
        for dir in [&whole, &plain, &resumed] {
            fs::create_dir(dir).unwrap();
        }
        export(&whole.join(name), &units, &checkpoints, &[]);
        export(&resumed.join(name), &units, &checkpoints, &stops);
        // Nothing but the bundle is left.
        prop_assert_eq!(fs::read_dir(&resumed).unwrap().count(), 1);
        if archive {
            prop_assert!(fs::read(whole.join(name)).unwrap() == fs::read(resumed.join(name)).unwrap());
        } else {
            prop_assert_eq!(differing(&whole.join(name), &resumed.join(name), false), Vec::<String>::new());
            export(&plain.join(name), &units, &[false; 24], &[]);
            prop_assert_eq!(differing(&plain.join(name), &resumed.join(name), true), Vec::<String>::new());
        }
        Bundle::open(&resumed.join(name), &tmp.path().join("work")).unwrap();
    }
}

/// An export that was stopped after a checkpoint at its last unit.
fn interrupted(out: &Path) {
    let (mut writer, _) = begin(out, &[]);
    for (position, parts) in sample_units() {
        add_all(&mut writer, parts.iter());
        writer
            .checkpoint(position.clone(), signers_at(&position))
            .unwrap();
    }
}

#[test]
fn what_came_after_the_checkpoint_and_does_not_come_again_is_not_in_the_bundle() {
    let tmp = tempfile::tempdir().unwrap();
    let (out, units) = (tmp.path().join("b"), sample_units());
    let (last, rest) = units.split_last().unwrap();
    let (mut writer, _) = begin(&out, &[]);
    for (position, parts) in rest {
        add_all(&mut writer, parts.iter());
        writer
            .checkpoint(position.clone(), signers_at(position))
            .unwrap();
    }
    let vanished = MediaRef {
        media_id: "vanished".into(),
        ..serde_json::from_str(r#"{"media_id":"x"}"#).unwrap()
    };
    writer
        .media(vanished, Some(&mut &b"secret"[..]))
        .unwrap()
        .unwrap();
    drop(writer);
    let left = tmp.path().join("b.partial/files/media/va/ni/shed");
    assert!(left.exists());
    let (mut writer, has) = begin(&out, &units);
    assert_eq!(has, rest.len());
    add_all(&mut writer, last.1.iter());
    writer
        .finish(&|_, _| String::new(), &mut |_, _| ())
        .unwrap();
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    assert!(bundle.media_content("vanished").unwrap().is_none());
    assert!(bundle.media_content("media0").unwrap().is_some());
}

#[test]
fn only_an_export_of_the_same_goes_on() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    interrupted(&out);
    let same = Origin {
        exported_ts: 5,
        synapse_version: None,
        ..wanting_all()
    };
    let others = [
        Origin {
            server_name: "elsewhere.org".try_into().unwrap(),
            ..wanting_all()
        },
        Origin {
            source: SourceKind::Database,
            ..wanting_all()
        },
        Origin {
            wanted: Wanted {
                devices: false,
                ..wanting_all().wanted
            },
            ..wanting_all()
        },
    ];
    for other in &others {
        assert_eq!(unfinished(tmp.path(), other), None);
        assert!(BundleWriter::resume(&out, other).unwrap().is_none());
    }
    assert_eq!(unfinished(tmp.path(), &same), Some(out.clone()));
    assert!(BundleWriter::resume(&out, &same).unwrap().is_some());
    // As after a crash while the next checkpoint was being written.
    fs::write(
        tmp.path().join("b.tar.zst.partial/checkpoint.json.partial"),
        "{",
    )
    .unwrap();
    assert!(BundleWriter::resume(&out, &same).unwrap().is_some());
    // One that can't be read is none, and no obstacle.
    fs::write(tmp.path().join("b.tar.zst.partial/checkpoint.json"), "{").unwrap();
    assert_eq!(unfinished(tmp.path(), &same), None);
    assert!(BundleWriter::resume(&out, &same).unwrap().is_none());
    drop(BundleWriter::create(&out, same).unwrap());
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
}

#[test]
fn files_that_are_not_as_the_checkpoint_says_are_named() {
    let tmp = tempfile::tempdir().unwrap();
    let files = tmp.path().join("b.partial/files");
    let said = |damage: &dyn Fn(&Path)| {
        let out = tmp.path().join("b");
        interrupted(&out);
        damage(&files);
        let error = BundleWriter::resume(&out, &wanting_all()).err().unwrap();
        // It stays, for whoever wants to look at it.
        assert!(files.exists());
        fs::remove_dir_all(tmp.path().join("b.partial")).unwrap();
        error.to_string().replace(tmp.path().to_str().unwrap(), "…")
    };
    let shorten = |name: &'static str| move |dir: &Path| fs::write(dir.join(name), "").unwrap();
    insta::assert_snapshot!(said(&shorten("users.json")), @"…/b.partial/files/users.json: is shorter than the interrupted export left it: remove the .partial folder and export again");
    insta::assert_snapshot!(said(&shorten("events/00000.ndjson.zst")), @"…/b.partial/files/events/00000.ndjson.zst: is shorter than the interrupted export left it: remove the .partial folder and export again");
    insta::assert_snapshot!(said(&|dir| fs::remove_file(dir.join("rooms.json")).unwrap()), @"…/b.partial/files/rooms.json: is gone since the interrupted export: remove the .partial folder and export again");
}

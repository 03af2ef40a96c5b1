//! What the targets in `fuzz/` call: whatever the bytes are, reading ends, and nothing panics.

use std::{collections::BTreeMap, fs, path::Path};

use ruma::OwnedRoomId;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{
    Bundle, Events, Lines, OfUser,
    file_names::{EVENT_INDEX, KEY_BACKUPS, MANIFEST, STATE_SNAPSHOTS},
    shards::{Frame, Frames},
};
use crate::{
    hex::hex,
    model::{key_backup::KeyBackupLine, snapshot::Snapshot},
};

/// The room and the user of a bundle that is made here.
const ROOM: &str = "!r:x";
const USER: &str = "@u:x";

/// Each file of a bundle with a content that can be read; [`json_files`] replaces one.
const FILES: [(&str, &str); 20] = [
    ("schema.json", r#"{"exporter_version":2,"server_name":"x"}"#),
    ("users.json", r#"[{"user_id":"@u:x"}]"#),
    ("rooms.json", r#"[{"room_id":"!r:x"}]"#),
    ("room_state.json", r#"{"!r:x":[{}]}"#),
    ("memberships.json", r#"{"!r:x":{"@u:x":"join"}}"#),
    (EVENT_INDEX, r#"{"rooms":{}}"#),
    ("aliases.json", r##"{"#a:x":"!r:x"}"##),
    ("server_keys.json", r#"{"x":[{}]}"#),
    ("problems.json", "[]"),
    ("account_data.json", r#"{"@u:x":{}}"#),
    ("push_rules.json", r#"{"@u:x":{}}"#),
    ("pushers.json", r#"{"@u:x":[]}"#),
    ("receipts.json", r#"{"@u:x":{}}"#),
    ("devices.json", r#"{"@u:x":{"devices":[]}}"#),
    ("device_keys.json", r#"{"@u:x":{}}"#),
    ("cross_signing.json", r#"{"@u:x":{}}"#),
    ("pending.json", r#"{"@u:x":{}}"#),
    ("directory.json", "[]"),
    ("media_refs.json", "[]"),
    (MANIFEST, "{}"),
];

/// Any bytes as an archive: unpacked, and opened as a bundle. Nothing appears beside the folder to unpack in.
pub fn archive(bytes: &[u8]) {
    let Some((dir, path)) = written("a.tar", bytes) else {
        return;
    };
    if let Ok(bundle) = Bundle::open(&path, &dir.path().join("work")) {
        read(&bundle);
    }
    let entries = fs::read_dir(dir.path()).map_or(0, Iterator::count);
    assert!(entries == 2, "{entries} entries instead of 2");
}

/// Any text as the lines of a room's events, of key backups and of state snapshots, compressed and as it is.
pub fn event_lines(text: &[u8]) {
    let compressed = zstd::encode_all(text, 1).unwrap_or_default();
    for content in [&compressed[..], text] {
        let Some((dir, path)) = written("0.ndjson.zst", content) else {
            return;
        };
        let Ok(room) = OwnedRoomId::try_from(ROOM) else {
            return;
        };
        let frames = Frames {
            shard: "0.ndjson.zst".into(),
            version: None,
            outliers: None,
            timeline: Some(Frame {
                offset: 0,
                length: content.len() as u64,
                lines: text.iter().filter(|byte| **byte == b'\n').count() as u64,
            }),
        };
        if let Ok(events) = Events::of(dir.path(), &path, &room, &frames) {
            events.for_each(drop);
        }
        lines::<KeyBackupLine>(dir.path(), content, KEY_BACKUPS);
        lines::<Snapshot>(dir.path(), content, STATE_SNAPSHOTS);
    }
}

fn lines<T: DeserializeOwned>(dir: &Path, content: &[u8], name: &'static str) {
    if fs::write(dir.join(name), content).is_ok()
        && let Ok(lines) = Lines::<T>::open(dir, dir, name)
    {
        lines.for_each(drop);
    }
}

/// The first byte chooses one of a bundle's JSON files, the rest is its content; the manifest fits, unless it is that.
pub fn json_files(data: &[u8]) {
    let (Some((choice, content)), Ok(dir)) = (data.split_first(), tempfile::tempdir()) else {
        return;
    };
    let path = dir.path().join("b");
    let chosen = usize::from(*choice) % FILES.len();
    let mut manifest = BTreeMap::new();
    let _made = fs::create_dir_all(path.join("events"));
    for (number, (name, usual)) in FILES.iter().enumerate() {
        let content = if number == chosen {
            content
        } else {
            usual.as_bytes()
        };
        if *name == MANIFEST && number != chosen {
            let text = serde_json::to_vec(&manifest).unwrap_or_default();
            let _written = fs::write(path.join(name), text);
        } else {
            let _written = fs::write(path.join(name), content);
            manifest.insert(*name, hex(&Sha256::digest(content)));
        }
    }
    match Bundle::open(&path, &dir.path().join("work")) {
        Ok(bundle) => read(&bundle),
        Err(error) => assert!(error.exit_code() == 6, "{error}"),
    }
}

fn written(name: &str, content: &[u8]) -> Option<(TempDir, std::path::PathBuf)> {
    let dir = tempfile::tempdir().ok()?;
    let path = dir.path().join(name);
    fs::write(&path, content).ok()?;
    Some((dir, path))
}

/// Everything that the bundle serves.
fn read(bundle: &Bundle) {
    let _each = (
        bundle.users(),
        bundle.rooms(),
        bundle.aliases(),
        bundle.directory(),
        bundle.media(),
        bundle.server_keys(),
        bundle.problems(),
    );
    if let Ok(room) = OwnedRoomId::try_from(ROOM) {
        let _each = (bundle.room_state(&room), bundle.memberships(&room));
        if let Ok(events) = bundle.events(&room) {
            events.for_each(drop);
        }
    }
    if let Ok(user) = ruma::OwnedUserId::try_from(USER) {
        let _each = (
            bundle.of_user::<crate::model::account_data::AccountData>(OfUser::AccountData, &user),
            bundle.of_user::<crate::model::push_rules::PushRules>(OfUser::PushRules, &user),
            bundle
                .of_user::<crate::model::cross_signing::CrossSigning>(OfUser::CrossSigning, &user),
            bundle.of_user::<serde_json::Value>(OfUser::Devices, &user),
        );
    }
}

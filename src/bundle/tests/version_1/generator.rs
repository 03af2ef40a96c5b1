//! Bundles as the Python toolkit writes them: its published schema (`bundle-schema.md`), and what its exporter does where
//! the schema is silent. An item that it could not read is `{"_error": …}`, or an empty list for a room's state.

use std::{fs, path::Path};

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// What one run of the toolkit had to write.
#[derive(Debug, Clone)]
pub(super) struct Old {
    pub(super) users: Vec<Value>,
    pub(super) rooms: Vec<Value>,
    pub(super) room_state: Map<String, Value>,
    pub(super) memberships: Map<String, Value>,
    pub(super) aliases: Map<String, Value>,
    /// Unless `--no-devices`.
    pub(super) devices: Option<Map<String, Value>>,
    /// `--include-media-refs`, which writes a placeholder.
    pub(super) media_refs: bool,
    /// `--copy-media-path`.
    pub(super) media_store: bool,
}

/// The archive's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    /// Left as it is.
    No,
    /// Without the zstandard module.
    Tar,
    /// With it.
    Zstd,
}

impl Old {
    /// A server with one of everything: what was read, and what was refused.
    pub(super) fn sample() -> Self {
        let map = |value: Value| value.as_object().unwrap().clone();
        Self {
            users: vec![
                user(
                    "@a:example.org",
                    &json!("Ä"),
                    &Value::Null,
                    &json!([{"medium": "email", "address": "a@example.org"}]),
                ),
                user("@b:example.org", &Value::Null, &json!(true), &Value::Null),
            ],
            rooms: vec![
                room("!read:example.org", &json!("#read:example.org")),
                room("!refused:example.org", &json!("no alias")),
            ],
            room_state: map(json!({
                "!read:example.org": [{"type": "m.room.name", "state_key": "", "content": {"name": "x"}}],
                "!refused:example.org": [],
            })),
            memberships: map(json!({
                "!read:example.org": {"@a:example.org": "join", "@b:example.org": "leave"},
                "!refused:example.org": {"_error": "HTTP 403: not in room"},
            })),
            aliases: map(json!({
                "#read:example.org": "!read:example.org",
                "#far:elsewhere.org": "!read:example.org",
                "no alias": "!refused:example.org",
            })),
            devices: Some(map(json!({
                "@a:example.org": {"devices": [device("@a:example.org", "D", &json!("Phone"))], "total": 1},
                "@b:example.org": {"_error": "HTTP 500"},
            }))),
            media_refs: true,
            media_store: true,
        }
    }

    /// Writes the files into an empty directory, in the toolkit's order.
    pub(super) fn write(&self, dir: &Path) {
        let mut files = vec![
            "users.json",
            "rooms.json",
            "room_state.json",
            "memberships.json",
            "aliases.json",
            "metadata.json",
        ];
        put(dir, "users.json", &self.users.clone().into());
        put(dir, "rooms.json", &self.rooms.clone().into());
        put(dir, "room_state.json", &self.room_state.clone().into());
        put(dir, "memberships.json", &self.memberships.clone().into());
        put(dir, "aliases.json", &self.aliases.clone().into());
        if let Some(devices) = &self.devices {
            put(dir, "devices.json", &devices.clone().into());
            files.push("devices.json");
        }
        if self.media_refs {
            put(
                dir,
                "media_refs.json",
                &json!({"note": "media reference scanning disabled by default"}),
            );
            files.push("media_refs.json");
        }
        if self.media_store {
            let folder = dir.join("media_store/local_content/aa/bb");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cccccccccccccccccccc"), "picture").unwrap();
        }
        put(
            dir,
            "metadata.json",
            &json!({
                "server_version": {"server_version": "1.137.0"},
                "users": self.users.len(),
                "rooms": self.rooms.len(),
                "devices_exported": self.devices.is_some(),
                "media_refs": self.media_refs,
                "media_store_copied_bytes": if self.media_store { 7 } else { 0 },
            }),
        );
        put(
            dir,
            "schema.json",
            &json!({"exporter_version": 1, "files": files}),
        );
        let manifest: Map<String, Value> = files
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    hex(&Sha256::digest(fs::read(dir.join(name)).unwrap())).into(),
                )
            })
            .collect();
        put(dir, "manifest.json", &manifest.into());
        fs::write(dir.join("report.html"), "<!doctype html>").unwrap();
    }
}

/// Indented and with sorted keys.
fn put(dir: &Path, name: &str, value: &Value) {
    fs::write(dir.join(name), serde_json::to_string_pretty(value).unwrap()).unwrap();
}

/// Packs a directory as Python's `tarfile` does: POSIX headers, the directory itself first unless it has no name.
pub(super) fn pack(dir: &Path, out: &Path, form: Packed, around: bool) {
    let mut archive = tar::Builder::new(Vec::new());
    let mut waiting = vec![(
        dir.to_owned(),
        if around {
            "export_bundle/".to_owned()
        } else {
            String::new()
        },
    )];
    while let Some((folder, name)) = waiting.pop() {
        if !name.is_empty() {
            archive
                .append_pax_extensions([("mtime", &b"1756284883.1234567"[..])])
                .unwrap();
            archive.append_dir(&name, &folder).unwrap();
        }
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = format!("{name}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                waiting.push((entry.path(), name + "/"));
            } else {
                archive
                    .append_pax_extensions([("path", name.as_bytes())])
                    .unwrap();
                archive.append_path_with_name(entry.path(), &name).unwrap();
            }
        }
    }
    let bytes = archive.into_inner().unwrap();
    match form {
        Packed::No => panic!("a directory is not packed"),
        Packed::Tar => fs::write(out, bytes).unwrap(),
        Packed::Zstd => fs::write(out, zstd::encode_all(&bytes[..], 10).unwrap()).unwrap(),
    }
}

fn user(id: &str, displayname: &Value, is_admin: &Value, threepids: &Value) -> Value {
    json!({
        "name": id,
        "user_id": id,
        "displayname": displayname,
        "is_admin": is_admin,
        "deactivated": false,
        "shadow_banned": false,
        "creation_ts": 1_756_284_883_000_u64,
        "threepids": threepids,
    })
}

fn room(id: &str, canonical_alias: &Value) -> Value {
    json!({
        "room_id": id,
        "name": "Mock Room",
        "canonical_alias": canonical_alias,
        "creator": "@a:example.org",
        "join_rules": "invite",
        "guest_access": "can_join",
        "history_visibility": "shared",
        "federatable": true,
        "public": false,
        "version": "10",
    })
}

fn device(user: &str, id: &str, name: &Value) -> Value {
    json!({
        "device_id": id,
        "display_name": name,
        "last_seen_ip": null,
        "last_seen_ts": null,
        "last_seen_user_agent": null,
        "user_id": user,
    })
}

/// A text, or none.
fn text() -> impl Strategy<Value = Value> {
    option::of(".{0,12}").prop_map(|text| text.map_or(Value::Null, Value::from))
}

/// A flag, or none: Synapse leaves some out.
fn flag() -> impl Strategy<Value = Value> {
    option::of(any::<bool>()).prop_map(|flag| flag.map_or(Value::Null, Value::from))
}

/// What was read, or the reason why not.
fn or_error(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => value,
        1 => "HTTP [45][0-9]{2}: .{0,12}".prop_map(|error| json!({"_error": error})),
    ]
}

/// One room with its state and its members.
fn rooms() -> impl Strategy<Value = Vec<(Value, Value, Value, Value)>> {
    let state = vec("m\\.room\\.(create|name|topic|encryption)", 0..4).prop_map(|types| {
        let events = types
            .iter()
            .map(|kind| json!({"type": kind, "state_key": "", "content": {}}));
        events.collect::<Value>()
    });
    let membership = prop_oneof![Just("join"), Just("leave"), Just("ban"), Just("invite")];
    let members =
        proptest::collection::btree_map("@[a-z]{1,4}:(example|elsewhere)\\.org", membership, 0..4)
            .prop_map(|members| json!(members));
    let alias = prop_oneof![Just(Value::Null), Just(json!("#x:example.org")), text()];
    vec((text(), flag(), alias, state, or_error(members)), 0..4).prop_map(|rooms| {
        let numbered = rooms.into_iter().enumerate();
        numbered
            .map(|(number, (name, federatable, alias, state, members))| {
                let mut room = room(&format!("!r{number}:example.org"), &alias);
                room["name"] = name;
                room["federatable"] = federatable;
                (room, alias, state, members)
            })
            .collect()
    })
}

/// Any run of the toolkit.
pub(super) fn any_run() -> impl Strategy<Value = Old> {
    let threepids = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(
            json!([{"medium": "email", "address": "a@example.org", "added_at": 1, "validated_at": 2}])
        ),
    ];
    let devices = or_error(vec(text(), 0..3).prop_map(|names| {
        let devices = names
            .iter()
            .zip(0..)
            .map(|(name, number)| device("@u:example.org", &format!("D{number}"), name));
        json!({"devices": devices.collect::<Value>(), "total": names.len()})
    }));
    let users = vec((text(), flag(), flag(), threepids, devices), 1..5);
    (users, rooms(), any::<[bool; 3]>()).prop_map(
        |(people, found, [with_devices, media_refs, media_store])| {
            let id = |number: usize| format!("@u{number}:example.org");
            let people = people.into_iter().enumerate();
            let (users, devices): (Vec<_>, Map<_, _>) = people
                .map(
                    |(number, (displayname, is_admin, shadow_banned, threepids, devices))| {
                        let mut user = user(&id(number), &displayname, &is_admin, &threepids);
                        user["shadow_banned"] = shadow_banned;
                        (user, (id(number), devices))
                    },
                )
                .unzip();
            let mut old = Old {
                users,
                rooms: Vec::new(),
                room_state: Map::new(),
                memberships: Map::new(),
                aliases: Map::new(),
                devices: with_devices.then_some(devices),
                media_refs,
                media_store,
            };
            for (room, alias, state, members) in found {
                let id = room["room_id"].as_str().unwrap().to_owned();
                if let Some(alias) = alias.as_str().filter(|alias| !alias.is_empty()) {
                    old.aliases.insert(alias.to_owned(), id.clone().into());
                }
                old.room_state.insert(id.clone(), state);
                old.memberships.insert(id, members);
                old.rooms.push(room);
            }
            old
        },
    )
}

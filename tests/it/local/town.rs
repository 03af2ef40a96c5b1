//! A server of thirty rooms, as the Python toolkit has written it.

use std::{collections::BTreeMap, fs, path::Path};

use ferryman::hex::hex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub(super) const ROOMS: usize = 30;
/// Rooms with all of them.
pub(super) const LARGE: [usize; 3] = [3, 10, 23];
pub(super) const USERS: usize = 500;
/// Local members of the other rooms.
pub(super) const FEW: usize = 12;
pub(super) const SPACE: usize = 0;
pub(super) const CHILDREN: std::ops::Range<usize> = 1..14;
/// Its creator has left it, and another room has taken its place.
pub(super) const REPLACED: usize = 16;
pub(super) const REPLACEMENT: usize = 17;
/// Whoever wants to come in knocks.
pub(super) const KNOCKED_AT: usize = 18;

/// What is to be in a room.
pub(super) struct Wish {
    pub(super) id: String,
    pub(super) version: usize,
    pub(super) members: BTreeMap<String, &'static str>,
    pub(super) state: Vec<Value>,
    pub(super) alias: Option<String>,
}

fn state(kind: &str, key: &str, content: &Value) -> Value {
    json!({ "type": kind, "state_key": key, "content": content, "event_id": "$e", "sender": "@u0:x" })
}

/// A server of thirty rooms as the Python toolkit has written it.
pub(super) struct Town {
    pub(super) server: String,
    pub(super) rooms: Vec<Wish>,
}

impl Town {
    pub(super) fn new(server: &str) -> Self {
        let mut town = Self {
            server: server.to_owned(),
            rooms: Vec::new(),
        };
        town.rooms = (0..ROOMS).map(|number| town.room(number)).collect();
        town
    }

    pub(super) fn user(&self, number: usize) -> String {
        format!("@u{number}:{}", self.server)
    }

    pub(super) fn id(&self, number: usize) -> String {
        format!("!room{number}:{}", self.server)
    }

    fn room(&self, number: usize) -> Wish {
        let version = match number {
            KNOCKED_AT => 10,
            _ => 1 + number % 12,
        };
        let creator = number % FEW;
        let joined = if LARGE.contains(&number) { USERS } else { FEW };
        let mut members: BTreeMap<_, _> = (0..joined).map(|it| (self.user(it), "join")).collect();
        for (who, membership) in [(3, "ban"), (4, "invite"), (5, "leave")] {
            // Not whoever has made it.
            let who = if who == creator { 6 } else { who };
            members.insert(self.user(who), membership);
        }
        members.insert("@bad:elsewhere.test".to_owned(), "ban");
        members.insert("@far:elsewhere.test".to_owned(), "join");
        if number == REPLACED {
            members.insert(self.user(creator), "leave");
        }
        let rule = if number == KNOCKED_AT {
            members.insert(self.user(7), "knock");
            "knock"
        } else {
            ["invite", "public"][number % 2]
        };
        let alias = number
            .is_multiple_of(3)
            .then(|| format!("#room{number}:{}", self.server));
        let state = self.state(number, version, creator, (rule, alias.as_deref()));
        Wish {
            id: self.id(number),
            version,
            members,
            state,
            alias,
        }
    }

    fn state(
        &self,
        number: usize,
        version: usize,
        creator: usize,
        (rule, alias): (&str, Option<&str>),
    ) -> Vec<Value> {
        let mut create = json!({});
        if version > 1 {
            create["room_version"] = json!(version.to_string());
        }
        if version < 11 {
            create["creator"] = json!(self.user(creator));
        }
        if number == SPACE {
            create["type"] = json!("m.space");
        }
        if number == REPLACEMENT {
            create["predecessor"] = json!({ "room_id": self.id(REPLACED), "event_id": "$old" });
        }
        let mut users = json!({ self.user(8): 50 });
        if version < 12 {
            users[self.user(creator)] = json!(100);
        }
        let levels = json!({ "users": users, "users_default": 0, "events_default": 0, "state_default": 50, "ban": 50,
            "kick": 50, "redact": 50, "invite": 50, "events": { "m.room.name": 50, "m.room.power_levels": 100 } });
        let mut all = vec![
            state("m.room.create", "", &create),
            state("m.room.power_levels", "", &levels),
            state(
                "m.room.name",
                "",
                &json!({ "name": format!("Room {number}") }),
            ),
            state("m.room.topic", "", &json!({ "topic": "Ä & <b>" })),
            state("m.room.join_rules", "", &json!({ "join_rule": rule })),
            state(
                "m.room.history_visibility",
                "",
                &json!({ "history_visibility": "joined" }),
            ),
            state(
                "m.room.guest_access",
                "",
                &json!({ "guest_access": "can_join" }),
            ),
            state(
                "org.example.widget",
                "w1",
                &json!({ "n": 7, "list": [1, "two", null] }),
            ),
            state(
                "m.room.member",
                &self.user(1),
                &json!({ "membership": "join", "displayname": "One, here" }),
            ),
        ];
        if let Some(alias) = alias {
            all.push(state(
                "m.room.canonical_alias",
                "",
                &json!({ "alias": alias }),
            ));
        }
        if number.is_multiple_of(5) && number != SPACE {
            let encryption = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
            all.push(state("m.room.encryption", "", &encryption));
        }
        if number == SPACE {
            let child = json!({ "via": [self.server] });
            all.extend(CHILDREN.map(|number| state("m.space.child", &self.id(number), &child)));
        }
        if CHILDREN.contains(&number) {
            let parent = json!({ "via": [self.server], "canonical": true });
            all.push(state("m.space.parent", &self.id(SPACE), &parent));
        }
        if number == REPLACED {
            let content = json!({ "body": "moved", "replacement_room": self.id(REPLACEMENT) });
            all.push(state("m.room.tombstone", "", &content));
        }
        all
    }

    /// Version 1, with a checksum for each file.
    pub(super) fn write(&self, dir: &Path) {
        let user = |number| {
            let id = self.user(number);
            json!({ "user_id": id, "name": id, "displayname": format!("User {number}"), "is_admin": number == 0,
                "deactivated": false, "shadow_banned": false, "creation_ts": 1_700_000_000_000_u64, "threepids": null })
        };
        let users: Value = (0..USERS).map(user).collect();
        let rooms: Value = self
            .rooms
            .iter()
            .zip(0..)
            .map(|(room, number)| {
                json!({ "room_id": room.id, "name": format!("Room {number}"), "canonical_alias": room.alias,
                    "creator": self.user(number % FEW), "join_rules": "invite", "guest_access": "can_join",
                    "history_visibility": "joined", "federatable": true, "public": false,
                    "version": room.version.to_string() })
            })
            .collect();
        let by_room = |content: &dyn Fn(&Wish) -> Value| {
            let rooms = self.rooms.iter();
            rooms
                .map(|room| (room.id.clone(), content(room)))
                .collect::<Map<_, _>>()
        };
        let aliases: Map<_, _> = self
            .rooms
            .iter()
            .filter_map(|room| Some((room.alias.clone()?, json!(room.id))))
            .collect();
        let files = [
            ("users.json", users),
            ("rooms.json", rooms),
            ("room_state.json", by_room(&|room| json!(room.state)).into()),
            (
                "memberships.json",
                by_room(&|room| json!(room.members)).into(),
            ),
            ("aliases.json", aliases.into()),
            ("metadata.json", json!({ "users": USERS, "rooms": ROOMS })),
        ];
        fs::create_dir(dir).unwrap();
        let mut manifest = Map::new();
        for (name, content) in &files {
            let text = serde_json::to_string_pretty(content).unwrap();
            fs::write(dir.join(name), &text).unwrap();
            manifest.insert((*name).to_owned(), hex(&Sha256::digest(&text)).into());
        }
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        let schema = json!({ "exporter_version": 1, "files": names });
        fs::write(dir.join("schema.json"), schema.to_string()).unwrap();
        let manifest = Value::Object(manifest).to_string();
        fs::write(dir.join("manifest.json"), manifest).unwrap();
    }
}

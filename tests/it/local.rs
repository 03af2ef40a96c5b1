//! Rooms that are made anew on real servers: from a bundle of version 1, and a whole Synapse.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ferryman::{
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::{Stage, install},
    },
    engine::{Asked, Engine, ExportOptions},
    hex::hex,
    http::encode,
    lab::{
        client::{Client, v3},
        names::Names,
    },
    migration::{
        local::MADE_FROM,
        outcome::{ImportSummary, Verification},
        plan::UserAction,
    },
    model::mode::Mode,
    report::page::page,
    secret::ExposeSecret,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    journey::{assert_good, job},
    targets::{Target, each_target},
};

const ROOMS: usize = 30;
/// Rooms with all of them.
const LARGE: [usize; 3] = [3, 10, 23];
const USERS: usize = 500;
/// Local members of the other rooms.
const FEW: usize = 12;
const SPACE: usize = 0;
const CHILDREN: std::ops::Range<usize> = 1..14;
/// Its creator has left it, and another room has taken its place.
const REPLACED: usize = 16;
const REPLACEMENT: usize = 17;
/// Whoever wants to come in knocks.
const KNOCKED_AT: usize = 18;

const ANEW: Asked = Asked {
    history: None,
    media: None,
    media_max_mib: None,
    admins: false,
    passwords_for_nobody: false,
    left_out: ferryman::model::stage::Stages::NONE,
    mode: Some(Mode::Local),
    confirmed: None,
};

/// What is to be in a room.
struct Wish {
    id: String,
    version: usize,
    members: BTreeMap<String, &'static str>,
    state: Vec<Value>,
    alias: Option<String>,
}

fn state(kind: &str, key: &str, content: &Value) -> Value {
    json!({ "type": kind, "state_key": key, "content": content, "event_id": "$e", "sender": "@u0:x" })
}

/// A server of thirty rooms as the Python toolkit has written it.
struct Town {
    server: String,
    rooms: Vec<Wish>,
}

impl Town {
    fn new(server: &str) -> Self {
        let mut town = Self {
            server: server.to_owned(),
            rooms: Vec::new(),
        };
        town.rooms = (0..ROOMS).map(|number| town.room(number)).collect();
        town
    }

    fn user(&self, number: usize) -> String {
        format!("@u{number}:{}", self.server)
    }

    fn id(&self, number: usize) -> String {
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
    fn write(&self, dir: &Path) {
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

/// All rooms of a user on the target by their old IDs: the new ID and the whole state with its event IDs.
async fn rooms(
    installation: &Installation,
    users: impl Iterator<Item = String>,
) -> BTreeMap<String, (String, Vec<Value>)> {
    let token = installation.tokens.puppets_as.expose_secret();
    let puppets = Client::anonymous(&installation.config.target.url).with_token("", token);
    let mut found = BTreeMap::new();
    for user in users {
        let acting = |path: String| format!("{path}?user_id={}", encode(&user));
        let joined = puppets.get(&acting(v3(&["joined_rooms"]))).await.unwrap();
        for room in joined["joined_rooms"].as_array().unwrap() {
            let id = room.as_str().unwrap();
            let state = puppets
                .get(&acting(v3(&["rooms", id, "state"])))
                .await
                .unwrap();
            let state = state.as_array().unwrap().clone();
            let create = state.iter().find(|event| event["type"] == "m.room.create");
            if let Some(old) = create.unwrap()["content"][MADE_FROM].as_str() {
                let before = found.insert(old.to_owned(), (id.to_owned(), sorted(state.clone())));
                assert!(
                    before.is_none_or(|(before, _)| before == id),
                    "{old} is there twice"
                );
            }
        }
    }
    found
}

/// By what a state event is of.
fn sorted(mut state: Vec<Value>) -> Vec<Value> {
    state.sort_by_key(|event| format!("{} {}", event["type"], event["state_key"]));
    for event in &mut state {
        // Its age is another each time.
        event.as_object_mut().unwrap().remove("unsigned");
        event.as_object_mut().unwrap().remove("age");
    }
    state
}

fn engine(installation: &Installation) -> Engine {
    Engine::new(
        Arc::new(installation.config.clone()),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_of_version_1_becomes_thirty_rooms() {
    each_target("a bundle of version 1", async |target| {
        let names = Names::fresh().unwrap();
        let between = Between {
            names: &names,
            // Nothing is asked of it.
            source: "http://127.0.0.1:19",
            admin_token: "none".to_owned().into(),
        };
        let is_tuwunel = target == Target::Tuwunel;
        let (installation, _target) = install(&between, &names, is_tuwunel).await.unwrap();
        let town = Town::new(names.server_name.as_str());
        let bundle = installation.folder().join("version-1");
        town.write(&bundle);
        let engine = engine(&installation);

        let begun = std::time::Instant::now();
        let imported = import(&engine, &bundle).await;
        eprintln!("{target:?}: 30 rooms in {:?}", begun.elapsed());
        assert_eq!(imported.rooms_made, ROOMS as u64);
        assert_eq!(imported.aliases, 10);
        let verified = engine.verify(&job(), Some(bundle.clone())).await.unwrap();
        assert_good(&verified);
        all_members_counted(&verified);

        let there = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert_eq!(there.len(), ROOMS);
        for room in &town.rooms {
            as_it_was(&town, room, &there, is_tuwunel);
        }
        // Once more changes nothing: no event is new.
        let again = import(&engine, &bundle).await;
        assert_eq!(again.rooms_made, ROOMS as u64);
        let after = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert!(after == there);
        // Nor where nothing is known of the first time.
        fs::remove_dir_all(installation.config.data_dir.join("ledger")).unwrap();
        import(&engine, &bundle).await;
        let after = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert!(after == there);
    })
    .await;
}

async fn import(engine: &Engine, bundle: &Path) -> ImportSummary {
    let bundle = Some(bundle.to_owned());
    let imported = engine.import_as(&job(), bundle, ANEW).await.unwrap();
    assert_eq!(imported.problems, []);
    imported
}

fn all_members_counted(verified: &Verification) {
    for room in &verified.rooms {
        let is_large = LARGE
            .iter()
            .any(|it| room.room_id.as_str().starts_with(&format!("!room{it}:")));
        let local = if is_large { USERS } else { FEW };
        assert!(room.members.expected >= local as u64 - 1, "{room:?}");
        assert_eq!(room.members.equal, room.members.expected, "{room:?}");
        assert_eq!(room.state.equal, room.state.expected, "{room:?}");
    }
}

/// Compared here once more, by other means than those of the product.
fn as_it_was(
    town: &Town,
    room: &Wish,
    there: &BTreeMap<String, (String, Vec<Value>)>,
    is_tuwunel: bool,
) {
    let (id, state) = &there[&room.id];
    assert_eq!(*id == room.id, is_tuwunel && room.version < 12, "{id}");
    let get = |kind: &str, key: &str| {
        let found = state
            .iter()
            .find(|event| event["type"] == kind && event["state_key"] == key);
        found.map_or(&Value::Null, |event| &event["content"])
    };
    for (user, membership) in &room.members {
        let have = get("m.room.member", user)["membership"].as_str();
        match (*membership, user.ends_with(&town.server)) {
            ("leave", _) => assert!(matches!(have, None | Some("leave")), "{user} in {id}"),
            ("join", false) => assert_eq!(have, None),
            _ => assert_eq!(have, Some(*membership), "{user} in {id}"),
        }
    }
    let joined = state
        .iter()
        .filter(|event| event["content"]["membership"] == "join");
    let wanted = room
        .members
        .iter()
        .filter(|(user, is)| **is == "join" && user.ends_with(&town.server));
    assert_eq!(joined.count(), wanted.count(), "{id}");
    assert_eq!(
        get("m.room.member", &town.user(1))["displayname"],
        "One, here"
    );
    let new = |text: &str| there.get(text).map_or(text, |(new, _)| new).to_owned();
    for event in &room.state {
        let kind = event["type"].as_str().unwrap();
        let key = new(event["state_key"].as_str().unwrap());
        let mut content = event["content"].clone();
        match kind {
            "m.room.create" | "m.room.member" => continue,
            "m.room.tombstone" => content["replacement_room"] = json!(new(&town.id(REPLACEMENT))),
            _ => {}
        }
        assert_eq!(get(kind, &key), &content, "{kind} of {id}");
    }
    let create = get("m.room.create", "");
    if room.id == town.id(SPACE) {
        assert_eq!(create["type"], "m.space");
    }
    if room.id == town.id(REPLACEMENT) {
        assert_eq!(
            create["predecessor"]["room_id"],
            json!(new(&town.id(REPLACED)))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_synapse_is_made_anew() {
    each_target("local mode", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let engine = stage.engine();
        let exported = engine
            .export(&job(), &ExportOptions::default(), Box::new(page))
            .await
            .unwrap();
        let imported = import(&engine, &exported.bundle).await;
        assert_eq!((imported.rooms_carried, imported.remote_joins), (0, 0));
        assert_eq!(imported.rooms_made, stage.filled.counts.rooms as u64);
        let verified = engine.verify(&job(), None).await.unwrap();
        assert_good(&verified);
        let plan = engine.plan(None, None).await.unwrap();
        let carried = plan.users.iter();
        let carried: Vec<_> = carried
            .filter(|user| user.action == UserAction::Carry)
            .map(|user| user.user_id.to_string())
            .collect();
        let users = || carried.iter().cloned();
        let there = rooms(&stage.installation, users()).await;
        assert_eq!(there.len() as u64, imported.rooms_made);
        import(&engine, &exported.bundle).await;
        assert!(rooms(&stage.installation, users()).await == there);
    })
    .await;
}

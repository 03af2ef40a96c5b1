//! A room with ten thousand members on another server: one join, and their history as backfill.
//!
//! No Synapse has to be filled with them: the bundle is written here, each event hashed and signed as its server would.

use std::{collections::BTreeMap, path::Path};

use ferryman::{
    bundle::{BundleWriter, Origin, RoomRecord, SourceKind, UserRecord},
    clock::SystemClock,
    demo::{installation::Between, stage::install},
    engine::Engine,
    lab::names::Names,
    migration::plan::Replayed,
    model::{event_line::EventLine, pdu, wanted::Wanted},
};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedServerName, RoomVersionId,
    serde::{Base64, base64::Standard},
    signatures::{Ed25519KeyPair, hash_and_sign_event, sign_json},
};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    journey::{assert_good, job},
    targets::tuwunel_or_skip,
};

const CROWD: usize = 10_000;
const VERSION: RoomVersionId = RoomVersionId::V11;
const TIME: u64 = 1_700_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_members_come_with_one_join() {
    if !tuwunel_or_skip("a room with 10,000 members") {
        return;
    }
    let names = Names::fresh().unwrap();
    let between = Between {
        names: &names,
        // Nothing is asked of it.
        source: "http://127.0.0.1:19",
        admin_token: "none".to_owned().into(),
    };
    let (installation, _target) = install(&between, &names, true).await.unwrap();
    let engine = Engine::new(
        std::sync::Arc::new(installation.config.clone()),
        std::sync::Arc::new(installation.tokens.clone()),
        std::sync::Arc::new(SystemClock),
    );
    let bundle = installation.folder().join("crowd");
    Crowd::new(&names.server_name).write(&bundle);

    let little = Some(Replayed::Last(0));
    let imported = engine
        .import(&job(), Some(bundle.clone()), little)
        .await
        .unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!((imported.rooms_carried, imported.remote_joins), (1, 1));
    let verification = engine.verify(&job(), Some(bundle)).await.unwrap();
    assert_good(&verification);
    let room = &verification.rooms[0];
    assert_eq!(room.members.equal, CROWD as u64 + 2);
    assert_eq!(room.timeline.equal, CROWD as u64 + 2 + 3 + 5);
}

/// A server that signs.
struct Server {
    name: OwnedServerName,
    key: Ed25519KeyPair,
}

impl Server {
    fn new(name: &str) -> Self {
        let document = Ed25519KeyPair::generate();
        Self {
            name: name.try_into().unwrap(),
            key: Ed25519KeyPair::from_der(&document, "1".to_owned()).unwrap(),
        }
    }

    /// Its key object (server-server API, "Publishing keys").
    fn keys(&self) -> Box<RawValue> {
        let key: Base64<Standard, _> = Base64::new(self.key.public_key().to_vec());
        let object = json!({
            "server_name": self.name, "valid_until_ts": 4_000_000_000_000_u64, "old_verify_keys": {},
            "verify_keys": { "ed25519:1": { "key": key.encode() } },
        });
        let mut object = canonical(object);
        sign_json(self.name.as_str(), &self.key, &mut object).unwrap();
        to_raw_value(&object).unwrap()
    }
}

fn canonical(value: Value) -> CanonicalJsonObject {
    match CanonicalJsonValue::try_from(value).unwrap() {
        CanonicalJsonValue::Object(object) => object,
        other => panic!("{other:?}"),
    }
}

/// The room in the making.
struct Crowd {
    here: Server,
    there: Server,
    room_id: String,
    events: Vec<(OwnedEventId, Box<RawValue>)>,
    /// Event IDs and what a client sees, by type and state key.
    state: BTreeMap<(String, String), (OwnedEventId, Value)>,
}

impl Crowd {
    fn new(server_name: &OwnedServerName) -> Self {
        let mut crowd = Self {
            here: Server::new(server_name.as_str()),
            there: Server::new("crowd.test"),
            room_id: format!("!crowd:{server_name}"),
            events: Vec::new(),
            state: BTreeMap::new(),
        };
        let anna = format!("@anna:{server_name}");
        let ben = format!("@ben:{server_name}");
        crowd.says(
            &anna,
            "m.room.create",
            Some(""),
            &json!({ "room_version": VERSION }),
        );
        crowd.says(
            &anna,
            "m.room.member",
            Some(&anna),
            &json!({ "membership": "join" }),
        );
        let levels = json!({ "users": { anna.clone(): 100 } });
        crowd.says(&anna, "m.room.power_levels", Some(""), &levels);
        crowd.says(
            &anna,
            "m.room.join_rules",
            Some(""),
            &json!({ "join_rule": "public" }),
        );
        crowd.says(
            &ben,
            "m.room.member",
            Some(&ben),
            &json!({ "membership": "join" }),
        );
        for number in 0..CROWD {
            let user = format!("@user{number}:crowd.test");
            let join = json!({ "membership": "join", "displayname": format!("User {number}") });
            crowd.says(&user, "m.room.member", Some(&user), &join);
        }
        for number in 0..5 {
            let by = format!("@user{number}:crowd.test");
            crowd.says(
                &by,
                "m.room.message",
                None,
                &json!({ "msgtype": "m.text", "body": "hello" }),
            );
        }
        crowd
    }

    fn says(&mut self, by: &str, kind: &str, key: Option<&str>, content: &Value) {
        let depth = self.events.len() + 1;
        let auth = |kind: &str, key: &str| {
            let (id, _) = self.state.get(&(kind.to_owned(), key.to_owned()))?;
            Some(id.clone())
        };
        let auth_events: Vec<_> = [
            auth("m.room.create", ""),
            auth("m.room.power_levels", ""),
            auth("m.room.join_rules", "").filter(|_| kind == "m.room.member"),
            auth("m.room.member", by),
        ]
        .into_iter()
        .flatten()
        .collect();
        let previous: Vec<_> = self.events.last().map(|(id, _)| id).into_iter().collect();
        let mut event = json!({
            "type": kind, "sender": by, "room_id": self.room_id, "content": content, "depth": depth,
            "origin_server_ts": TIME + depth as u64, "prev_events": previous, "auth_events": auth_events,
        });
        if let Some(key) = key {
            event["state_key"] = json!(key);
        }
        let server = if by.ends_with(self.here.name.as_str()) {
            &self.here
        } else {
            &self.there
        };
        let mut signed = canonical(event.clone());
        let rules = pdu::rules(&VERSION).unwrap();
        hash_and_sign_event(
            server.name.as_str(),
            &server.key,
            &mut signed,
            &rules.redaction,
        )
        .unwrap();
        let raw = to_raw_value(&signed).unwrap();
        let id = pdu::event_id(&raw, &VERSION).unwrap();
        if let Some(key) = key {
            event["event_id"] = json!(id);
            self.state
                .insert((kind.to_owned(), key.to_owned()), (id.clone(), event));
        }
        self.events.push((id, raw));
    }

    fn write(self, out: &Path) {
        let origin = Origin {
            source: SourceKind::AdminApi,
            synapse_version: None,
            server_name: self.here.name.clone(),
            exported_ts: TIME,
            stream_position: None,
            wanted: Wanted::default(),
        };
        let mut writer = BundleWriter::create(out, origin).unwrap();
        for user in ["anna", "ben"] {
            let user =
                json!({ "user_id": format!("@{user}:{}", self.here.name), "displayname": user });
            let user = UserRecord::new(serde_json::from_value(user).unwrap());
            writer.user(&user).unwrap();
        }
        let members = self
            .state
            .keys()
            .filter(|(kind, _)| kind == "m.room.member");
        let room = json!({
            "room_id": self.room_id, "version": VERSION, "history_complete": true,
            "forward_extremities": [self.events.last().unwrap().0], "event_count": self.events.len(),
        });
        let record = RoomRecord {
            room: serde_json::from_value(room).unwrap(),
            memberships: Some(
                members
                    .map(|(_, user)| (user.as_str().try_into().unwrap(), "join".to_owned()))
                    .collect(),
            ),
            state: Some(
                self.state
                    .values()
                    .map(|(_, event)| to_raw_value(event).unwrap())
                    .collect(),
            ),
            aliases: Vec::new(),
            disordered: false,
        };
        let lines: Vec<_> = self
            .events
            .into_iter()
            .map(|(event_id, pdu)| EventLine {
                room_id: self.room_id.as_str().try_into().unwrap(),
                event_id,
                outlier: false,
                rejected: false,
                soft_failed: false,
                redacted_by: None,
                ts: None,
                pdu,
            })
            .collect();
        writer.events(&lines).unwrap();
        writer.room(&record).unwrap();
        writer.server_keys(self.here.name.clone(), self.here.keys());
        writer.server_keys(self.there.name.clone(), self.there.keys());
        writer
            .finish(&|_, _| String::new(), &mut |_, _| {})
            .unwrap();
    }
}

//! Everything that a server shows a user of what is theirs alone.

use std::collections::{BTreeMap, BTreeSet};

use ferryman::{
    hex::hex,
    http::encode,
    lab::client::{Client, v3},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// As their client sees it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    profile: BTreeMap<String, Value>,
    /// Type → content.
    global: BTreeMap<String, Value>,
    /// Room and type → content.
    rooms: BTreeMap<(String, String), Value>,
    /// Kind and place among the user's own → rule.
    own_rules: BTreeMap<(String, usize), Value>,
    /// Kind and ID → whether it is on, and what it does.
    default_rules: BTreeMap<(String, String), Value>,
    /// Room, type, thread and event.
    receipts: BTreeSet<(String, String, String, String)>,
    /// Room, thread and event of each public receipt → its time.
    times: BTreeMap<[String; 3], Value>,
    joined: BTreeSet<String>,
    /// Room → the name that they have there.
    names: BTreeMap<String, Value>,
    /// Public cross-signing keys by owner and usage; master keys with this user's signatures.
    identities: BTreeMap<String, Value>,
    /// The newest key backup: algorithm, public key with signatures, and every session.
    backup: BTreeMap<String, Value>,
    /// `mxc://` → type and SHA-256.
    media: BTreeMap<String, Value>,
}

impl Seen {
    /// `query` stands behind each request, without `?`; `people` are those whose identities are looked at.
    pub(super) async fn by(client: &Client, query: &str, people: &[&str]) -> Self {
        let mut seen = Self::default();
        let get = async |path: String| client.get(&asked(&path, query)).await.unwrap();
        let profile = get(v3(&["profile", client.user_id()])).await;
        seen.profile = object(&profile).clone().into_iter().collect();
        seen.rules(&get("/_matrix/client/v3/pushrules/".to_owned()).await);
        let filter = json!({ "room": { "timeline": { "limit": 1 } }, "presence": { "types": [] } });
        let filter = encode(&filter.to_string());
        let sync = get(format!(
            "/_matrix/client/v3/sync?timeout=0&full_state=true&filter={filter}"
        ))
        .await;
        for event in events(&sync["account_data"]) {
            let kind = event["type"].as_str().unwrap().to_owned();
            if kind != "m.push_rules" {
                seen.global.insert(kind, event["content"].clone());
            }
        }
        for (room, joined) in object(&sync["rooms"]["join"]) {
            seen.joined.insert(room.clone());
            let member = v3(&["rooms", room, "state", "m.room.member", client.user_id()]);
            let member = get(member).await;
            seen.names.insert(
                room.clone(),
                json!([member["displayname"], member["avatar_url"]]),
            );
            for event in events(&joined["account_data"]) {
                let kind = event["type"].as_str().unwrap().to_owned();
                seen.rooms
                    .insert((room.clone(), kind), event["content"].clone());
            }
            for event in events(&joined["ephemeral"]) {
                if event["type"] == "m.receipt" {
                    seen.receipts(client.user_id(), room, &event["content"]);
                }
            }
        }
        seen.identities(client, query, people).await;
        seen.backup(client, query).await;
        seen
    }

    async fn identities(&mut self, client: &Client, query: &str, people: &[&str]) {
        let path = asked("/_matrix/client/v3/keys/query", query);
        let people: Map<_, _> = people
            .iter()
            .map(|it| ((*it).to_owned(), json!([])))
            .collect();
        let body = json!({ "device_keys": people });
        let keys = client.post(&path, &body).await.unwrap();
        for kind in ["master_keys", "self_signing_keys", "user_signing_keys"] {
            for (user, key) in object(&keys[kind]) {
                let mut key = key.clone();
                // Tuwunel shows the owner of a master key also who else has signed it, and others which of the owner's
                // devices have. Synapse shows each the signatures of their own.
                if kind == "master_keys" {
                    let mut signatures = object(&key["signatures"]).clone();
                    signatures.retain(|by, _| by == client.user_id());
                    key["signatures"] = signatures.into();
                }
                self.identities.insert(format!("{user} {kind}"), key);
            }
        }
    }

    async fn backup(&mut self, client: &Client, query: &str) {
        let path = asked("/_matrix/client/v3/room_keys/version", query);
        let version = match client.get(&path).await {
            Ok(version) => version,
            Err(error) if error.errcode() == Some("M_NOT_FOUND") => return,
            Err(error) => panic!("{error}"),
        };
        let number = version["version"].as_str().unwrap();
        let path = format!("/_matrix/client/v3/room_keys/keys?version={number}");
        let keys = client.get(&asked(&path, query)).await.unwrap();
        for part in ["algorithm", "auth_data", "count"] {
            self.backup.insert(part.to_owned(), version[part].clone());
        }
        for (room, keys) in object(&keys["rooms"]) {
            for (session, key) in object(&keys["sessions"]) {
                self.backup.insert(format!("{room} {session}"), key.clone());
            }
        }
    }

    /// Reads some files through this user's session.
    pub(super) async fn read(&mut self, client: &Client, uris: &[&str]) {
        for uri in uris {
            let (kind, content) = client.download(uri).await.unwrap();
            let digest = hex(&Sha256::digest(&content));
            self.media
                .insert((*uri).to_owned(), json!([kind, content.len(), digest]));
        }
    }

    fn rules(&mut self, answer: &Value) {
        for (kind, rules) in object(&answer["global"]) {
            let mut place = 0;
            for rule in rules.as_array().unwrap() {
                if rule["default"] == true {
                    let id = rule["rule_id"].as_str().unwrap().to_owned();
                    let rule = json!([rule["enabled"], said(rule)["actions"]]);
                    self.default_rules.insert((kind.clone(), id), rule);
                } else {
                    self.own_rules.insert((kind.clone(), place), said(rule));
                    place += 1;
                }
            }
        }
    }

    fn receipts(&mut self, user: &str, room: &str, content: &Value) {
        for (event, types) in object(content) {
            for (kind, users) in object(types) {
                if let Some(said) = users.get(user) {
                    let thread = said["thread_id"].as_str().unwrap_or_default();
                    let receipt = [room, kind, thread, event].map(str::to_owned);
                    self.receipts.insert(receipt.into());
                    if kind == "m.read" {
                        let key = [room, thread, event].map(str::to_owned);
                        self.times.insert(key, said["ts"].clone());
                    }
                }
            }
        }
    }

    /// As Tuwunel 1.4 keeps it: it shows the time zone under another name and numbers in quotes, it has rules of its own
    /// for polls and none for a widget, it has one receipt of each type in a room, without a thread, and it gives out a text's
    /// type as it was uploaded, where Synapse adds the character set.
    pub(super) fn on_tuwunel(mut self, threads_lost: &str) -> Self {
        if let Some(zone) = self.profile.remove("m.tz") {
            self.profile.insert("tz".to_owned(), zone);
        }
        for value in self.profile.values_mut().filter(|value| value.is_number()) {
            *value = value.to_string().into();
        }
        for file in self.media.values_mut() {
            let kind = file[0].as_str().unwrap_or_default();
            file[0] = kind.trim_end_matches("; charset=UTF-8").into();
        }
        self.without_rules_of_servers()
            .with_receipts(|[room, kind, thread, event]| {
                let is_lost = kind == "m.read" && thread == threads_lost;
                (!is_lost).then_some([room, kind, String::new(), event])
            })
    }

    /// Forgets a room that the source doesn't have; whether they are in it.
    pub(super) fn leave_out(&mut self, room: &str) -> bool {
        self.rooms.retain(|(id, _), _| id != room);
        self.names.remove(room);
        self.joined.remove(room)
    }

    /// Room, thread and event of each public receipt, and its time.
    pub(super) fn public_receipts(&self) -> BTreeMap<[String; 3], Value> {
        self.times.clone()
    }

    /// Default rules that only one of both servers has.
    pub(super) fn without_rules_of_servers(mut self) -> Self {
        self.default_rules.retain(|(_, id), _| {
            !id.starts_with(".org.matrix.msc3930.") && id != ".im.vector.jitsi"
        });
        self
    }

    /// As a stand-in has it, where no event is that anybody has read.
    pub(super) fn on_a_stand_in(mut self) -> Self {
        self.rooms.retain(|(_, kind), _| kind != "m.fully_read");
        self.with_receipts(|_| None)
    }

    fn with_receipts(mut self, change: impl Fn([String; 4]) -> Option<[String; 4]>) -> Self {
        let receipts = std::mem::take(&mut self.receipts).into_iter();
        let changed = receipts.filter_map(|receipt| change(receipt.into()).map(Into::into));
        self.receipts = changed.collect();
        self
    }

    /// What is otherwise on the other server.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        let mut maps = |name: &str, one: &Value, other: &Value| {
            let (one, other) = (object(one), object(other));
            let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let (one, other) = (one.get(key), other.get(key));
                if one != other {
                    let shown = |value: Option<&Value>| {
                        value.map_or("nothing".to_owned(), Value::to_string)
                    };
                    all.push(format!("{name} {key}: {} → {}", shown(one), shown(other)));
                }
            }
        };
        maps("profile", &json!(self.profile), &json!(other.profile));
        maps("global", &json!(self.global), &json!(other.global));
        maps("name in", &json!(self.names), &json!(other.names));
        maps(
            "identity",
            &json!(self.identities),
            &json!(other.identities),
        );
        maps("backup", &json!(self.backup), &json!(other.backup));
        maps("file", &json!(self.media), &json!(other.media));
        maps("rooms", &by_text(&self.rooms), &by_text(&other.rooms));
        maps(
            "own rule",
            &by_text(&self.own_rules),
            &by_text(&other.own_rules),
        );
        maps(
            "default rule",
            &by_text(&self.default_rules),
            &by_text(&other.default_rules),
        );
        let receipts = |seen: &BTreeSet<_>| {
            seen.iter()
                .map(|receipt| (format!("{receipt:?}"), json!(1)))
                .collect::<Map<_, _>>()
        };
        maps(
            "receipt",
            &receipts(&self.receipts).into(),
            &receipts(&other.receipts).into(),
        );
        let joined = |seen: &BTreeSet<String>| {
            seen.iter()
                .map(|room| (room.clone(), json!(1)))
                .collect::<Map<_, _>>()
        };
        maps(
            "joined",
            &joined(&self.joined).into(),
            &joined(&other.joined).into(),
        );
        all
    }
}

/// A rule in the words of specification 1.7: older clients and servers say the same with more words.
fn said(rule: &Value) -> Value {
    let mut rule = rule.clone();
    for action in rule["actions"].as_array_mut().unwrap().iter_mut() {
        let is_silent = *action == "dont_notify"
            || action["set_tweak"] == "highlight" && action["value"] == false;
        if is_silent {
            *action = Value::Null;
        } else if action["set_tweak"] == "highlight" && action["value"] == true {
            action.as_object_mut().unwrap().remove("value");
        }
    }
    let actions = rule["actions"].as_array_mut().unwrap();
    actions.retain(|action| !action.is_null());
    // What is done with an event has no order.
    actions.sort_by_key(Value::to_string);
    for condition in rule["conditions"].as_array_mut().into_iter().flatten() {
        if let Some(number) = condition["is"]
            .as_str()
            .and_then(|is| is.strip_prefix("=="))
        {
            condition["is"] = number.to_owned().into();
        }
    }
    rule
}

fn by_text<K: std::fmt::Debug>(map: &BTreeMap<K, Value>) -> Value {
    let entries = map
        .iter()
        .map(|(key, value)| (format!("{key:?}"), value.clone()));
    Value::Object(entries.collect())
}

fn asked(path: &str, query: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{query}")
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn events(value: &Value) -> impl Iterator<Item = &Value> {
    value["events"].as_array().into_iter().flatten()
}

//! What was said in rooms that were made anew, read as their makers and compared with the bundle by other means than those
//! of the product.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use ferryman::{
    bundle::Bundle,
    demo::installation::Installation,
    http::encode,
    lab::client::{Client, v3},
    model::event_line::EventLine,
    secret::ExposeSecret,
    target::resend::REPLAYED,
};
use serde_json::{Value, json};

/// Old ID → (new ID, state).
type Rooms = BTreeMap<String, (String, Vec<Value>)>;

/// What was sent again, by the rooms' old IDs: in the target's order.
pub(super) async fn said(
    installation: &Installation,
    rooms: &Rooms,
) -> BTreeMap<String, Vec<Value>> {
    let token = installation.tokens.puppets_as.expose_secret();
    let puppets = Client::anonymous(&installation.config.target.url).with_token("", token);
    let mut all = BTreeMap::new();
    for (old, (new, state)) in rooms {
        let create = state.iter().find(|event| event["type"] == "m.room.create");
        let maker = create.unwrap()["sender"].as_str().unwrap();
        let (mut said, mut from) = (Vec::new(), String::new());
        loop {
            let path = v3(&["rooms", new, "messages"]);
            let query = format!("{path}?dir=f&limit=100&user_id={}{from}", encode(maker));
            let page = puppets.get(&query).await.unwrap();
            let chunk = page["chunk"].as_array().unwrap();
            said.extend(
                chunk
                    .iter()
                    .filter(|it| it["content"].get(REPLAYED).is_some())
                    .cloned(),
            );
            match page["end"].as_str().filter(|_| !chunk.is_empty()) {
                Some(end) => from = format!("&from={}", encode(end)),
                None => break,
            }
        }
        for event in &mut said {
            // Its age is another each time.
            event.as_object_mut().unwrap().remove("unsigned");
            event.as_object_mut().unwrap().remove("age");
        }
        all.insert(old.clone(), said);
    }
    all
}

/// How often each kind of relation, and each type, was seen. `able` are those who came over.
pub(super) fn as_before(
    bundle: &Path,
    work: &Path,
    (rooms, able): (&Rooms, &[String]),
    said: &BTreeMap<String, Vec<Value>>,
) -> BTreeMap<String, u64> {
    let bundle = Bundle::open(bundle, work).unwrap();
    let mut kinds = BTreeMap::new();
    for (old, said) in said {
        let room = old.as_str().try_into().unwrap();
        let before: Vec<EventLine> = bundle
            .events(room)
            .unwrap()
            .map(Result::unwrap)
            .filter(EventLine::is_in_timeline)
            .collect();
        let members = bundle.memberships(room).unwrap();
        let mark = |event: &Value| {
            event["content"][REPLAYED]["event_id"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let ids: BTreeMap<String, String> = said
            .iter()
            .map(|it| (mark(it), it["event_id"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(ids.len(), said.len(), "something was said twice in {old}");
        let order: Vec<&EventLine> = before
            .iter()
            .filter(|line| ids.contains_key(line.event_id.as_str()))
            .collect();
        assert_eq!(order.len(), said.len(), "{old}");
        for (line, event) in order.iter().zip(said) {
            assert_eq!(
                line.event_id.as_str(),
                mark(event),
                "another order in {old}"
            );
            assert!(line.redacted_by.is_none());
            let pdu: Value = serde_json::from_str(line.pdu.get()).unwrap();
            for field in ["type", "sender", "origin_server_ts"] {
                assert_eq!(pdu[field], event[field], "{field} of {event}");
            }
            assert_eq!(
                pdu["origin_server_ts"],
                event["content"][REPLAYED]["origin_server_ts"]
            );
            *kinds
                .entry(pdu["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
            let relation = related(&pdu, &ids, &mut kinds);
            let mut have = event["content"].clone();
            have.as_object_mut().unwrap().remove(REPLAYED);
            let mut want = pdu["content"].clone();
            want["m.relates_to"] = relation.clone();
            if relation.is_null() {
                want.as_object_mut().unwrap().remove("m.relates_to");
            }
            assert_eq!(have, want, "{} in {old}", line.event_id);
        }
        // What nobody hid, by those who are there, is there.
        let is_open = before.iter().all(|line| {
            let text = line.pdu.get();
            !text.contains("\"history_visibility\":\"joined\"")
                && !text.contains("\"history_visibility\":\"invited\"")
        });
        let there: BTreeSet<_> = ids.keys().map(String::as_str).collect();
        for line in before.iter().filter(|_| is_open) {
            let pdu: Value = serde_json::from_str(line.pdu.get()).unwrap();
            let sender = pdu["sender"].as_str().unwrap();
            let is_joined = members
                .iter()
                .any(|(user, is)| user == sender && is == "join");
            let is_able = able.iter().any(|user| user == sender);
            let is_plain =
                pdu["type"] == "m.room.message" && pdu["content"].get("m.relates_to").is_none();
            if is_plain && is_joined && is_able && line.redacted_by.is_none() {
                assert!(
                    there.contains(line.event_id.as_str()),
                    "{pdu} is not in {old}"
                );
            } else if !is_joined || !is_able || line.redacted_by.is_some() {
                assert!(!there.contains(line.event_id.as_str()), "{pdu} is in {old}");
            }
        }
        if rooms[old].0 != *old {
            assert!(said.iter().all(|event| event["type"] != "m.room.encrypted"));
        }
    }
    kinds
}

/// What the relation must be by now.
fn related(
    pdu: &Value,
    ids: &BTreeMap<String, String>,
    kinds: &mut BTreeMap<String, u64>,
) -> Value {
    let mut relation = pdu["content"]["m.relates_to"].clone();
    let new = |id: &Value| ids.get(id.as_str().unwrap()).cloned();
    if let Some(kind) = relation["rel_type"].as_str().map(str::to_owned) {
        match new(&relation["event_id"]) {
            Some(id) => {
                relation["event_id"] = json!(id);
                *kinds.entry(kind).or_default() += 1;
            }
            None if kind == "m.thread" => return Value::Null,
            None => panic!("{pdu} belongs to nothing"),
        }
    }
    if let Some(id) = relation["m.in_reply_to"].get("event_id") {
        match new(id) {
            Some(id) => {
                relation["m.in_reply_to"]["event_id"] = json!(id);
                *kinds.entry("reply".to_owned()).or_default() += 1;
            }
            None => drop(relation.as_object_mut().unwrap().remove("m.in_reply_to")),
        }
    }
    if relation.as_object().is_some_and(serde_json::Map::is_empty) {
        return Value::Null;
    }
    relation
}

//! A small bundle with everything in it that makes an import take another way.

mod settings;
mod talk;

pub(super) use talk::talk;

use std::{collections::BTreeMap, path::Path};

use ruma::{OwnedEventId, RoomVersionId};
use serde_json::{Value, json, value::to_raw_value};

use crate::{
    bundle::{BundleWriter, Origin, RoomRecord, SourceKind, UserRecord},
    model::{
        cross_signing::CrossSigning,
        event_line::EventLine,
        media::MediaRef,
        pdu,
        wanted::{Media, Wanted},
    },
};

pub(super) const ANNA: &str = "@anna:ferry.test";
/// Has an account on the target already.
pub(super) const BEN: &str = "@ben:ferry.test";
pub(super) const CARA: &str = "@cara:ferry.test";
/// Closed on Synapse.
pub(super) const DORA: &str = "@dora:ferry.test";

/// The media that can be carried over: ID, type, name, content.
pub(super) const MEDIA: [(&str, &str, &str, &[u8]); 3] = [
    ("aaempty", "text/plain", "empty.txt", b""),
    ("aaimage", "image/png", "Fähre.png", b"\x89PNG ferry"),
    ("aanotes", "text/plain", "notes.txt", b"some notes"),
];

/// A room that is written event by event.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) room_id: String,
    pub(super) version: RoomVersionId,
    pub(super) alias: Option<&'static str>,
    /// Whether Anna has read its beginning; the first room is read in any case.
    pub(super) is_read: bool,
    /// In their order, with their IDs.
    pub(super) events: Vec<(OwnedEventId, Value)>,
    /// Events that were deleted, by what has deleted them.
    redacted: BTreeMap<OwnedEventId, OwnedEventId>,
}

impl Draft {
    fn new(room_id: &str, version: RoomVersionId, creator: &str) -> Self {
        let mut draft = Self {
            room_id: room_id.to_owned(),
            version,
            alias: None,
            is_read: false,
            events: Vec::new(),
            redacted: BTreeMap::new(),
        };
        let content = json!({ "creator": creator, "room_version": draft.version });
        let create = draft.event(creator, "m.room.create", Some(""), &content);
        if room_id.is_empty() {
            // From version 12 on a room is named after its create event.
            draft.room_id = create.as_str().replacen('$', "!", 1);
        }
        draft.member(creator, "join");
        let levels = json!({ "users": { creator: 100 } });
        draft.event(creator, "m.room.power_levels", Some(""), &levels);
        draft
    }

    /// Adds an event after the last one.
    fn event(&mut self, by: &str, kind: &str, key: Option<&str>, content: &Value) -> OwnedEventId {
        let last: Vec<_> = self
            .events
            .last()
            .map(|(id, _)| id.clone())
            .into_iter()
            .collect();
        self.event_after(&last, by, kind, key, content)
    }

    fn event_after(
        &mut self,
        after: &[OwnedEventId],
        by: &str,
        kind: &str,
        key: Option<&str>,
        content: &Value,
    ) -> OwnedEventId {
        let depth = self.events.len() + 1;
        let mut pdu = json!({
            "type": kind, "sender": by, "content": content, "depth": depth, "origin_server_ts": 1000 + depth,
            "prev_events": after, "auth_events": [],
        });
        if let Some(key) = key {
            pdu["state_key"] = json!(key);
        }
        if !self.room_id.is_empty() {
            pdu["room_id"] = json!(self.room_id);
        }
        let pdu = pdu::hashed(pdu);
        let id = pdu::event_id(&to_raw_value(&pdu).unwrap(), &self.version).unwrap();
        self.events.push((id.clone(), pdu));
        id
    }

    fn member(&mut self, user: &str, membership: &str) {
        let content = json!({ "membership": membership, "displayname": "Then" });
        self.event(user, "m.room.member", Some(user), &content);
    }

    fn says(&mut self, by: &str, texts: &[&str]) {
        for text in texts {
            let content = json!({ "msgtype": "m.text", "body": text });
            self.event(by, "m.room.message", None, &content);
        }
    }

    fn topic(&mut self, by: &str, topic: &str) {
        self.event(by, "m.room.topic", Some(""), &json!({ "topic": topic }));
    }

    /// Adds a fork that is joined again; gives the event that comes second.
    pub(super) fn fork(&mut self, by: &str) -> OwnedEventId {
        let last = [self.last().clone()];
        let text = json!({ "msgtype": "m.text", "body": "on a fork" });
        let mut says = |after: &[OwnedEventId], text: &Value| {
            self.event_after(after, by, "m.room.message", None, text)
        };
        let one = says(&last, &text);
        let other = says(
            &last,
            &json!({ "msgtype": "m.text", "body": "on the other" }),
        );
        says(&[one, other.clone()], &text);
        other
    }

    /// Deletes an event.
    pub(super) fn redact(&mut self, by: &str, event: &OwnedEventId) {
        let redaction = self.event(by, "m.room.redaction", None, &json!({ "redacts": event }));
        self.redacted.insert(event.clone(), redaction);
        let (_, pdu) = self.events.iter_mut().find(|(id, _)| id == event).unwrap();
        pdu["content"] = json!({});
    }

    /// The last event's ID.
    pub(super) fn last(&self) -> &OwnedEventId {
        &self.events.last().unwrap().0
    }

    /// The current state in the client's format, by type and state key.
    pub(super) fn state(&self) -> BTreeMap<(String, String), Value> {
        self.events
            .iter()
            .filter_map(|(id, pdu)| Some((state_pair(pdu)?, client_event(id, pdu))))
            .collect()
    }

    fn record(&self) -> (RoomRecord, Vec<EventLine>) {
        let state = self.state();
        let memberships = state
            .iter()
            .filter(|((kind, _), _)| kind == "m.room.member")
            .map(|((_, user), event)| {
                let membership = event["content"]["membership"].as_str().unwrap();
                (user.as_str().try_into().unwrap(), membership.to_owned())
            })
            .collect();
        let room = json!({
            "room_id": self.room_id, "version": self.version, "name": self.alias, "history_complete": true,
            "forward_extremities": [self.last()], "event_count": self.events.len(),
        });
        let events = self
            .events
            .iter()
            .map(|(id, pdu)| EventLine {
                room_id: self.room_id.as_str().try_into().unwrap(),
                event_id: id.clone(),
                outlier: false,
                rejected: false,
                soft_failed: false,
                redacted_by: self.redacted.get(id).cloned(),
                ts: None,
                pdu: to_raw_value(pdu).unwrap(),
            })
            .collect();
        let record = RoomRecord {
            room: serde_json::from_value(room).unwrap(),
            state: Some(
                state
                    .values()
                    .map(|event| to_raw_value(event).unwrap())
                    .collect(),
            ),
            memberships: Some(memberships),
            aliases: self
                .alias
                .iter()
                .map(|alias| (*alias).try_into().unwrap())
                .collect(),
            disordered: false,
        };
        (record, events)
    }
}

/// Type and state key of a state event.
pub(super) fn state_pair(event: &Value) -> Option<(String, String)> {
    Some((
        event["type"].as_str()?.to_owned(),
        event.get("state_key")?.as_str()?.to_owned(),
    ))
}

/// A PDU as a client sees it.
pub(super) fn client_event(id: &OwnedEventId, pdu: &Value) -> Value {
    let mut event = json!({
        "event_id": id, "type": pdu["type"], "sender": pdu["sender"], "content": pdu["content"],
        "origin_server_ts": pdu["origin_server_ts"],
    });
    if let Some(key) = pdu.get("state_key") {
        event["state_key"] = key.clone();
    }
    event
}

/// Four rooms, one for each way in.
pub(super) fn rooms() -> Vec<Draft> {
    vec![harbour(), island(), crew(), fog()]
}

/// One room, so long that its past is worth a backfill.
pub(super) fn long() -> Vec<Draft> {
    let mut room = Draft::new("!long:ferry.test", RoomVersionId::V10, ANNA);
    room.member(BEN, "join");
    for _ in 0..30 {
        room.says(ANNA, &["one", "two"]);
        room.topic(ANNA, "Time");
        room.says(BEN, &["three"]);
    }
    vec![room]
}

/// Its creator is there and joins at the create event.
fn harbour() -> Draft {
    let mut room = Draft::new("!harbour:ferry.test", RoomVersionId::V10, ANNA);
    room.alias = Some("#harbour:ferry.test");
    room.topic(ANNA, "Ships");
    room.member(BEN, "join");
    room.member(DORA, "join");
    room.says(BEN, &["one", "two"]);
    room.topic(ANNA, "More ships");
    room.member(DORA, "leave");
    room.says(ANNA, &["three", "four"]);
    room
}

/// The create event does not name its room.
fn island() -> Draft {
    let mut room = Draft::new("", RoomVersionId::V12, BEN);
    room.alias = Some("#island:ferry.test");
    room.member(ANNA, "join");
    room.says(ANNA, &["one", "two", "three"]);
    room.topic(BEN, "Sand");
    room.says(BEN, &["four", "five", "six"]);
    room
}

/// Its creator has left: another member joins where it first did.
fn crew() -> Draft {
    let mut room = Draft::new("!crew:ferry.test", RoomVersionId::V10, CARA);
    room.topic(CARA, "Sailors");
    room.member(ANNA, "join");
    room.says(ANNA, &["one", "two"]);
    room.says(CARA, &["three"]);
    room.member(CARA, "leave");
    room.topic(ANNA, "Old sailors");
    room.says(ANNA, &["four", "five"]);
    room
}

/// Its creator has left, and what came after is forked: the creator comes back for a moment.
fn fog() -> Draft {
    let mut room = Draft::new("!fog:ferry.test", RoomVersionId::V11, CARA);
    let fork = room.last().clone();
    let tips: Vec<_> = ["left", "right"]
        .into_iter()
        .map(|text| {
            let content = json!({ "msgtype": "m.text", "body": text });
            room.event_after(
                std::slice::from_ref(&fork),
                CARA,
                "m.room.message",
                None,
                &content,
            )
        })
        .collect();
    let content = json!({ "membership": "join" });
    room.event_after(&tips, ANNA, "m.room.member", Some(ANNA), &content);
    room.member(CARA, "leave");
    room.says(ANNA, &["alone"]);
    room
}

fn medium(id: &str, media_type: &str, name: &str, length: usize) -> MediaRef {
    let item = json!({
        "media_id": id, "user_id": ANNA, "media_type": media_type, "upload_name": name, "length": length,
        "created_ts": 1_600_000_000_000_u64,
    });
    serde_json::from_value(item).unwrap()
}

/// What has become of Cara.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Stays,
    /// Her account is closed.
    Closed,
    /// She has a name.
    Named,
}

/// Writes the bundle in which this has become of Cara.
pub(super) fn write(out: &Path, rooms: &[Draft], fate: Fate) {
    let cara = match fate {
        Fate::Stays => json!({ "user_id": CARA }),
        Fate::Closed => json!({ "user_id": CARA, "deactivated": true }),
        Fate::Named => json!({ "user_id": CARA, "displayname": "Cara II" }),
    };
    let origin = Origin {
        source: SourceKind::AdminApi,
        synapse_version: Some("1.2.3".to_owned()),
        server_name: "ferry.test".try_into().unwrap(),
        exported_ts: 1_700_000_000_000,
        stream_position: None,
        wanted: Wanted {
            media: Media::All,
            ..Wanted::default()
        },
    };
    let mut writer = BundleWriter::create(out, origin).unwrap();
    for user in [
        json!({ "user_id": ANNA, "displayname": "Anna", "avatar_url": "mxc://ferry.test/anna", "is_admin": true, "threepids": [{ "medium": "email", "address": "anna@example.net" }, { "medium": "email", "address": "anna@example.org" }] }),
        json!({ "user_id": BEN, "displayname": "Ben" }),
        cara,
        json!({ "user_id": DORA, "deactivated": true, "threepids": [{ "medium": "email", "address": "dora@example.org" }] }),
    ] {
        let mut user = UserRecord::new(serde_json::from_value(user).unwrap());
        user.cross_signing = keys(user.user.user_id.as_str());
        settings::add(&mut user, rooms);
        writer.user(&user).unwrap();
    }
    for line in backups() {
        let line = serde_json::from_value(line).unwrap();
        writer.key_backup(&line).unwrap();
    }
    for room in rooms {
        let (record, events) = room.record();
        writer.events(&events).unwrap();
        writer.room(&record).unwrap();
    }
    for (id, media_type, name, mut content) in MEDIA {
        let item = medium(id, media_type, name, content.len());
        writer.media(item, Some(&mut content)).unwrap().unwrap();
    }
    let lost = medium("bblost", "text/plain", "lost.txt", 5);
    writer.media(lost, None).unwrap().unwrap();
    let keys =
        json!({ "server_name": "ferry.test", "verify_keys": { "ed25519:old": { "key": "b2xk" } } });
    writer.server_keys(
        "ferry.test".try_into().unwrap(),
        to_raw_value(&keys).unwrap(),
    );
    writer
        .finish(&|_, _| String::new(), &mut |_, _| {})
        .unwrap();
}

/// Anna, who has verified Ben, and Ben have an identity.
fn keys(user: &str) -> CrossSigning {
    if ![ANNA, BEN].contains(&user) {
        return CrossSigning::default();
    }
    let key = |kind: &str| {
        let public = format!("{kind} of {user}");
        json!({
            "user_id": user, "usage": [kind], "keys": { format!("ed25519:{public}"): public },
            "signatures": { user: { "ed25519:PHONE": "by the phone" } },
        })
    };
    let by = format!("ed25519:user_signing of {ANNA}");
    let verified = json!({ BEN: { format!("master of {BEN}"): { by: "by Anna" } } });
    let keys = json!({
        "master_key": key("master"), "self_signing_key": key("self_signing"), "user_signing_key": key("user_signing"),
        "signed_users": if user == ANNA { verified } else { json!({}) },
    });
    serde_json::from_value(keys).unwrap()
}

/// Anna has two backups and Ben has one; Dora's account is closed.
fn backups() -> Vec<Value> {
    let version = |user: &str, version: &str| {
        json!({
            "user_id": user, "version": version, "algorithm": "m.megolm",
            "auth_data": { "public_key": format!("{user} {version}") },
        })
    };
    let session = |user: &str, version: &str, room: &str, session: &str| {
        json!({
            "user_id": user, "version": version, "room_id": room, "session_id": session,
            "session": { "session_data": session, "is_verified": true },
        })
    };
    vec![
        version(ANNA, "1"),
        session(ANNA, "1", "!harbour:ferry.test", "old"),
        version(ANNA, "3"),
        session(ANNA, "3", "!crew:ferry.test", "one"),
        session(ANNA, "3", "!crew:ferry.test", "two"),
        session(ANNA, "3", "!harbour:ferry.test", "old"),
        version(BEN, "1"),
        session(BEN, "1", "!harbour:ferry.test", "his"),
        version(DORA, "1"),
        session(DORA, "1", "!harbour:ferry.test", "hers"),
    ]
}

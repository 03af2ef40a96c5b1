//! A database like Synapse's with as many events as wanted, for measuring: made in seconds, with true hashes.
//!
//! Only the tables and columns that hold rooms, as `storage/schema` of Synapse 1.163 has them; signatures are made up.

use std::path::Path;

use ruma::{CanonicalJsonObject, CanonicalJsonValue, RoomVersionId, serde::Base64};
use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SCHEMA: &str = "
CREATE TABLE erased_users (user_id TEXT NOT NULL);
CREATE TABLE rooms (room_id TEXT PRIMARY KEY NOT NULL, is_public BOOL, creator TEXT, room_version TEXT);
CREATE TABLE room_stats_state (room_id TEXT NOT NULL, name TEXT, canonical_alias TEXT);
CREATE UNIQUE INDEX room_stats_state_room ON room_stats_state (room_id);
CREATE TABLE events (stream_ordering INTEGER PRIMARY KEY, topological_ordering BIGINT NOT NULL, event_id TEXT NOT NULL,
  type TEXT NOT NULL, room_id TEXT NOT NULL, outlier BOOL NOT NULL, depth BIGINT DEFAULT 0 NOT NULL,
  origin_server_ts BIGINT, received_ts BIGINT, sender TEXT, state_key TEXT, rejection_reason TEXT, UNIQUE (event_id));
CREATE INDEX events_order_room ON events (room_id, topological_ordering, stream_ordering);
CREATE INDEX events_room_stream ON events (room_id, stream_ordering);
CREATE TABLE event_json (event_id TEXT NOT NULL, room_id TEXT NOT NULL, internal_metadata TEXT NOT NULL,
  json TEXT NOT NULL, format_version INTEGER, UNIQUE (event_id));
CREATE TABLE redactions (event_id TEXT NOT NULL, redacts TEXT NOT NULL, have_censored BOOL NOT NULL DEFAULT false,
  received_ts BIGINT, recheck BOOLEAN NOT NULL DEFAULT true, UNIQUE (event_id));
CREATE INDEX redactions_redacts ON redactions (redacts);
CREATE TABLE current_state_events (event_id TEXT NOT NULL, room_id TEXT NOT NULL, type TEXT NOT NULL,
  state_key TEXT NOT NULL, UNIQUE (event_id), UNIQUE (room_id, type, state_key));
CREATE TABLE event_forward_extremities (event_id TEXT NOT NULL, room_id TEXT NOT NULL, UNIQUE (event_id, room_id));
CREATE INDEX ev_extrem_room ON event_forward_extremities (room_id);
CREATE TABLE event_to_state_groups (event_id TEXT NOT NULL, state_group BIGINT NOT NULL, UNIQUE (event_id));
CREATE TABLE state_group_edges (state_group BIGINT NOT NULL, prev_state_group BIGINT NOT NULL);
CREATE UNIQUE INDEX state_group_edges_unique_idx ON state_group_edges (state_group, prev_state_group);
CREATE TABLE state_groups_state (state_group BIGINT NOT NULL, room_id TEXT NOT NULL, type TEXT NOT NULL,
  state_key TEXT NOT NULL, event_id TEXT NOT NULL);
CREATE INDEX state_groups_state_type_idx ON state_groups_state (state_group, type, state_key);
CREATE TABLE room_aliases (room_alias TEXT NOT NULL, room_id TEXT NOT NULL, UNIQUE (room_alias));
CREATE INDEX room_aliases_id ON room_aliases (room_id);
CREATE TABLE blocked_rooms (room_id TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE UNIQUE INDEX blocked_rooms_idx ON blocked_rooms (room_id);
";

/// The name of the server in such a database.
pub const SERVER_NAME: &str = "synthetic.example";

/// Every so many messages, one redacts the one before.
const REDACTION_EVERY: u64 = 50;

/// A room in the making.
struct Room {
    id: String,
    sender: String,
    last: Option<String>,
    auth_events: Vec<String>,
    /// The state group after the last event, and its number of entries.
    group: i64,
    depth: i64,
}

/// What a new event is.
struct New {
    kind: &'static str,
    state_key: Option<String>,
    content: Value,
}

/// Makes the file `path`, with `events` events in `rooms` rooms of version 11, mixed as they are on a server.
///
/// The error is SQLite's, for instance when the file is there already.
pub fn write(path: &Path, rooms: u64, events: u64) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    let mut town: Vec<_> = (0..rooms).map(Room::new).collect();
    for room in &town {
        transaction
            .prepare_cached("INSERT INTO rooms VALUES (?, false, ?, '11')")?
            .execute(params![room.id, room.sender])?;
        transaction
            .prepare_cached("INSERT INTO room_stats_state VALUES (?, NULL, NULL)")?
            .execute(params![room.id])?;
    }
    for number in 0..events {
        let room = &mut town[usize::try_from(number % rooms).unwrap_or_default()];
        room.next(&transaction, number)?;
    }
    for room in &town {
        if let Some(last) = &room.last {
            transaction
                .prepare_cached("INSERT INTO event_forward_extremities VALUES (?, ?)")?
                .execute(params![last, room.id])?;
        }
    }
    transaction.commit()
}

impl Room {
    fn new(number: u64) -> Self {
        let name: Base64<ruma::serde::base64::UrlSafe, Vec<u8>> =
            Base64::new(Sha256::digest(number.to_be_bytes())[..13].to_vec());
        Self {
            id: format!("!{}:{SERVER_NAME}", name.encode()),
            sender: format!("@user{}:{SERVER_NAME}", number % 1000),
            last: None,
            auth_events: Vec::new(),
            group: 0,
            depth: 0,
        }
    }

    fn next(&mut self, to: &Transaction<'_>, number: u64) -> rusqlite::Result<()> {
        let state = |kind, key: &str, content| New {
            kind,
            state_key: Some(key.to_owned()),
            content,
        };
        let new = match self.depth {
            0 => state("m.room.create", "", json!({"room_version": "11"})),
            1 => state(
                "m.room.member",
                &self.sender,
                json!({"membership": "join", "displayname": "Somebody"}),
            ),
            2 => state(
                "m.room.power_levels",
                "",
                json!({"users": {&self.sender: 100}}),
            ),
            3 => state("m.room.join_rules", "", json!({"join_rule": "invite"})),
            4 => state("m.room.name", "", json!({"name": format!("Room {number}")})),
            depth if depth.unsigned_abs() % REDACTION_EVERY == 0 => New {
                kind: "m.room.redaction",
                state_key: None,
                content: json!({"redacts": self.last, "reason": "off topic"}),
            },
            _ => New {
                kind: "m.room.message",
                state_key: None,
                content: json!({
                    "msgtype": "m.text",
                    "body": format!("Message {number}: {}", "all that people say. ".repeat(1 + usize::try_from(number % 17).unwrap_or_default())),
                    "m.mentions": {},
                }),
            },
        };
        self.add(to, number, &new)
    }

    fn add(&mut self, to: &Transaction<'_>, number: u64, new: &New) -> rusqlite::Result<()> {
        let ts = 1_700_000_000_000 + number * 1000;
        self.depth += 1;
        let mut event = json!({
            "auth_events": self.auth_events,
            "prev_events": self.last.iter().collect::<Vec<_>>(),
            "room_id": self.id,
            "sender": self.sender,
            "depth": self.depth,
            "origin_server_ts": ts,
            "type": new.kind,
            "content": new.content,
        });
        if let Some(key) = &new.state_key {
            event["state_key"] = json!(key);
        }
        let (id, mut event) = signed(event);
        event["unsigned"] = json!({"age_ts": ts});
        let stream_ordering = i64::try_from(number + 1).unwrap_or(i64::MAX);
        to.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, false, ?, ?, ?, ?, ?, NULL)")?
            .execute(params![
                stream_ordering,
                self.depth,
                id,
                new.kind,
                self.id,
                self.depth,
                ts,
                ts,
                self.sender,
                new.state_key
            ])?;
        to.prepare_cached("INSERT INTO event_json VALUES (?, ?, '{}', ?, 3)")?
            .execute(params![id, self.id, event.to_string()])?;
        if let Some(key) = &new.state_key {
            let row = params![id, self.id, new.kind, key];
            to.prepare_cached("INSERT INTO current_state_events VALUES (?, ?, ?, ?)")?
                .execute(row)?;
            to.prepare_cached("INSERT INTO state_groups_state VALUES (?, ?, ?, ?, ?)")?
                .execute(params![stream_ordering, self.id, new.kind, key, id])?;
            if self.group > 0 {
                to.prepare_cached("INSERT INTO state_group_edges VALUES (?, ?)")?
                    .execute(params![stream_ordering, self.group])?;
            }
            self.group = stream_ordering;
            if self.auth_events.len() < 3 {
                self.auth_events.push(id.clone());
            }
        }
        to.prepare_cached("INSERT INTO event_to_state_groups VALUES (?, ?)")?
            .execute(params![id, self.group])?;
        if new.kind == "m.room.redaction" {
            to.prepare_cached("INSERT INTO redactions VALUES (?, ?, false, ?, false)")?
                .execute(params![id, new.content["redacts"].as_str(), ts])?;
        }
        self.last = Some(id);
        Ok(())
    }
}

/// Adds hashes and something like a signature; gives the ID, too.
fn signed(event: Value) -> (String, Value) {
    let mut object: CanonicalJsonObject = serde_json::from_value(event).unwrap_or_default();
    if let Ok(hash) = ruma::signatures::content_hash(&object) {
        let hashes = [(
            "sha256".to_owned(),
            CanonicalJsonValue::String(hash.encode()),
        )];
        object.insert(
            "hashes".to_owned(),
            CanonicalJsonValue::Object(hashes.into()),
        );
    }
    let id = RoomVersionId::V11
        .rules()
        .and_then(|rules| ruma::signatures::reference_hash(&object, &rules).ok())
        .map_or_else(String::new, |hash| format!("${hash}"));
    let mut event = serde_json::to_value(object).unwrap_or_default();
    event["signatures"] = json!({SERVER_NAME: {"ed25519:a_made": format!("{id}{id}")}});
    (id, event)
}

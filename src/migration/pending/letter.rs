//! What is handed over for one who waits: the event, and what they see of the room.

use ruma::{OwnedEventId, RoomId, RoomVersionId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{read, view};
use crate::{
    Error, Result,
    bundle::Bundle,
    migration::plan::RoomPlan,
    model::{
        pdu::{self, PduHeader},
        pending::Pending,
    },
};

/// An invite, or what a knock is made from.
#[derive(Debug)]
pub enum Letter {
    /// The event goes as it is.
    Invite {
        /// The room's version.
        version: RoomVersionId,
        /// The event.
        event_id: OwnedEventId,
        /// The event in the federation format.
        pdu: Box<RawValue>,
        /// Stripped state.
        view: Vec<Box<RawValue>>,
    },
    /// The user knocks anew.
    Knock {
        /// The room's version.
        version: RoomVersionId,
        /// The knock on Synapse.
        knock: PduHeader,
        /// What they said when they knocked.
        reason: Option<String>,
        /// Each event of the stripped state, as a PDU where the bundle has the event: Tuwunel keeps only those.
        view: Vec<Box<RawValue>>,
    },
}

#[derive(Debug, Deserialize)]
struct Said {
    reason: Option<String>,
}

impl Letter {
    /// Reads it from the bundle; blocks.
    pub fn read(bundle: &Bundle, room: &RoomPlan, user: &UserId) -> Result<Self> {
        let pending = entry(bundle, &room.room_id, user)?;
        let view = view::of(bundle, &pending)?;
        let missing = |what: &str| {
            Error::Target(format!(
                "the bundle does not have {what} of what waits there: export again"
            ))
        };
        let version = room.version.clone().ok_or_else(|| missing("the version"))?;
        let pdu = pending.pdu.ok_or_else(|| missing("the event"))?;
        if pending.membership == "invite" {
            return Ok(Self::Invite {
                version,
                event_id: pending.event_id,
                pdu,
                view,
            });
        }
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::Target(format!(
                "{} can't be read in the bundle ({error}): export again",
                pending.event_id
            ))
        };
        let content = pdu::content(&pdu).map_err(|error| unreadable(&error))?;
        let said = serde_json::from_str::<Said>(content.get());
        Ok(Self::Knock {
            version,
            knock: PduHeader::of(&pdu).map_err(|error| unreadable(&error))?,
            reason: said.ok().and_then(|said| said.reason),
            view: view::as_pdus(bundle, &room.room_id, view)?,
        })
    }
}

/// What waits for a user in a room.
pub(super) fn entry(bundle: &Bundle, room: &RoomId, user: &UserId) -> Result<Pending> {
    if let Some(pending) = read::of(bundle, user)?.remove(room) {
        return Ok(pending);
    }
    read::in_room(bundle, room, user)?.ok_or_else(|| {
        Error::Target(format!(
            "nothing of {user} waits in the bundle: export again"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ruma::{owned_room_id, user_id};
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;
    use crate::{
        bundle::{BundleWriter, Origin, RoomRecord, SourceKind, UserRecord},
        migration::{pending::waiting, plan::RoomAction},
        model::{event_line::EventLine, room::Room, wanted::Wanted},
    };

    const ROOM: &str = "!r:x";

    /// Type, state key, sender, content.
    type Stated = (&'static str, &'static str, &'static str, Value);

    fn state() -> Vec<Stated> {
        vec![
            (
                "m.room.create",
                "",
                "@host:x",
                json!({ "room_version": "10" }),
            ),
            (
                "m.room.member",
                "@host:x",
                "@host:x",
                json!({ "membership": "leave" }),
            ),
            (
                "m.room.member",
                "@other:x",
                "@other:x",
                json!({ "membership": "leave" }),
            ),
            (
                "m.room.member",
                "@a:x",
                "@host:x",
                json!({ "membership": "invite" }),
            ),
            ("m.room.power_levels", "", "@host:x", json!({})),
            ("m.room.name", "", "@host:x", json!({ "name": "R" })),
        ]
    }

    /// Not in the state any more.
    fn arrived() -> Stated {
        let content = json!({ "membership": "join", "displayname": "Host" });
        ("m.room.member", "@host:x", "@host:x", content)
    }

    fn pdu(event: &Stated) -> (OwnedEventId, Box<RawValue>) {
        let (kind, key, sender, content) = event;
        let allowed_by = match content["membership"].as_str() {
            Some("invite") => vec![pdu(&arrived()).0],
            _ => Vec::new(),
        };
        let pdu = pdu::hashed(json!({
            "type": kind, "state_key": key, "sender": sender, "content": content, "room_id": ROOM, "depth": 3,
            "origin_server_ts": 1, "prev_events": [], "auth_events": allowed_by,
        }));
        let pdu = to_raw_value(&pdu).unwrap();
        (pdu::event_id(&pdu, &RoomVersionId::V10).unwrap(), pdu)
    }

    fn line(event: &Stated) -> EventLine {
        let (event_id, pdu) = pdu(event);
        EventLine {
            room_id: owned_room_id!("!r:x"),
            event_id,
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            pdu,
        }
    }

    fn served(event: &Stated) -> Box<RawValue> {
        let (kind, key, sender, content) = event;
        to_raw_value(&json!({
            "type": kind, "state_key": key, "sender": sender, "content": content, "event_id": pdu(event).0,
        }))
        .unwrap()
    }

    /// What the export saw of somebody who waits.
    fn saw(event: &Stated, stripped: &Value, has_pdu: bool) -> Value {
        let (event_id, waits) = pdu(event);
        json!({
            "user_id": "@a:x", "room_id": ROOM, "membership": event.3["membership"],
            "event_id": event_id, "pdu": has_pdu.then_some(waits), "stripped_state": stripped,
        })
    }

    fn bundle(pending: Option<Value>) -> (tempfile::TempDir, Bundle) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.tar.zst");
        let origin = Origin {
            source: SourceKind::AdminApi,
            synapse_version: None,
            server_name: "x".try_into().unwrap(),
            exported_ts: 1,
            stream_position: None,
            wanted: Wanted::default(),
        };
        let mut writer = BundleWriter::create(&path, origin).unwrap();
        let user = serde_json::from_value(json!({ "user_id": "@a:x" })).unwrap();
        let mut user = UserRecord::new(user);
        user.pending = pending
            .into_iter()
            .map(|pending| serde_json::from_value(pending).unwrap())
            .collect();
        writer.user(&user).unwrap();
        let lines: Vec<_> = state().iter().chain(&[arrived()]).map(line).collect();
        writer.events(&lines).unwrap();
        let record = RoomRecord {
            room: Room::named(owned_room_id!("!r:x")),
            state: Some(state().iter().map(served).collect()),
            memberships: Some(BTreeMap::new()),
            aliases: Vec::new(),
            disordered: false,
        };
        writer.room(&record).unwrap();
        let keys = json!({ "server_name": "x", "verify_keys": {} });
        writer.server_keys("x".try_into().unwrap(), to_raw_value(&keys).unwrap());
        writer
            .finish(&|_, _| String::new(), &mut |_, _| {})
            .unwrap();
        let opened = Bundle::open(&path, dir.path()).unwrap();
        (dir, opened)
    }

    fn plan() -> RoomPlan {
        RoomPlan {
            room_id: owned_room_id!("!r:x"),
            name: "R".to_owned(),
            version: Some(RoomVersionId::V10),
            events: 0,
            members: 0,
            action: RoomAction::Pending {
                waiting: Vec::<waiting::Waiting>::new(),
            },
        }
    }

    fn read(pending: Option<Value>) -> Letter {
        let (_dir, bundle) = bundle(pending);
        Letter::read(&bundle, &plan(), user_id!("@a:x")).unwrap()
    }

    fn texts(view: &[Box<RawValue>]) -> Vec<&str> {
        view.iter().map(|raw| raw.get()).collect()
    }

    #[test]
    fn an_invite_goes_as_it_was_with_what_synapse_showed() {
        let invite = state().remove(3);
        let seen = json!([{
            "type": "m.room.name", "state_key": "", "sender": "@host:x", "content": { "name": "Then" }, "extra": 1,
        }]);
        let Letter::Invite {
            pdu: sent,
            view,
            event_id,
            ..
        } = read(Some(saw(&invite, &seen, true)))
        else {
            panic!("no invite");
        };
        let (id, original) = pdu(&invite);
        assert_eq!((event_id, sent.get()), (id, original.get()));
        assert_eq!(
            texts(&view),
            [
                r#"{"type":"m.room.name","state_key":"","sender":"@host:x","content":{"name":"Then"}}"#
            ]
        );
    }

    #[test]
    fn what_the_export_did_not_see_is_taken_from_the_room() {
        for pending in [None, Some(saw(&state()[3], &Value::Null, true))] {
            let Letter::Invite {
                view, pdu: sent, ..
            } = read(pending)
            else {
                panic!("no invite");
            };
            assert_eq!(sent.get(), pdu(&state()[3]).1.get());
            let seen: Vec<Value> = view
                .iter()
                .map(|raw| serde_json::from_str(raw.get()).unwrap())
                .collect();
            let of = |(kind, key, sender, content): Stated| json!({ "type": kind, "state_key": key, "sender": sender, "content": content });
            // The inviter as they were when they invited.
            let all = state();
            assert_eq!(
                seen,
                [of(all[0].clone()), of(all[5].clone()), of(arrived())]
            );
        }
    }

    #[test]
    fn who_knocks_gets_whole_events_where_they_are_the_same() {
        let content = json!({ "membership": "knock", "reason": "me" });
        let knocked = ("m.room.member", "@a:x", "@a:x", content);
        let name = |name: &str| json!({ "type": "m.room.name", "state_key": "", "sender": "@host:x", "content": { "name": name } });
        for (shown, is_whole) in [("R", true), ("Then", false)] {
            let letter = read(Some(saw(&knocked, &json!([name(shown)]), true)));
            let Letter::Knock {
                view,
                reason,
                knock,
                ..
            } = letter
            else {
                panic!("no knock");
            };
            assert_eq!((reason.as_deref(), knock.depth), (Some("me"), 3));
            assert_eq!(view[0].get() == pdu(&state()[5]).1.get(), is_whole);
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let (_dir, bundle) = bundle(Some(saw(&state()[3], &json!([]), false)));
        let told = |user: &UserId| {
            Letter::read(&bundle, &plan(), user)
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(told(user_id!("@a:x")), @"the bundle does not have the event of what waits there: export again");
        insta::assert_snapshot!(told(user_id!("@b:x")), @"nothing of @b:x waits in the bundle: export again");
    }
}

//! What is said in rooms that were made here.

use serde_json::{Value, json};

use super::{Answer, Fault, NOT_FOUND, World};

impl World {
    pub(in super::super) fn say(
        &mut self,
        (user, id): (&str, &str),
        (kind, transaction): (&str, &str),
        ts: u64,
        content: &Value,
    ) -> Answer {
        if self.refused_messages.contains(kind) {
            return Err(Fault(400, "M_BAD_JSON", "not this one"));
        }
        // From 1.9 on it looks at this before it looks at the transaction.
        let relation = &content["m.relates_to"];
        let is_same = |it: &Value| {
            it["sender"] == user && it["type"] == kind && it["content"]["m.relates_to"] == *relation
        };
        if kind == "m.reaction" && self.member_of(user, id)?.timeline.iter().any(is_same) {
            return Err(Fault(400, "M_DUPLICATE_ANNOTATION", "said before"));
        }
        let transaction = format!("{user} {transaction}");
        if let Some(event) = self.transactions.get(&transaction) {
            return Ok(json!({ "event_id": event }));
        }
        let room = self.member_of(user, id)?;
        let event_id = format!("$said{}-{ts}", room.timeline.len());
        room.timeline.push(json!({
            "event_id": event_id, "type": kind, "sender": user, "content": content, "origin_server_ts": ts,
        }));
        self.transactions.insert(transaction, event_id.clone());
        if self.lost_answers.remove(kind) {
            return Err(Fault(502, "M_UNKNOWN", "bad gateway"));
        }
        Ok(json!({ "event_id": event_id }))
    }

    /// The IDs of what somebody has said.
    pub(in super::super::super) fn said_by(&self, room: &str, user: &str) -> Vec<String> {
        let said = self.rooms[room].timeline.iter();
        let said = said.filter(|event| event["sender"] == user);
        said.map(|event| event["event_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Twice makes two redactions.
    pub(in super::super) fn redact(&mut self, user: &str, id: &str, event: &str) -> Answer {
        let room = self.member_of(user, id)?;
        let mut timeline = room.timeline.iter_mut();
        let found = timeline
            .find(|it| it["event_id"] == event)
            .ok_or(NOT_FOUND)?;
        found["content"] = json!({});
        let number = room.timeline.len();
        room.timeline.push(json!({
            "event_id": format!("$redaction{number}"), "type": "m.room.redaction", "sender": user,
            "content": { "redacts": event }, "origin_server_ts": 9_000_000,
        }));
        Ok(json!({ "event_id": format!("$redaction{number}") }))
    }
}

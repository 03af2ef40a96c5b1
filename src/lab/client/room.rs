//! What a user does in rooms.

use serde_json::{Value, json};

use super::{Client, field, v3};
use crate::lab::{Result, path::encode};

impl Client {
    /// Creates a room and gives its ID.
    pub async fn create_room(&self, options: &Value) -> Result<String> {
        let answer = self.post(&v3(&["createRoom"]), options).await?;
        field(&answer, "createRoom", "room_id")
    }

    /// Sends an event and gives its ID.
    pub async fn send(&self, room: &str, kind: &str, content: &Value) -> Result<String> {
        let path = v3(&["rooms", room, "send", kind, &self.transaction()]);
        field(&self.put(&path, content).await?, "send", "event_id")
    }

    /// Sends a plain message.
    pub async fn say(&self, room: &str, text: &str) -> Result<String> {
        let content = json!({ "msgtype": "m.text", "body": text });
        self.send(room, "m.room.message", &content).await
    }

    /// Empties an event; gives the redaction's ID.
    pub async fn redact(&self, room: &str, event: &str, reason: &str) -> Result<String> {
        let path = v3(&["rooms", room, "redact", event, &self.transaction()]);
        let answer = self.put(&path, &json!({ "reason": reason })).await?;
        field(&answer, "redact", "event_id")
    }

    /// Sets a piece of state and gives the event's ID.
    pub async fn set_state(
        &self,
        room: &str,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Result<String> {
        let path = v3(&["rooms", room, "state", kind, key]);
        field(&self.put(&path, content).await?, "state", "event_id")
    }

    /// One event, as the user sees it.
    pub async fn event(&self, room: &str, event: &str) -> Result<Value> {
        self.get(&v3(&["rooms", room, "event", event])).await
    }

    /// The content of one piece of state.
    pub async fn state_content(&self, room: &str, kind: &str, key: &str) -> Result<Value> {
        self.get(&v3(&["rooms", room, "state", kind, key])).await
    }

    /// The whole current state.
    pub async fn state(&self, room: &str) -> Result<Vec<Value>> {
        let answer = self.get(&v3(&["rooms", room, "state"])).await?;
        Ok(list(answer))
    }

    /// Gives somebody a power level.
    pub async fn set_power(&self, room: &str, user_id: &str, level: i64) -> Result<String> {
        let kind = "m.room.power_levels";
        let mut content = self.state_content(room, kind, "").await?;
        content["users"][user_id] = json!(level);
        self.set_state(room, kind, "", &content).await
    }

    /// Joins by ID or alias, through a server if one is given.
    pub async fn join(&self, room: &str, via: Option<&str>) -> Result<()> {
        let query = via.map_or_else(String::new, |server| {
            let server = encode(server);
            format!("?via={server}&server_name={server}")
        });
        let path = format!("{}{query}", v3(&["join", room]));
        self.post(&path, &json!({})).await?;
        Ok(())
    }

    /// Asks to be let in.
    pub async fn knock(&self, room: &str, reason: &str) -> Result<()> {
        let body = json!({ "reason": reason });
        self.post(&v3(&["knock", room]), &body).await?;
        Ok(())
    }

    /// Goes.
    pub async fn leave(&self, room: &str) -> Result<()> {
        self.post(&v3(&["rooms", room, "leave"]), &json!({}))
            .await?;
        Ok(())
    }

    /// Invites somebody.
    pub async fn invite(&self, room: &str, user_id: &str) -> Result<()> {
        self.about(room, "invite", user_id).await
    }

    /// Removes somebody.
    pub async fn kick(&self, room: &str, user_id: &str) -> Result<()> {
        self.about(room, "kick", user_id).await
    }

    /// Removes somebody for good.
    pub async fn ban(&self, room: &str, user_id: &str) -> Result<()> {
        self.about(room, "ban", user_id).await
    }

    /// Takes a ban back.
    pub async fn unban(&self, room: &str, user_id: &str) -> Result<()> {
        self.about(room, "unban", user_id).await
    }

    async fn about(&self, room: &str, action: &str, user_id: &str) -> Result<()> {
        let body = json!({ "user_id": user_id });
        self.post(&v3(&["rooms", room, action]), &body).await?;
        Ok(())
    }

    /// Points a local alias to a room.
    pub async fn set_alias(&self, alias: &str, room: &str) -> Result<()> {
        let path = v3(&["directory", "room", alias]);
        self.put(&path, &json!({ "room_id": room })).await?;
        Ok(())
    }

    /// The room behind an alias.
    pub async fn resolve(&self, alias: &str) -> Result<String> {
        let answer = self.get(&v3(&["directory", "room", alias])).await?;
        field(&answer, "directory", "room_id")
    }

    /// The room's local aliases; an admin of a Synapse may ask from outside.
    pub async fn aliases(&self, room: &str) -> Result<Vec<String>> {
        let answer = self.get(&v3(&["rooms", room, "aliases"])).await?;
        Ok(list(answer["aliases"].clone())
            .iter()
            .filter_map(|alias| alias.as_str().map(str::to_owned))
            .collect())
    }

    /// The member events of the current state.
    pub async fn members(&self, room: &str) -> Result<Vec<Value>> {
        let answer = self.get(&v3(&["rooms", room, "members"])).await?;
        Ok(list(answer["chunk"].clone()))
    }

    /// The timeline that the user may see, oldest first.
    pub async fn messages(&self, room: &str) -> Result<Vec<Value>> {
        let path = v3(&["rooms", room, "messages"]);
        let (mut events, mut from) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?dir=b&limit=500{from}")).await?;
            let chunk = list(page["chunk"].clone());
            // Synapse gives an `end` on the last page, too.
            let done = chunk.is_empty();
            events.extend(chunk);
            match page["end"].as_str() {
                Some(end) if !done => from = format!("&from={}", encode(end)),
                _ => break,
            }
        }
        events.reverse();
        Ok(events)
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

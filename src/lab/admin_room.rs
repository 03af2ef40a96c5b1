//! Tuwunel's admin room: a command is a message, its answer a notice in reply.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LabError, Result, client::Client};

const REPLY: Duration = Duration::from_mins(1);

/// The admin room as one admin sees it.
#[derive(Debug)]
pub struct AdminRoom<'a> {
    client: &'a Client,
    room: String,
}

impl<'a> AdminRoom<'a> {
    /// The room behind `#admins:<server>`.
    pub async fn find(client: &'a Client, server_name: &str) -> Result<Self> {
        let room = client.resolve(&format!("#admins:{server_name}")).await?;
        Ok(Self { client, room })
    }

    /// The room's ID.
    pub fn id(&self) -> &str {
        &self.room
    }

    /// Gives a command (`!admin …`) and waits for the reply's text.
    pub async fn command(&self, command: &str) -> Result<String> {
        let asked = self.client.say(&self.room, command).await?;
        let start = Instant::now();
        while start.elapsed() < REPLY {
            let events = self.client.messages(&self.room).await?;
            if let Some(text) = events.iter().find_map(|event| reply(event, &asked)) {
                return Ok(text.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(LabError::Late {
            what: format!("the admin room's reply to {command:?}"),
            seconds: REPLY.as_secs(),
        })
    }
}

/// The text of an event that replies to the one asked for.
fn reply<'e>(event: &'e Value, asked: &str) -> Option<&'e str> {
    let content = &event["content"];
    (content["m.relates_to"]["m.in_reply_to"]["event_id"] == asked)
        .then(|| content["body"].as_str())
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_reply_to_the_command_counts() {
        let notice = json!({ "content": {
            "msgtype": "m.notice",
            "body": "done",
            "m.relates_to": { "m.in_reply_to": { "event_id": "$a" } },
        } });
        assert_eq!(reply(&notice, "$a"), Some("done"));
        assert_eq!(reply(&notice, "$b"), None);
        assert_eq!(reply(&json!({ "content": { "body": "x" } }), "$a"), None);
    }
}

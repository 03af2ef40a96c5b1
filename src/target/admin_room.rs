//! Tuwunel's admin room: a command goes out as a message, its answer comes back as a reply to it.

use std::time::Duration;

use ruma::{OwnedEventId, OwnedRoomId, RoomAliasId, RoomId};
use serde::Deserialize;
use serde_json::json;

use super::Target;
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::{ExposeSecret, random_token},
};

/// The pause between two looks for the reply.
const POLL: Duration = Duration::from_millis(40);
/// It grows up to this: the target has other work.
const LONGEST_POLL: Duration = Duration::from_secs(1);
/// Characters of a failed command's words that are told.
const LONGEST_REASON: usize = 300;
/// How long a command may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a command may take that imports many events.
const LONG_PATIENCE: Duration = Duration::from_mins(20);
/// A command that changes nothing and is answered in a line.
const MARK: &str = "server uptime";

#[derive(Debug, Deserialize)]
struct Sent {
    event_id: OwnedEventId,
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    chunk: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Content,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    body: Option<String>,
    #[serde(default, rename = "m.relates_to")]
    relates_to: Option<Relation>,
}

#[derive(Debug, Deserialize)]
struct Relation {
    #[serde(rename = "m.in_reply_to")]
    in_reply_to: Option<InReplyTo>,
    rel_type: Option<String>,
    event_id: Option<OwnedEventId>,
}

#[derive(Debug, Deserialize)]
struct InReplyTo {
    event_id: OwnedEventId,
}

/// What a command that failed says, in one line: its reply without the lines that only frame it.
#[must_use]
pub fn failure(reply: &str) -> String {
    let words: Vec<_> = reply
        .lines()
        .map(str::trim)
        .filter(|line| {
            !line.is_empty() && !line.starts_with("```") && !line.starts_with("Command failed")
        })
        .collect();
    if words.is_empty() {
        return "it gave no reason".to_owned();
    }
    words.join(" ").chars().take(LONGEST_REASON).collect()
}

/// The admin room, with the bot in it.
#[derive(Debug, Clone)]
pub struct AdminRoom {
    target: Target,
    room: OwnedRoomId,
}

impl Target {
    /// The admin room, if the bot is joined to it: that makes it an admin.
    pub async fn admin_room(&self) -> Result<AdminRoom> {
        let not_admin = || {
            Error::Target(format!(
                "the bot is not an admin of the target: send `!admin users make-user-admin {}` in the target's admin room",
                self.bot
            ))
        };
        let alias = format!("#admins:{}", self.server_name);
        let alias = <&RoomAliasId>::try_from(alias.as_str()).map_err(|_| not_admin())?;
        let room = self.resolve(alias).await?.ok_or_else(not_admin)?;
        if !self.joined_rooms(&self.bot).await?.contains(&room) {
            return Err(not_admin());
        }
        Ok(AdminRoom {
            target: self.clone(),
            room,
        })
    }
}

impl AdminRoom {
    /// The room.
    #[must_use]
    pub fn room_id(&self) -> &RoomId {
        &self.room
    }

    /// Runs a command (without `!admin`) and gives the reply's text.
    pub async fn run(&self, command: &str) -> Result<String> {
        let sent = self.send(command).await?;
        self.reply_to(command, sent, PATIENCE).await
    }

    /// Runs a command whose reply may be too big for an event and so never come. Commands run one after another: it is
    /// done when the next one, a small one, has its answer.
    pub async fn run_to_its_end(&self, command: &str) -> Result<()> {
        self.send(command).await?;
        let sent = self.send(MARK).await?;
        let _uptime = self.reply_to(command, sent, LONG_PATIENCE).await?;
        Ok(())
    }

    async fn send(&self, command: &str) -> Result<OwnedEventId> {
        let room = encode(self.room.as_str());
        let transaction = random_token();
        let body = json!({ "msgtype": "m.text", "body": format!("!admin {command}") });
        let request = Request::put(
            format!(
                "/_matrix/client/v3/rooms/{room}/send/m.room.message/{}",
                transaction.expose_secret()
            ),
            &body,
        );
        let sent: Sent = self.target.bot_http.send(&request).await?;
        Ok(sent.event_id)
    }

    /// Waits for the reply to what was sent.
    async fn reply_to(
        &self,
        command: &str,
        sent: OwnedEventId,
        patience: Duration,
    ) -> Result<String> {
        let room = encode(self.room.as_str());
        let http = &self.target.bot_http;
        let look = Request::get(format!("/_matrix/client/v3/rooms/{room}/messages"))
            .query("dir", "b")
            .query("limit", &50);
        let wait = async {
            let mut pause = POLL;
            loop {
                let page: Page = http.send(&look).await?;
                if let Some(reply) = page
                    .chunk
                    .into_iter()
                    .find_map(|message| message.reply_to(&sent))
                {
                    return Ok(reply);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_POLL);
            }
        };
        tokio::time::timeout(patience, wait)
            .await
            .unwrap_or_else(|_| {
                Err(Error::Target(format!(
                    "the target gave no answer to `!admin {}` within {} s: look at its log",
                    command.lines().next().unwrap_or_default(),
                    patience.as_secs()
                )))
            })
    }
}

impl Message {
    fn reply_to(self, command: &OwnedEventId) -> Option<String> {
        let relation = self.content.relates_to?;
        let replies = relation
            .in_reply_to
            .is_some_and(|replied| replied.event_id == *command);
        // Tuwunel 1.9 can be told to answer in a thread, and then doesn't name what it replies to.
        let threads = relation.rel_type.as_deref() == Some("m.thread")
            && relation.event_id.as_ref() == Some(command);
        (replies || threads).then(|| self.content.body.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_event_id;
    use serde_json::json;

    use super::*;

    fn reply(relation: &serde_json::Value) -> Option<String> {
        let message: Message =
            serde_json::from_value(json!({"content": {"body": "done", "m.relates_to": relation}}))
                .unwrap();
        message.reply_to(&owned_event_id!("$command"))
    }

    #[test]
    fn replies_are_known_in_the_room_and_in_threads() {
        assert_eq!(
            reply(&json!({"m.in_reply_to": {"event_id": "$command"}})).as_deref(),
            Some("done")
        );
        assert_eq!(
            reply(&json!({"rel_type": "m.thread", "event_id": "$command"})).as_deref(),
            Some("done")
        );
        assert_eq!(
            reply(&json!({"m.in_reply_to": {"event_id": "$other"}})),
            None
        );
        assert_eq!(
            reply(&json!({"rel_type": "m.replace", "event_id": "$command"})),
            None
        );
    }

    #[test]
    fn a_failure_is_its_reason() {
        assert_eq!(
            failure("Command failed with error:\n```\nnot found\n```"),
            "not found"
        );
        assert_eq!(failure("```\n```"), "it gave no reason");
        assert_eq!(
            failure("Failed sending:\n\nno route"),
            "Failed sending: no route"
        );
    }
}

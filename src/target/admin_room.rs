//! Tuwunel's admin room: a command goes out as a message, its answer comes back as a reply to it.

pub mod line;

use std::time::{Duration, Instant};

use ruma::{EventId, OwnedEventId, OwnedRoomId, RoomAliasId, RoomId};
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
/// How long a command may take, with those that wait before it: one that imports a long past takes minutes.
const PATIENCE: Duration = Duration::from_mins(30);
/// After this time it is asked whether commands are answered at all; then after twice as long.
const FIRST_MARK: Duration = Duration::from_secs(2);
/// A command that changes nothing and is answered in a line.
pub const MARK: &str = "server uptime";

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

/// Whether a text stays one argument of a command, and no option: IDs of old rooms and users may hold anything.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let is_odd = |sign: char| sign.is_whitespace() || sign.is_control() || "\"'`\\".contains(sign);
    !text.is_empty() && !text.starts_with('-') && !text.contains(is_odd)
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
        let reply = self.reply_to(command, &sent, Vec::new()).await?;
        reply.ok_or_else(|| {
            Error::Target(format!(
                "the target's answer to `!admin {}` is lost: look at its log",
                first_line(command)
            ))
        })
    }

    /// Runs a command whose reply may be too big for an event and so never come.
    pub async fn run_to_its_end(&self, command: &str) -> Result<()> {
        let sent = self.send(command).await?;
        let mark = self.send(MARK).await?;
        self.reply_to(command, &sent, vec![mark]).await?;
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

    /// The newest messages.
    async fn newest(&self) -> Result<Page> {
        let room = encode(self.room.as_str());
        let look = Request::get(format!("/_matrix/client/v3/rooms/{room}/messages"))
            .query("dir", "b")
            .query("limit", &100);
        self.target.bot_http.send(&look).await
    }

    /// Waits for the reply to what was sent. Commands run one after another: where a later one, such as the `marks`, has
    /// its answer and this one has none, none will come (`None`). A target that was restarted has forgotten its queue:
    /// so another mark is set from time to time.
    async fn reply_to(
        &self,
        command: &str,
        sent: &EventId,
        mut marks: Vec<OwnedEventId>,
    ) -> Result<Option<String>> {
        let wait = async {
            let (mut pause, mut until_mark) = (POLL, FIRST_MARK);
            let mut marked = Instant::now();
            loop {
                let page = self.newest().await?;
                let answers = |to: &EventId| page.chunk.iter().position(|it| it.answers(to));
                if let Some(place) = answers(sent) {
                    return Ok(page.chunk.get(place).map(Message::body));
                }
                if marks.iter().any(|mark| answers(mark).is_some()) {
                    return Ok(None);
                }
                if marked.elapsed() >= until_mark {
                    marks.push(self.send(MARK).await?);
                    (marked, until_mark) = (Instant::now(), until_mark * 2);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_POLL);
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| {
                Err(Error::Target(format!(
                    "the target gave no answer to `!admin {}` within {} min: look at its log",
                    first_line(command),
                    PATIENCE.as_secs() / 60
                )))
            })
    }
}

fn first_line(command: &str) -> &str {
    command.lines().next().unwrap_or_default()
}

impl Message {
    /// Whether this is a reply to a command.
    fn answers(&self, command: &EventId) -> bool {
        let Some(relation) = &self.content.relates_to else {
            return false;
        };
        let replied = relation.in_reply_to.as_ref();
        // Tuwunel 1.9 can be told to answer in a thread, and then doesn't name what it replies to.
        let in_thread = relation.rel_type.as_deref() == Some("m.thread");
        let root = relation.event_id.as_deref().filter(|_| in_thread);
        replied.is_some_and(|replied| replied.event_id == command) || root == Some(command)
    }

    fn body(&self) -> String {
        self.content.body.clone().unwrap_or_default()
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
        message
            .answers(&owned_event_id!("$command"))
            .then(|| message.body())
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
    fn a_word_is_one_argument() {
        assert!(is_word("!room:example.org") && is_word("@odd.name_=x/y-z+1:server"));
        for odd in [
            "",
            "-x",
            "!a b:x",
            "!a\nb:x",
            "!a`b",
            "@a\"b:x",
            "@a\u{2028}b:x",
        ] {
            assert!(!is_word(odd), "{odd:?}");
        }
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

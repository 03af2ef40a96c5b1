//! The control room as the operator sees it: commands go in, messages come out.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    Error, Result,
    lab::{LabError, client::Client},
};

/// The pause between two looks at the room.
const POLL: Duration = Duration::from_millis(250);
/// `{"room":{"timeline":{"limit":1}}}`: only the invites are wanted.
const FILTER: &str = "%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A1%7D%7D%7D";
/// How long the bot may take to start and to invite.
const INVITE: Duration = Duration::from_mins(1);
/// What the bot calls a message that is a command's end, rather than its progress.
const ANSWERS: [&str; 4] = ["answer", "no", "old", "cut"];

/// The room, with a memory of what was seen.
#[derive(Debug)]
pub struct ControlRoom<'a> {
    client: &'a Client,
    room: String,
    seen: usize,
}

impl<'a> ControlRoom<'a> {
    /// Waits for the bot's invite and accepts it.
    pub async fn enter(client: &'a Client) -> Result<Self> {
        let start = Instant::now();
        let mut attempt = 0_u32;
        loop {
            // A Synapse keeps its answer to a first sync for two minutes: each attempt has to be another request.
            let sync = client
                .get(&format!(
                    "/_matrix/client/v3/sync?filter={FILTER}&timeout={attempt}"
                ))
                .await?;
            let invites = sync["rooms"]["invite"].as_object();
            if let Some(room) = invites.and_then(|invites| invites.keys().next()) {
                client.join(room, None).await?;
                return Ok(Self::of(client, room));
            }
            if start.elapsed() > INVITE {
                return Err(LabError::Late {
                    what: "the bot's invite to the control room".to_owned(),
                    seconds: INVITE.as_secs(),
                }
                .into());
            }
            tokio::time::sleep(POLL).await;
            attempt += 1;
        }
    }

    /// A room that the operator is in already.
    #[must_use]
    pub fn of(client: &'a Client, room: &str) -> Self {
        Self {
            client,
            room: room.to_owned(),
            seen: 0,
        }
    }

    /// The room's ID.
    #[must_use]
    pub fn room_id(&self) -> &str {
        &self.room
    }

    /// What the bot has said since the last look, one text a message, edits as they stand at last.
    pub async fn new_lines(&mut self) -> Result<Vec<String>> {
        let messages = self.messages().await?;
        let new = messages
            .iter()
            .skip(self.seen)
            .map(|(_, text)| shown(text))
            .collect();
        self.seen = messages.len();
        Ok(new)
    }

    /// Sends a command and gives the bot's messages once the last of them is there.
    pub async fn ask(&mut self, command: &str, patience: Duration) -> Result<Vec<String>> {
        let asked = self
            .client
            .say(&self.room, &format!("!ferry {command}"))
            .await?;
        let start = Instant::now();
        let mut asked = asked;
        while start.elapsed() < patience {
            let messages = self.messages().await?;
            if let Some(code) = messages.iter().find_map(|(event, _)| code(event, &asked)) {
                let confirm = format!("!ferry confirm {code}");
                asked = self.client.say(&self.room, &confirm).await?;
            }
            let answered = messages.iter().any(|(event, _)| answers(event, &asked));
            if answered {
                // Files follow their message at once.
                tokio::time::sleep(POLL * 4).await;
                return self.new_lines().await;
            }
            tokio::time::sleep(POLL).await;
        }
        Err(LabError::Late {
            what: format!("the end of `!ferry {command}`"),
            seconds: patience.as_secs(),
        }
        .into())
    }

    /// The bot's messages, oldest first, each with its latest text.
    async fn messages(&self) -> Result<Vec<(Value, String)>> {
        let events = self.client.messages(&self.room).await?;
        let me = self.client.user_id();
        let mut messages: Vec<(Value, String)> = Vec::new();
        for event in events {
            // The bot sends notices and files; what people type is text.
            let typed = event["content"]["msgtype"] == "m.text";
            if event["type"] != "m.room.message" || event["sender"] == me || typed {
                continue;
            }
            let relation = &event["content"]["m.relates_to"];
            let body = |content: &Value| content["body"].as_str().unwrap_or_default().to_owned();
            if relation["rel_type"] == "m.replace" {
                let edited = messages
                    .iter_mut()
                    .find(|(original, _)| original["event_id"] == relation["event_id"]);
                if let Some((_, text)) = edited {
                    *text = body(&event["content"]["m.new_content"]);
                }
            } else {
                let text = body(&event["content"]);
                // Clients show these below the message to which they belong.
                let sign = if relation["rel_type"] == "m.thread" {
                    "↳ "
                } else {
                    ""
                };
                messages.push((event, format!("{sign}{text}")));
            }
        }
        if messages.is_empty() && self.seen > 0 {
            return Err(Error::Target(
                "the control room's messages are gone".to_owned(),
            ));
        }
        Ok(messages)
    }
}

/// What a command's preview is confirmed by.
fn code<'e>(event: &'e Value, asked: &str) -> Option<&'e str> {
    let content = &event["content"];
    (content["m.relates_to"]["m.in_reply_to"]["event_id"] == asked)
        .then(|| content["ferryman.code"].as_str())
        .flatten()
}

fn answers(event: &Value, asked: &str) -> bool {
    let content = &event["content"];
    content["m.relates_to"]["m.in_reply_to"]["event_id"] == asked
        && ANSWERS.iter().any(|part| content["ferryman.part"] == *part)
}

fn shown(text: &str) -> String {
    text.lines()
        .map(|line| format!("  ferryman │ {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

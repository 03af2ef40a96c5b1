//! The control room as the operator sees it: commands go in, messages come out.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    Error, Result,
    lab::{LabError, client::Client},
};

/// The pause between two looks at the room.
const POLL: Duration = Duration::from_millis(250);
/// How long the bot may take to start and to invite.
const INVITE: Duration = Duration::from_secs(60);
/// A quick command's answer is one message; a job's are two: the one that was edited, and the one at its end.
const JOBS: [&str; 3] = ["export", "import", "verify"];

/// The room, with a memory of what was seen.
#[derive(Debug)]
pub struct ControlRoom<'a> {
    client: &'a Client,
    room: String,
    seen: usize,
    /// Whether the last `verify` found nothing that differs.
    pub last_verify_was_good: bool,
}

impl<'a> ControlRoom<'a> {
    /// Waits for the bot's invite and accepts it.
    pub async fn enter(client: &'a Client) -> Result<Self> {
        let start = Instant::now();
        loop {
            let sync = client
                .get("/_matrix/client/v3/sync?timeout=0&filter=%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A1%7D%7D%7D")
                .await?;
            let invites = sync["rooms"]["invite"].as_object();
            if let Some(room) = invites.and_then(|invites| invites.keys().next()) {
                client.join(room, None).await?;
                return Ok(Self {
                    client,
                    room: room.clone(),
                    seen: 0,
                    last_verify_was_good: false,
                });
            }
            if start.elapsed() > INVITE {
                return Err(LabError::Late {
                    what: "the bot's invite to the control room".to_owned(),
                    seconds: INVITE.as_secs(),
                }
                .into());
            }
            tokio::time::sleep(POLL).await;
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
        let name = command.split_whitespace().next().unwrap_or_default();
        let wanted = if JOBS.contains(&name) { 2 } else { 1 };
        let asked = self
            .client
            .say(&self.room, &format!("!ferry {command}"))
            .await?;
        let start = Instant::now();
        while start.elapsed() < patience {
            let messages = self.messages().await?;
            let answers = messages
                .iter()
                .filter(|(event, _)| replies_to(event, &asked))
                .count();
            if answers >= wanted {
                // Files follow their message at once.
                tokio::time::sleep(POLL * 4).await;
                if name == "verify" {
                    self.last_verify_was_good = messages
                        .last()
                        .is_some_and(|(_, text)| !text.contains("differ"));
                }
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
            if event["type"] != "m.room.message" || event["sender"] == me {
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
                messages.push((event, text));
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

fn replies_to(event: &Value, asked: &str) -> bool {
    event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked
}

fn shown(text: &str) -> String {
    text.lines()
        .map(|line| format!("  ferryman │ {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

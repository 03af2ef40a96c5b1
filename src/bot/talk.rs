//! One command's conversation: replies, a progress message that is edited, files.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};

use super::voice::Voice;
use crate::{
    Error, Result,
    report::{self, chart::Picture, notice},
};

/// Bytes of a file that is read into memory to be posted; few servers take more.
const LARGEST_FILE: u64 = 50 * 1024 * 1024;

/// Answers to one message. Cheap to clone; clones count their edits together. A message that can't be sent is logged: the command's result stands without it.
#[derive(Clone)]
pub(super) struct Talk {
    voice: Voice,
    id: String,
    to: String,
    edits: Arc<AtomicU32>,
}

impl Talk {
    /// About the event `id`, below the message `to`: itself, or what it is a reaction to.
    pub(super) fn new(voice: &Voice, (id, to): (&str, &str)) -> Self {
        Self {
            voice: voice.clone(),
            id: id.to_owned(),
            to: to.to_owned(),
            edits: Arc::default(),
        }
    }

    /// A reply; `what` makes its transaction ID, so that a repeated one is the same message.
    pub(super) async fn reply(&self, what: &str, markdown: &str) -> Option<String> {
        self.send(what, &notice::reply(markdown, &self.to)).await
    }

    /// A preview that waits for an answer. Its code stands in a field of its own, too, for whoever reads by machine.
    pub(super) async fn ask(&self, markdown: &str, code: &str) -> Option<String> {
        let mut content = notice::reply(markdown, &self.to);
        content["ferryman.code"] = code.into();
        self.send("preview", &content).await
    }

    /// Why nothing can be said as the room asks for.
    pub(super) async fn reply_in_clear(&self, what: &str, markdown: &str) -> bool {
        let txn = format!("ferryman-{}-{what}", self.id);
        let content = notice::reply(markdown, &self.to);
        let sent = self.voice.send_in_clear(&txn, &content).await;
        if let Err(error) = &sent {
            tracing::error!("a message to the control room was not sent: {error}");
        }
        sent.is_ok()
    }

    /// A sign on the message itself, seen at once.
    pub(super) async fn mark(&self, key: &str) {
        let txn = format!("ferryman-{}-mark", self.id);
        if let Err(error) = self.voice.react(&txn, &self.to, key).await {
            tracing::warn!("a reaction was not set: {error}");
        }
    }

    /// The progress: a reply at first, edits of it afterwards.
    pub(super) async fn show(&self, shown: Option<String>, markdown: &str) -> Option<String> {
        match shown {
            None => self.reply("progress", markdown).await,
            Some(first) => {
                let number = self.number();
                self.send(&format!("edit-{number}"), &notice::edit(markdown, &first))
                    .await;
                Some(first)
            }
        }
    }

    /// A number for a message, under which it is the same also if it is sent twice.
    pub(super) fn number(&self) -> u32 {
        self.edits.fetch_add(1, Ordering::Relaxed)
    }

    /// A message in the thread below the progress.
    pub(super) async fn detail(&self, number: u32, markdown: &str, root: &str) -> bool {
        let content = notice::in_thread(markdown, root);
        let sent = self.send(&format!("detail-{number}"), &content).await;
        sent.is_some()
    }

    /// A stage has ended, for everybody in the room.
    pub(super) async fn stage(&self, number: u32, markdown: &str) -> bool {
        let sent = self.reply(&format!("stage-{number}"), markdown).await;
        sent.is_some()
    }

    /// Posts a picture, with the words for whoever can't see it.
    pub(super) async fn picture(&self, picture: &Picture, words: &str) {
        let uploaded = self
            .voice
            .upload("chart.png", "image/png", picture.bytes.clone())
            .await;
        match uploaded {
            Ok((field, found)) => {
                let mut content = notice::picture(picture, words, &self.to);
                content[field] = found;
                self.send("picture", &content).await;
            }
            Err(error) => tracing::warn!("the chart was not posted: {error}"),
        }
    }

    /// Posts report files.
    pub(super) async fn post(&self, files: &[PathBuf]) {
        for (number, file) in files.iter().enumerate() {
            let posted = match self.upload(file).await {
                Ok(content) => self.send(&format!("file-{number}"), &content).await,
                Err(error) => {
                    let text = report::bot::not_posted(file, &error);
                    self.reply(&format!("file-{number}"), &text).await
                }
            };
            if posted.is_none() {
                tracing::warn!("{} was not posted", file.display());
            }
        }
    }

    async fn upload(&self, file: &PathBuf) -> Result<Value> {
        let length = tokio::fs::metadata(file)
            .await
            .map_err(Error::file(file))?
            .len();
        if length > LARGEST_FILE {
            return Err(Error::Usage(report::bot::too_large(length)));
        }
        let bytes = tokio::fs::read(file).await.map_err(Error::file(file))?;
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let kind = if file.extension().is_some_and(|kind| kind == "json") {
            "application/json"
        } else {
            "text/markdown"
        };
        let size = bytes.len();
        let (field, found) = self.voice.upload(&name, kind, bytes).await?;
        let mut content = json!({
            "msgtype": "m.file",
            "m.relates_to": {"m.in_reply_to": {"event_id": self.to}},
            "body": name,
            "filename": name,
            "info": {"mimetype": kind, "size": size},
            "m.mentions": {},
        });
        content[field] = found;
        Ok(content)
    }

    /// Every message says which part of the conversation it is, for whoever reads the room by machine.
    async fn send(&self, what: &str, content: &Value) -> Option<String> {
        let mut content = content.clone();
        content["ferryman.part"] = what.into();
        let txn = format!("ferryman-{}-{what}", self.id);
        match self.voice.send(&txn, &content).await {
            Ok(event_id) => Some(event_id),
            Err(error) => {
                tracing::error!("a message to the control room was not sent: {error}");
                None
            }
        }
    }
}

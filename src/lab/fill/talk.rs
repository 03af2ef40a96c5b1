//! A conversation: messages with replies, edits, reactions and redactions in between.

use serde_json::{Value, json};

use super::voices::{emoji, line};
use crate::lab::{Result, client::Client};

/// The speakers take turns; gives the messages' IDs (not those of edits and the like).
pub(super) async fn talk(room: &str, speakers: &[&Client], count: usize) -> Result<Vec<String>> {
    let mut said: Vec<String> = Vec::new();
    for number in 0..count {
        let (speaker, next) = (
            speakers[number % speakers.len()],
            speakers[(number + 1) % speakers.len()],
        );
        let content = match said.last() {
            Some(last) if number % 6 == 4 => reply(last, line(number)),
            _ if number % 9 == 5 => formatted(line(number)),
            _ => json!({ "msgtype": "m.text", "body": line(number) }),
        };
        let id = speaker.send(room, "m.room.message", &content).await?;
        if number % 4 == 1 {
            let reaction = reaction(&id, emoji(number));
            next.send(room, "m.reaction", &reaction).await?;
        }
        if number % 7 == 2 {
            let edit = edit(&id, line(number + 11));
            speaker.send(room, "m.room.message", &edit).await?;
        }
        if number % 10 == 7 {
            speaker.redact(room, &id, "said too much").await?;
        }
        said.push(id);
    }
    Ok(said)
}

fn formatted(text: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": text,
        "format": "org.matrix.custom.html",
        "formatted_body": "<p>so <em>formatted</em> &amp; fine</p>",
    })
}

/// A reply.
pub(in crate::lab) fn reply(to: &str, text: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": text,
        "m.relates_to": { "m.in_reply_to": { "event_id": to } },
    })
}

/// An edit.
pub(in crate::lab) fn edit(of: &str, text: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": format!("* {text}"),
        "m.new_content": { "msgtype": "m.text", "body": text },
        "m.relates_to": { "rel_type": "m.replace", "event_id": of },
    })
}

/// A reaction.
pub(in crate::lab) fn reaction(to: &str, key: &str) -> Value {
    json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": key } })
}

/// A message in a thread, with the reply that older clients show.
pub(in crate::lab) fn in_thread(root: &str, last: &str, text: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": text,
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": last },
        },
    })
}

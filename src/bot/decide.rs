//! What an event of the homeserver means for the bot: decided from the event alone, without I/O.

use ruma::OwnedUserId;
use serde_json::Value;

use super::store::Queued;
use crate::{
    Result,
    command::{
        Command,
        chat::{self, Address},
    },
};

/// A command that is older than this was meant for another moment.
const LATEST_MS: u64 = 15 * 60 * 1000;

/// Two machines' clocks may differ by this.
const SKEW_MS: u64 = 5 * 60 * 1000;

/// A message may be on its way for so long while the bot starts.
const ON_THE_WAY_MS: u64 = 5_000;

/// Do it.
pub(super) const YES: &str = "✅";

/// Don't.
pub(super) const NO: &str = "❌";

/// What the decision depends on.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The bot itself, and whether the room is its own.
    pub(super) address: Address,
    /// Whose commands are obeyed.
    pub(super) operators: Vec<OwnedUserId>,
    /// Where.
    pub(super) room: String,
    /// When this installation's bot was started for the first time.
    pub(super) since_ms: u64,
    /// When this process was started.
    pub(super) started_ms: u64,
}

/// Why something is meant for another moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// It was so long on its way, in milliseconds.
    Old(u64),
    /// It was sent while nobody was here.
    Missed,
}

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// As it is, in a room without encryption.
    Plain,
    /// As it is, in an encrypted room: anybody at the server may have written it.
    InClear,
    /// Encrypted by a device of the sender's.
    Encrypted,
}

/// A ✅ or ❌.
#[derive(Debug)]
pub(super) struct Reaction {
    /// The reaction itself.
    pub(super) event_id: String,
    /// Whose.
    pub(super) sender: String,
    /// The message that it is about.
    pub(super) to: String,
    /// Whether it is to be done.
    pub(super) yes: bool,
    /// Whether it came in clear in an encrypted room.
    pub(super) in_clear: bool,
    /// Whether it comes too late.
    pub(super) late: Option<Late>,
}

/// What to do about an event.
#[derive(Debug)]
pub(super) enum Decision {
    /// Nothing.
    Ignore,
    /// Somebody who is no operator wants something.
    Refuse {
        /// Who.
        sender: String,
        /// The message.
        event_id: String,
    },
    /// An operator's command, in clear in an encrypted room.
    InClear {
        /// The message.
        event_id: String,
    },
    /// An operator's command that comes too late.
    Late {
        /// The message.
        event_id: String,
        /// Why.
        late: Late,
    },
    /// An operator's answer to a message of the bot's, if that is a preview.
    React(Reaction),
    /// An operator's command, or why it makes no sense.
    Obey {
        /// The message.
        event_id: String,
        /// Whose.
        sender: String,
        /// What was typed.
        words: String,
        /// The command.
        command: Result<Command>,
    },
}

impl Rules {
    /// Decides.
    pub(super) fn decide(&self, queued: &Queued, came: Came) -> Decision {
        self.read(queued, came).unwrap_or(Decision::Ignore)
    }

    /// Whether an encrypted event is worth a look: it is nobody's own, and none of before this installation.
    pub(super) fn may_concern(&self, queued: &Queued) -> bool {
        let text = |field: &str| queued.event.get(field).and_then(Value::as_str);
        let sent_ms = queued.event.get("origin_server_ts").and_then(Value::as_u64);
        text("sender").is_some_and(|sender| sender != self.address.bot)
            && queued.event.get("state_key").is_none()
            && sent_ms.is_some_and(|sent_ms| sent_ms.saturating_add(SKEW_MS) >= self.since_ms)
    }

    /// Whether one that can't be read is an operator's, so that they are told.
    pub(super) fn concerns(&self, queued: &Queued) -> bool {
        let sender = queued.event.get("sender").and_then(Value::as_str);
        let mut operators = self.operators.iter();
        self.may_concern(queued) && operators.any(|it| Some(it.as_str()) == sender)
    }

    fn read(&self, queued: &Queued, came: Came) -> Option<Decision> {
        let event = &queued.event;
        let text = |field: &str| event.get(field).and_then(Value::as_str);
        let sent_ms = event.get("origin_server_ts")?.as_u64()?;
        let sender = text("sender")?;
        let event_id = text("event_id")?.to_owned();
        if text("room_id")? != self.room
            || sender == self.address.bot
            || event.get("state_key").is_some()
            || sent_ms.saturating_add(SKEW_MS) < self.since_ms
        {
            return None;
        }
        let late = self.late(sent_ms, queued.received_ms);
        let is_operator = self.operators.iter().any(|operator| operator == sender);
        match text("type")? {
            "m.room.message" => {}
            "m.reaction" if is_operator => {
                let (to, yes) = reaction(event.get("content")?)?;
                return Some(Decision::React(Reaction {
                    event_id,
                    sender: sender.to_owned(),
                    to,
                    yes,
                    in_clear: came == Came::InClear,
                    late,
                }));
            }
            _ => return None,
        }
        let body = message(event.get("content")?)?;
        let words = self.address.meant(&body)?;
        let command = chat::parse(words);
        if !is_operator {
            return Some(Decision::Refuse {
                sender: sender.to_owned(),
                event_id,
            });
        }
        if came == Came::InClear {
            return Some(Decision::InClear { event_id });
        }
        if let Some(late) = late {
            return Some(Decision::Late { event_id, late });
        }
        Some(Decision::Obey {
            event_id,
            sender: sender.to_owned(),
            words: words.trim().to_owned(),
            command,
        })
    }

    fn late(&self, sent_ms: u64, received_ms: u64) -> Option<Late> {
        if sent_ms.saturating_add(ON_THE_WAY_MS) < self.started_ms {
            return Some(Late::Missed);
        }
        let age_ms = received_ms.saturating_sub(sent_ms);
        (age_ms > LATEST_MS).then_some(Late::Old(age_ms))
    }
}

/// What a ✅ or ❌ is about, and which of the two it is.
fn reaction(content: &Value) -> Option<(String, bool)> {
    let relation = content.get("m.relates_to")?;
    if relation.get("rel_type")?.as_str()? != "m.annotation" {
        return None;
    }
    let key = relation.get("key")?.as_str()?;
    // Some clients ask for the coloured form.
    let yes = match key.trim_end_matches('\u{fe0f}') {
        YES => true,
        NO => false,
        _ => return None,
    };
    Some((relation.get("event_id")?.as_str()?.to_owned(), yes))
}

/// The words of a text message that is no edit, without the quotation of what it replies to.
fn message(content: &Value) -> Option<String> {
    if content.get("msgtype")?.as_str()? != "m.text" {
        return None;
    }
    // An encrypted edit shows what it is inside, too, whatever the server says outside.
    if content.get("m.new_content").is_some() {
        return None;
    }
    let body = content.get("body")?.as_str()?;
    let Some(relation) = content.get("m.relates_to") else {
        return Some(body.to_owned());
    };
    if relation.get("rel_type").and_then(Value::as_str) == Some("m.replace") {
        return None;
    }
    if relation.get("m.in_reply_to").is_none() {
        return Some(body.to_owned());
    }
    let own: Vec<&str> = body
        .lines()
        .skip_while(|line| line.starts_with('>'))
        .collect();
    Some(own.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> Rules {
        Rules {
            address: Address {
                bot: "@ferryman:ferry.test".into(),
                own_room: false,
            },
            operators: vec!["@anna:ferry.test".try_into().unwrap()],
            room: "!c:ferry.test".into(),
            since_ms: 8_000_000,
            started_ms: 9_000_000,
        }
    }

    /// The decision about a message that differs from a good one in some fields.
    fn about(changes: &Value) -> String {
        about_one_that(Came::Plain, changes)
    }

    fn about_one_that(came: Came, changes: &Value) -> String {
        let mut event = json!({
            "type": "m.room.message", "room_id": "!c:ferry.test", "sender": "@anna:ferry.test",
            "event_id": "$e", "origin_server_ts": 10_000_000,
            "content": {"msgtype": "m.text", "body": "!ferry status"},
        });
        for (field, value) in changes.as_object().unwrap() {
            event[field] = value.clone();
        }
        let queued = Queued {
            number: 1,
            event,
            received_ms: 10_001_000,
        };
        match rules().decide(&queued, came) {
            Decision::Ignore => "ignore".into(),
            Decision::InClear { event_id } => format!("{event_id} in clear"),
            Decision::Refuse { sender, .. } => format!("refuse {sender}"),
            Decision::Late { late, .. } => format!("{late:?}"),
            Decision::React(Reaction {
                event_id,
                sender,
                to,
                yes,
                in_clear,
                late,
            }) => {
                let clear = if in_clear { " in clear" } else { "" };
                format!("{event_id}: {sender} says {yes} to {to}{clear}, {late:?}")
            }
            Decision::Obey {
                command: Ok(command),
                ..
            } => command.name().into(),
            Decision::Obey {
                command: Err(error),
                ..
            } => error.to_string(),
        }
    }

    fn text(body: &str) -> Value {
        json!({"content": {"msgtype": "m.text", "body": body}})
    }

    #[test]
    fn operators_in_the_control_room_are_obeyed() {
        assert_eq!(about(&json!({})), "status");
        assert_eq!(about(&text("!ferry")), "help");
        assert!(about(&text("!ferry dance")).contains("dance"));
        assert_eq!(
            about(&json!({"sender": "@eva:ferry.test"})),
            "refuse @eva:ferry.test"
        );
        assert_eq!(
            about(&json!({"origin_server_ts": 9_000_000})),
            "Old(1001000)"
        );
        assert_eq!(about(&json!({"origin_server_ts": 8_994_999})), "Missed");
        let reply = json!({"content": {
            "msgtype": "m.text", "body": "> <@ferryman:ferry.test> ready\n> really\n\n!ferry plan",
            "m.relates_to": {"m.in_reply_to": {"event_id": "$x"}},
        }});
        assert_eq!(about(&reply), "plan");
    }

    fn reaction(relation: &str, key: &str) -> Value {
        json!({"type": "m.reaction", "content": {
            "m.relates_to": {"rel_type": relation, "event_id": "$preview", "key": key},
        }})
    }

    fn merged(one: &Value, other: &Value) -> Value {
        let mut all = one.clone();
        for (field, value) in other.as_object().unwrap() {
            all[field] = value.clone();
        }
        all
    }

    #[test]
    fn an_operators_reaction_is_an_answer() {
        for (key, said) in [("✅", true), ("✅\u{fe0f}", true), ("❌", false)] {
            assert_eq!(
                about(&reaction("m.annotation", key)),
                format!("$e: @anna:ferry.test says {said} to $preview, None")
            );
        }
        for (sent_ms, late) in [
            (9_000_000, "Some(Old(1001000))"),
            (8_994_999, "Some(Missed)"),
        ] {
            let changes = merged(
                &reaction("m.annotation", "✅"),
                &json!({"origin_server_ts": sent_ms}),
            );
            assert_eq!(
                about(&changes),
                format!("$e: @anna:ferry.test says true to $preview, {late}")
            );
        }
    }

    #[test]
    fn in_an_encrypted_room_only_what_was_encrypted_counts() {
        let status = json!({});
        assert_eq!(about_one_that(Came::Encrypted, &status), "status");
        assert_eq!(about_one_that(Came::InClear, &status), "$e in clear");
        assert_eq!(about_one_that(Came::InClear, &text("hello")), "ignore");
        let stranger = json!({"sender": "@eva:ferry.test"});
        assert_eq!(
            about_one_that(Came::InClear, &stranger),
            "refuse @eva:ferry.test"
        );
        assert_eq!(
            about_one_that(Came::InClear, &reaction("m.annotation", "✅")),
            "$e: @anna:ferry.test says true to $preview in clear, None"
        );
        let unread = json!({"type": "m.room.encrypted"});
        assert_eq!(about_one_that(Came::InClear, &unread), "ignore");
    }

    #[test]
    fn everything_else_is_ignored() {
        for changes in [
            json!({"sender": "@ferryman:ferry.test"}),
            json!({"room_id": "!other:ferry.test"}),
            json!({"type": "m.reaction"}),
            reaction("m.annotation", "👍"),
            reaction("m.reference", "✅"),
            merged(
                &reaction("m.annotation", "✅"),
                &json!({"sender": "@eva:ferry.test"}),
            ),
            json!({"state_key": ""}),
            json!({"origin_server_ts": 1}),
            json!({"origin_server_ts": "soon"}),
            json!({"content": {"msgtype": "m.notice", "body": "!ferry status"}}),
            json!({"content": {"msgtype": "m.text"}}),
            json!({"content": {"msgtype": "m.text", "body": "* !ferry import",
                "m.new_content": {"msgtype": "m.text", "body": "!ferry import"},
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}}),
            json!({"content": {"msgtype": "m.text", "body": "!ferry import",
                "m.new_content": {"msgtype": "m.text", "body": "!ferry import"}}}),
            json!({"content": {"msgtype": "m.text", "body": "!ferry import",
                "m.new_content": {"msgtype": "m.text", "body": "!ferry import"}}}),
            json!({"content": {"msgtype": "m.text", "body": "!ferry import",
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}}),
            json!({"content": "text"}),
            text("hello"),
        ] {
            assert_eq!(about(&changes), "ignore", "{changes}");
        }
    }
}

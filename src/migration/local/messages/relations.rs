//! What a message says of others: replies, threads, edits, reactions, votes. The only place where their IDs are changed. No I/O.

use serde_json::{Map, Value};

use crate::Result;

const RELATES_TO: &str = "m.relates_to";
const IN_REPLY_TO: &str = "m.in_reply_to";
const EVENT_ID: &str = "event_id";
/// What an edit puts in the place of the old content.
const NEW_CONTENT: &str = "m.new_content";

/// Relations without whose other end an event means nothing: edits, reactions, votes and the ends of polls.
const BELONGS: [&str; 3] = ["m.replace", "m.annotation", "m.reference"];

/// Puts the IDs of the events that were sent again in the place of the old ones; `new` says them. A reply to something
/// that was not sent again becomes an ordinary message, and so does a message of a thread whose first one was not. False
/// if the event belongs to something that was not.
pub fn rewrite(
    content: &mut Map<String, Value>,
    mut new: impl FnMut(&str) -> Result<Option<String>>,
) -> Result<bool> {
    if let Some(Value::Object(inner)) = content.get_mut(NEW_CONTENT) {
        one(inner, &mut new)?;
    }
    one(content, &mut new)
}

fn one(
    content: &mut Map<String, Value>,
    new: &mut impl FnMut(&str) -> Result<Option<String>>,
) -> Result<bool> {
    let Some(Value::Object(relation)) = content.get_mut(RELATES_TO) else {
        return Ok(true);
    };
    if let Some(old) = relation.get(EVENT_ID).and_then(Value::as_str) {
        if let Some(id) = new(old)? {
            relation.insert(EVENT_ID.to_owned(), id.into());
        } else {
            let kind = relation.get("rel_type").and_then(Value::as_str);
            if kind.is_some_and(|kind| BELONGS.contains(&kind)) {
                return Ok(false);
            }
            // Where clients know no threads, the thread's last message is said to be replied to.
            if relation.remove("is_falling_back") == Some(Value::Bool(true)) {
                relation.remove(IN_REPLY_TO);
            }
            relation.remove("rel_type");
            relation.remove(EVENT_ID);
        }
    }
    if let Some(old) = relation
        .get(IN_REPLY_TO)
        .and_then(|reply| reply.get(EVENT_ID)?.as_str())
    {
        match new(old)? {
            Some(id) => relation[IN_REPLY_TO][EVENT_ID] = id.into(),
            None => drop(relation.remove(IN_REPLY_TO)),
        }
    }
    if relation.is_empty() {
        content.remove(RELATES_TO);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rewritten(content: &Value) -> String {
        let mut content = content.as_object().cloned().unwrap();
        let new =
            |old: &str| Ok((!old.starts_with("$gone")).then(|| old.replacen('$', "$new-", 1)));
        let may = rewrite(&mut content, new).unwrap();
        if may {
            Value::Object(content).to_string()
        } else {
            "left".to_owned()
        }
    }

    #[test]
    fn relations_lead_to_what_was_sent_again() {
        let reply = |id: &str| json!({ "m.in_reply_to": { "event_id": id } });
        let thread = |id: &str, falls_back: bool, reply: &str| json!({ "rel_type": "m.thread", "event_id": id, "is_falling_back": falls_back, "m.in_reply_to": { "event_id": reply } });
        let of = |kind: &str, id: &str| json!({ "rel_type": kind, "event_id": id, "key": "k" });
        let edit = |id: &str| json!({ "m.new_content": { "body": "b", "m.relates_to": reply("$a") }, "m.relates_to": of("m.replace", id) });
        let all = [
            json!({ "body": "$a" }),
            json!({ "m.relates_to": reply("$a") }),
            json!({ "m.relates_to": reply("$gone") }),
            json!({ "m.relates_to": thread("$a", true, "$b") }),
            json!({ "m.relates_to": thread("$a", false, "$gone") }),
            json!({ "m.relates_to": thread("$gone", true, "$b") }),
            json!({ "m.relates_to": thread("$gone", false, "$b") }),
            json!({ "m.relates_to": of("m.annotation", "$a") }),
            json!({ "m.relates_to": of("m.annotation", "$gone") }),
            json!({ "m.relates_to": of("m.reference", "$gone") }),
            json!({ "m.relates_to": of("org.example", "$gone") }),
            edit("$a"),
            edit("$gone"),
            json!({ "m.relates_to": "nonsense" }),
            json!({ "m.relates_to": { "event_id": 7 } }),
        ];
        insta::assert_snapshot!(all.each_ref().map(rewritten).join("\n"), @r#"
        {"body":"$a"}
        {"m.relates_to":{"m.in_reply_to":{"event_id":"$new-a"}}}
        {}
        {"m.relates_to":{"event_id":"$new-a","is_falling_back":true,"m.in_reply_to":{"event_id":"$new-b"},"rel_type":"m.thread"}}
        {"m.relates_to":{"event_id":"$new-a","is_falling_back":false,"rel_type":"m.thread"}}
        {}
        {"m.relates_to":{"m.in_reply_to":{"event_id":"$new-b"}}}
        {"m.relates_to":{"event_id":"$new-a","key":"k","rel_type":"m.annotation"}}
        left
        left
        {"m.relates_to":{"key":"k"}}
        {"m.new_content":{"body":"b","m.relates_to":{"m.in_reply_to":{"event_id":"$new-a"}}},"m.relates_to":{"event_id":"$new-a","key":"k","rel_type":"m.replace"}}
        left
        {"m.relates_to":"nonsense"}
        {"m.relates_to":{"event_id":7}}
        "#);
    }

    proptest! {
        #[test]
        fn no_old_id_is_left(kind in "m\\.thread|m\\.replace|m\\.annotation|x", root in "\\$[a-c]", reply in "\\$[a-c]", known in "\\$[a-c]") {
            let mut content = json!({ "body": "b", "m.relates_to": { "rel_type": kind, "event_id": root, "m.in_reply_to": { "event_id": reply } } });
            let content = content.as_object_mut().unwrap();
            let is_sent = rewrite(content, |old| Ok((old == known).then(|| "$new".to_owned()))).unwrap();
            if is_sent {
                let text = Value::Object(content.clone()).to_string();
                prop_assert!(!text.contains("$a") && !text.contains("$b") && !text.contains("$c"), "{text}");
            } else {
                prop_assert!(root != known);
            }
        }
    }
}

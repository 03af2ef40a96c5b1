//! The content of the bot's messages: `m.notice`, as text and as HTML, never too big for an event.

use pulldown_cmark::{Event, Parser, html};
use serde_json::{Value, json};

use super::plain::{OPTIONS, plain};

/// Bytes of Markdown that one message takes.
const LONGEST: usize = 16 * 1024;

/// Bytes of a content: an edit carries two, and an event with its signatures must stay below 64 KiB.
const BIGGEST: usize = 28 * 1024;

/// A message.
#[must_use]
pub fn content(markdown: &str) -> Value {
    let mut limit = LONGEST;
    loop {
        let content = whole(&shortened(markdown, limit));
        if content.to_string().len() <= BIGGEST || limit < 256 {
            return content;
        }
        limit /= 2;
    }
}

/// A message that answers another.
#[must_use]
pub fn reply(markdown: &str, to: &str) -> Value {
    let mut content = content(markdown);
    if let Value::Object(fields) = &mut content {
        fields.insert(
            "m.relates_to".into(),
            json!({"m.in_reply_to": {"event_id": to}}),
        );
    }
    content
}

/// A message that takes the place of an earlier one.
#[must_use]
pub fn edit(markdown: &str, of: &str) -> Value {
    let new = content(markdown);
    let mut edit = new.clone();
    if let Value::Object(fields) = &mut edit {
        if let Some(Value::String(body)) = fields.get_mut("body") {
            body.insert_str(0, "* ");
        }
        if let Some(Value::String(html)) = fields.get_mut("formatted_body") {
            html.insert_str(0, "* ");
        }
        fields.insert("m.new_content".into(), new);
        fields.insert(
            "m.relates_to".into(),
            json!({"rel_type": "m.replace", "event_id": of}),
        );
    }
    edit
}

fn whole(markdown: &str) -> Value {
    json!({
        "msgtype": "m.notice",
        "body": plain(markdown),
        "format": "org.matrix.custom.html",
        "formatted_body": to_html(markdown),
        // Nobody is to be called by a room's name or an ID in a report.
        "m.mentions": {},
    })
}

/// HTML; what looks like HTML in the source is shown as text.
fn to_html(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, OPTIONS).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out.trim_end().to_owned()
}

fn shortened(markdown: &str, limit: usize) -> String {
    if markdown.len() <= limit {
        return markdown.to_owned();
    }
    let mut end = limit;
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    let kept = markdown.get(..end).unwrap_or_default();
    let kept = kept.rsplit_once('\n').map_or(kept, |(lines, _)| lines);
    // An open code block would swallow the last line.
    let fence = if kept.matches("```").count() % 2 == 1 {
        "\n```"
    } else {
        ""
    };
    format!("{kept}{fence}\n\n… cut here: the report file has everything (`!ferry report`).")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_and_an_edit() {
        insta::assert_json_snapshot!(reply("**Done**: `!a:x` <b>", "$order"), @r#"
        {
          "body": "Done: `!a:x` <b>",
          "format": "org.matrix.custom.html",
          "formatted_body": "<p><strong>Done</strong>: <code>!a:x</code> &lt;b&gt;</p>",
          "m.mentions": {},
          "m.relates_to": {
            "m.in_reply_to": {
              "event_id": "$order"
            }
          },
          "msgtype": "m.notice"
        }
        "#);
        insta::assert_json_snapshot!(edit("Half", "$first"), @r#"
        {
          "body": "* Half",
          "format": "org.matrix.custom.html",
          "formatted_body": "* <p>Half</p>",
          "m.mentions": {},
          "m.new_content": {
            "body": "Half",
            "format": "org.matrix.custom.html",
            "formatted_body": "<p>Half</p>",
            "m.mentions": {},
            "msgtype": "m.notice"
          },
          "m.relates_to": {
            "event_id": "$first",
            "rel_type": "m.replace"
          },
          "msgtype": "m.notice"
        }
        "#);
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = format!("```text\n{}\n```", "a line & \"more\" <\n".repeat(10_000));
        let edit = edit(&long, "$first");
        assert!(edit.to_string().len() < 60 * 1024);
        let body = edit["m.new_content"]["body"].as_str().unwrap();
        assert!(body.ends_with("cut here: the report file has everything (`!ferry report`)."));
    }

    proptest! {
        #[test]
        fn no_text_is_too_big(text in "(\\PC|\n|`|\"|<){0,400}", times in 1_usize..200) {
            prop_assert!(edit(&text.repeat(times), "$e").to_string().len() < 60 * 1024);
        }
    }
}

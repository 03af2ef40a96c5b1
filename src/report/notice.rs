//! The content of the bot's messages: `m.notice`, as text and as HTML, never too big for an event.

use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, Parser, Tag, TagEnd, html};
use serde_json::{Value, json};

use super::{
    plain::{OPTIONS, plain},
    technical::folded_title,
    text::count,
};

/// Bytes of Markdown that one message takes.
const LONGEST: usize = 16 * 1024;

/// Bytes of a content. An event must stay below 64 KiB with its signatures, and encryption makes four bytes of three.
const BIGGEST: usize = 38 * 1024;

/// Bytes of an edit's content, of which it carries two.
const BIGGEST_EDIT: usize = 19 * 1024;

/// Lists and quotes in each other: Matrix allows a hundred elements.
const DEEPEST: usize = 30;

/// A message.
#[must_use]
pub fn content(markdown: &str) -> Value {
    within(markdown, BIGGEST)
}

fn within(markdown: &str, biggest: usize) -> Value {
    let mut limit = LONGEST;
    loop {
        let content = whole(&shortened(markdown, limit));
        if content.to_string().len() <= biggest || limit < 256 {
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

/// A message in the thread below another. A client without threads shows it as an answer to the thread's root.
#[must_use]
pub fn in_thread(markdown: &str, root: &str) -> Value {
    let mut content = content(markdown);
    if let Value::Object(fields) = &mut content {
        fields.insert(
            "m.relates_to".into(),
            json!({
                "rel_type": "m.thread",
                "event_id": root,
                "is_falling_back": true,
                "m.in_reply_to": {"event_id": root},
            }),
        );
    }
    content
}

/// A PNG that belongs to an answer; `alt` says in words what it shows. What leads to its bytes is added by whoever uploads
/// them.
#[must_use]
pub fn picture(png: &super::chart::Picture, alt: &str, to: &str) -> Value {
    json!({
        "msgtype": "m.image",
        "m.relates_to": {"m.in_reply_to": {"event_id": to}},
        "body": alt,
        "filename": "chart.png",
        "info": {
            "mimetype": "image/png",
            "size": png.bytes.len(),
            "w": png.width,
            "h": png.height,
        },
        "m.mentions": {},
    })
}

/// A message that takes the place of an earlier one.
#[must_use]
pub fn edit(markdown: &str, of: &str) -> Value {
    let new = within(markdown, BIGGEST_EDIT);
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

/// HTML; what looks like HTML in the source is shown as text, and each line of it is a line.
fn to_html(markdown: &str) -> String {
    let mut folded = false;
    let mut depth = 0_usize;
    let events = Parser::new_ext(markdown, OPTIONS).filter(move |event| {
        let before = depth;
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::List(_) | Tag::Item) => {
                depth += 1;
                depth <= DEEPEST
            }
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item) => {
                depth = depth.saturating_sub(1);
                before <= DEEPEST
            }
            _ => true,
        }
    });
    let events = events.map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::SoftBreak => Event::HardBreak,
        // How a column is aligned would be an attribute that no client keeps.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(vec![Alignment::None; columns.len()]))
        }
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => match folded_title(&info) {
            Some(title) => {
                folded = true;
                Event::Html(opening(title).into())
            }
            None => Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))),
        },
        Event::End(TagEnd::CodeBlock) if folded => {
            folded = false;
            Event::Html(CowStr::Borrowed("</code></pre></details>\n"))
        }
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out.trim_end().to_owned()
}

fn opening(title: &str) -> String {
    let safe = title.replace('&', "&amp;").replace('<', "&lt;");
    format!("<details><summary>{safe}</summary><pre><code>")
}

/// At a line's end, and with how many lines there are more.
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
    let more = markdown
        .get(kept.len()..)
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count();
    format!(
        "{kept}{fence}\n\n… and {}: in the attached report, or the one that `!ferry report` sends.",
        count(more as u64, "more line", "more lines")
    )
}

#[cfg(test)]
mod subset;

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
    fn lines_stay_lines_and_details_are_folded() {
        let markdown = format!(
            "**import**: rooms\n`██░░`\nrunning\n\n{}\nLast.",
            crate::report::technical::folded("GET /x: <500>\nline")
        );
        insta::assert_json_snapshot!(in_thread(&markdown, "$root"), @r#"
        {
          "body": "import: rooms\n`██░░`\nrunning\n\nLast.\n\nTechnical details:\nGET /x: <500>\nline",
          "format": "org.matrix.custom.html",
          "formatted_body": "<p><strong>import</strong>: rooms<br />\n<code>██░░</code><br />\nrunning</p>\n<details><summary>Technical details</summary><pre><code>GET /x: &lt;500&gt;\nline\n</code></pre></details>\n<p>Last.</p>",
          "m.mentions": {},
          "m.relates_to": {
            "event_id": "$root",
            "is_falling_back": true,
            "m.in_reply_to": {
              "event_id": "$root"
            },
            "rel_type": "m.thread"
          },
          "msgtype": "m.notice"
        }
        "#);
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = format!("```text\n{}\n```", "a line & \"more\" <\n".repeat(10_000));
        let edit = edit(&long, "$first");
        assert!(edit.to_string().len() < 40 * 1024);
        let body = edit["m.new_content"]["body"].as_str().unwrap();
        let more = " more lines: in the attached report, or the one that `!ferry report` sends.";
        assert!(body.contains("… and 9,") && body.ends_with(more), "{body}");
    }

    proptest! {
        #[test]
        fn no_text_is_too_big(text in "(\\PC|\n|`|\"|<){0,400}", times in 1_usize..200) {
            let text = text.repeat(times);
            prop_assert!(edit(&text, "$e").to_string().len() < 40 * 1024);
            prop_assert!(in_thread(&text, "$e").to_string().len() < 40 * 1024);
        }
    }
}

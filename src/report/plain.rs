//! Markdown as plain text: for a terminal, and for clients that show no HTML.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::technical::folded_title;

/// The options with which all of Ferryman's Markdown is read.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES;

/// The text without marks, escapes and links' brackets; lists keep their hyphens, code its backticks. What HTML folds away
/// comes last.
#[must_use]
pub fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    // The folded block in hand, and all of them.
    let (mut folded, mut last) = (false, String::new());
    for event in Parser::new_ext(markdown, OPTIONS) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(ref info)))
                if let Some(title) = folded_title(info) =>
            {
                folded = true;
                last.push_str(&format!("\n{title}:\n"));
            }
            Event::End(TagEnd::CodeBlock) if folded => folded = false,
            Event::Text(part) if folded => last.push_str(&part),
            Event::Text(part) | Event::Html(part) | Event::InlineHtml(part) => {
                text.push_str(&part);
            }
            Event::Code(part) => {
                text.push('`');
                text.push_str(&part);
                text.push('`');
            }
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Start(Tag::List(_)) => depth += 1,
            Event::End(TagEnd::List(_)) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    text.push('\n');
                }
            }
            Event::Start(Tag::Item) => {
                end_line(&mut text);
                text.push_str(&"  ".repeat(depth.saturating_sub(1)));
                text.push_str("- ");
            }
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::CodeBlock(_))
                if depth == 0 =>
            {
                end_line(&mut text);
            }
            Event::End(TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::CodeBlock) => {
                end_line(&mut text);
                if depth == 0 {
                    text.push('\n');
                }
            }
            Event::End(TagEnd::TableCell) => text.push_str("  "),
            Event::End(TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead) => end_line(&mut text),
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    if !last.is_empty() {
        end_line(&mut text);
        text.push_str(last.trim_end());
    }
    text
}

fn end_line(text: &mut String) {
    while text.ends_with(' ') {
        text.pop();
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_words_stay() {
        let markdown = "## Done\n\n**2 rooms**, `!a:x`\n\n- one\\_two\n- <b>\n\n```text\na  b\n\nc\n```\n\nEnd";
        insta::assert_snapshot!(plain(markdown), @r"
        Done

        2 rooms, `!a:x`

        - one_two
        - <b>

        a  b

        c

        End
        ");
    }
}

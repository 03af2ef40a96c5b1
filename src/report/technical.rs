//! What machines said, kept apart from what people need to read: folded away in HTML, last in plain text.
//!
//! In Markdown it is a code block of its own kind, so that a report's file shows it as it is.

use super::text::{sentence, visible};
use crate::Error;

/// How such a block begins, before its title.
const KIND: &str = "folded ";

/// Above it.
const TITLE: &str = "Technical details";

/// Characters of a reason that a person reads at a glance.
const SHORT: usize = 160;

/// Characters of the beginning of a longer one.
const BEGINNING: usize = 120;

/// Text of a machine as a block that is folded away, with blank lines around it.
#[must_use]
pub fn folded(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(visible).collect();
    // A fence in it would end the block.
    let text = lines.join("\n").replace('`', "'");
    format!("\n```{KIND}{TITLE}\n{text}\n```\n")
}

/// The title of a block that is folded away, by what stands behind its fence; nothing if it is another one.
pub(super) fn folded_title(info: &str) -> Option<&str> {
    info.strip_prefix(KIND)
}

/// A reason for people: as it is where it is short, else its beginning, and the whole of it folded away.
#[must_use]
pub fn reason(text: &str) -> (String, String) {
    if text.chars().count() <= SHORT && !text.contains('\n') {
        return (sentence(text), String::new());
    }
    (beginning(text), folded(text))
}

/// A failure for people, and what was said between the machines where that is no sentence for people.
#[must_use]
pub fn error(error: &Error) -> (String, String) {
    match error {
        Error::Answer {
            server,
            status,
            errcode,
            ..
        } => (
            format!(
                "{server} answered with an error ({status} {}): its log says more; send the command again, and look there if it stays so",
                sentence(errcode)
            ),
            folded(&error.to_string()),
        ),
        Error::Malformed { server, .. } => (
            format!(
                "{server} gave an answer that can't be read: is the configured address really its own?"
            ),
            folded(&error.to_string()),
        ),
        error => (sentence(&error.to_string()), String::new()),
    }
}

/// The same for one line, where nothing can be folded away.
#[must_use]
pub fn one_line(text: &str) -> String {
    reason(text).0
}

/// Up to the last whole word that fits.
fn beginning(text: &str) -> String {
    let text = visible(text);
    let end = text
        .char_indices()
        .nth(BEGINNING)
        .map_or(text.len(), |(end, _)| end);
    let kept = text.get(..end).unwrap_or_default();
    let kept = kept.rsplit_once(' ').map_or(kept, |(words, _)| words);
    format!("{} …", sentence(kept.trim_end_matches([':', ',', ' '])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plain::plain;

    #[test]
    fn what_is_short_stays_and_what_is_long_is_folded() {
        assert_eq!(
            reason("a `b` failed"),
            ("a `b` failed".to_owned(), String::new())
        );
        let long = format!(
            "the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Aferry.test/send: M_UNKNOWN {}",
            "database is locked, ".repeat(20)
        );
        let (short, folded) = reason(&long);
        insta::assert_snapshot!(short, @r"the target answered 500 to PUT /\_matrix/client/v3/rooms/%21a%3Aferry.test/send: M\_UNKNOWN database is locked, database …");
        assert!(folded.contains(&long));
        assert_eq!(one_line(&long), short);
        let text = plain(&format!(
            "**It failed.**\n{}\nSend it again.",
            super::folded("a\n```b\u{202e}")
        ));
        insta::assert_snapshot!(text, @r"
        It failed.

        Send it again.

        Technical details:
        a
        '''b
        ");
    }

    #[test]
    fn a_failure_between_machines_is_a_sentence_first() {
        let answer = Error::Answer {
            server: "the target",
            request: "PUT /_matrix/client/v3/rooms/%21a/send".into(),
            status: 500,
            errcode: "M_UNKNOWN".into(),
            message: "database is locked".into(),
            retry_after: None,
        };
        let (said, chain) = error(&answer);
        insta::assert_snapshot!(format!("{said}\n{chain}"), @r"
        the target answered with an error (500 M\_UNKNOWN): its log says more; send the command again, and look there if it stays so

        ```folded Technical details
        the target answered 500 to PUT /_matrix/client/v3/rooms/%21a/send: M_UNKNOWN database is locked
        ```
        ");
        let (said, chain) = error(&Error::Malformed {
            server: "Synapse",
            request: "GET /_synapse/admin/v1/server_version".into(),
            reason: "expected value at line 1 column 1".into(),
        });
        insta::assert_snapshot!(format!("{said}\n{chain}"), @r"
        Synapse gave an answer that can't be read: is the configured address really its own?

        ```folded Technical details
        Synapse gave an answer to GET /_synapse/admin/v1/server_version that can't be read (expected value at line 1 column 1): is this address really Synapse?
        ```
        ");
        let busy = Error::Busy("import".into());
        assert_eq!(error(&busy), (sentence(&busy.to_string()), String::new()));
    }

    #[test]
    fn a_word_without_an_end_is_cut() {
        let (short, _) = reason(&"x".repeat(1_000));
        assert_eq!(short.chars().count(), BEGINNING + 2);
    }
}

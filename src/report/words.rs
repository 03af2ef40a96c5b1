//! `help words`: the few terms that the other messages use without explaining them.

use std::fmt::Write;

use super::text::escape;

/// The topic's name.
pub const TOPIC: &str = "words";

/// Each with what it means, in the order of the alphabet.
const WORDS: [(&str, &str); 16] = [
    (
        "alias",
        "a room's address for people, such as #hall:example.org",
    ),
    (
        "backfill",
        "old history that the new server fetches in one piece instead of event by event: faster, but it may show it to more people (`plan` says so)",
    ),
    (
        "bundle",
        "the file that an export makes of Synapse, and that an import reads",
    ),
    (
        "control room",
        "the room in which operators order and Ferryman answers",
    ),
    (
        "event",
        "anything that happened in a room: a message, somebody who came or left, a new name",
    ),
    (
        "homeserver",
        "the program that people's accounts and rooms are on: Synapse or Tuwunel",
    ),
    (
        "identity",
        "a user's own encryption keys, by which others know that it is really them",
    ),
    (
        "job",
        "an export, an import, a retry, a sync, a step of the cutover, a verify, a look into a bundle or bots' keys: one runs at a time",
    ),
    (
        "key backup",
        "the keys of a user's encrypted messages, kept on the server, and opened by the recovery key",
    ),
    (
        "ledger",
        "Ferryman's own record of what is done, so that an import can go on where it stopped",
    ),
    (
        "operator",
        "somebody whose orders Ferryman takes: listed in its configuration",
    ),
    (
        "reference",
        "eight signs that name one failure; `why` with them explains it",
    ),
    (
        "replay",
        "to send a room's old events to the new server, one after another, as if they came in now",
    ),
    (
        "resident",
        "Ferryman's own small server, through which the new one gets the old rooms",
    ),
    (
        "room ID",
        "a room's name for machines, such as !abc:example.org; it stays the same, but for some rooms that are made anew",
    ),
    ("target", "the new server, to which all is carried"),
];

/// All of them.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("What the words mean:\n\n");
    for (word, meaning) in WORDS {
        let _infallible = writeln!(text, "- **{word}**: {}", escape(meaning));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_in_order_and_on_a_telephones_line() {
        assert!(WORDS.is_sorted());
        assert_eq!(markdown().lines().count(), WORDS.len() + 2);
        assert!(markdown().lines().all(|line| line.chars().count() < 180));
    }
}

//! A command's answer on standard output.

use std::{io::Write, sync::Arc};

use super::{lines::Lines, terminal::note};
use crate::{
    clock::SystemClock,
    error::{EXIT_INCOMPLETE, EXIT_WARNINGS},
    operation::Answer,
    report::plain::plain,
};

/// A line on standard output; a closed pipe is the reader's choice.
pub(super) fn say(text: &str) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}

/// The exit code that an answer has.
pub(super) fn code(answer: &Answer) -> u8 {
    match (answer.good, answer.warned) {
        (false, _) => EXIT_INCOMPLETE,
        (true, true) => EXIT_WARNINGS,
        (true, false) => 0,
    }
}

/// For people; the number is the process's exit code.
pub(super) fn print(answer: &Answer) -> u8 {
    if let Some(text) = &answer.verbatim {
        say(text);
    } else {
        say(&plain(&answer.markdown));
        for file in &answer.files {
            let path = file.display().to_string();
            // `report` has listed it.
            if !answer.markdown.contains(&path) {
                note(&format!("report: {path}"));
            }
        }
    }
    code(answer)
}

/// The same, or a line for machines.
pub(super) fn end(json: bool, answer: &Answer) -> u8 {
    if json {
        Lines::new(std::io::stdout(), Arc::new(SystemClock)).answer(answer)
    } else {
        print(answer)
    }
}

/// A good answer that is shown as it is.
pub(super) fn as_it_is(text: &str) -> Answer {
    Answer {
        verbatim: Some(text.to_owned()),
        ..Answer::of(format!("```text\n{text}\n```\n"))
    }
}

//! What is done again, and what came of it.

use std::fmt::Write;

use super::{
    problems,
    text::{code, count, duration, escape},
};
use crate::{
    engine::{Again, Retried},
    job::Problem,
};

/// What a retry would do, for whoever has ordered one.
#[must_use]
pub fn preview(again: &Again) -> String {
    if again.things.is_empty() {
        return nothing(again);
    }
    let mut text = format!(
        "**{} will be done again on {}; nothing else is touched.**\n\n- bundle: {}\n",
        things(again),
        escape(&again.target),
        code(&again.bundle)
    );
    if again.named && !again.things.users.is_empty() {
        text.push_str(
            "- whoever is named is done again even if they count as done: what they have set otherwise on the target since is set back to what it was on Synapse\n",
        );
    }
    if again.named && !again.things.rooms.is_empty() {
        text.push_str(
            "- a room that is named is sent again even if it counts as done: no message is lost, but its state, and the membership of the first to join, are set back to what they were on Synapse: do it before people use it there\n",
        );
    }
    if again.others > 0 {
        let _infallible = writeln!(
            text,
            "- {} that could not be done before is not tried",
            count(again.others, "other thing", "other things")
        );
    }
    text.push_str(&problems::list(&again.problems, problems::FEW));
    text
}

/// For the room and the terminal.
#[must_use]
pub fn short(retried: &Retried) -> String {
    if retried.again.things.is_empty() {
        return nothing(&retried.again);
    }
    let next = if retried.left.is_empty() {
        "Next: `verify`."
    } else {
        "`why` and the sign before a line says what helps; after that, `retry` again. `import` goes on with what was never tried."
    };
    format!("{}\n{next}\n", render(retried, problems::FEW))
}

/// For the file.
#[must_use]
pub fn full(retried: &Retried) -> String {
    let mut text = format!("# Retry\n\n{}", render(retried, usize::MAX));
    if !retried.mended.is_empty() {
        text.push_str("\n## Mended\n\n");
        for Problem { step, subject, .. } in &retried.mended {
            let _infallible = writeln!(text, "- {}: {}", escape(step), code(subject));
        }
    }
    text
}

fn render(retried: &Retried, limit: usize) -> String {
    let again = &retried.again;
    let mended = match (again.problems.len(), retried.mended.len()) {
        (0, _) if retried.left.is_empty() => "nothing of it fails".to_owned(),
        (0, _) => "not all of it is right".to_owned(),
        (before, mended) if before == mended && retried.left.is_empty() => {
            "all that had failed is mended".to_owned()
        }
        (before, mended) => format!("{mended} of {before} failures are mended"),
    };
    let mut text = format!(
        "**{} done again on {} in {}: {mended}.**\n\n- bundle: {}\n",
        things(again),
        escape(&again.target),
        duration(retried.elapsed_ms),
        code(&again.bundle)
    );
    if again.others > 0 {
        let _infallible = writeln!(
            text,
            "- {} that could not be done before was not tried",
            count(again.others, "other thing", "other things")
        );
    }
    if let Some(path) = &retried.passwords {
        let _infallible = writeln!(
            text,
            "- new accounts' passwords are in {} on Ferryman's machine",
            code(&path.display())
        );
    }
    text.push_str(&problems::list(&retried.left, limit));
    text
}

fn nothing(again: &Again) -> String {
    if again.problems.is_empty() {
        return format!(
            "There is nothing to do again: of {}, all that was begun is done. `import` goes on with what was never tried, `verify` compares.\n",
            code(&again.bundle)
        );
    }
    format!(
        "Nothing can be done again: what is left can't be mended by another try. `why` and the sign before a line says more.\n{}",
        problems::list(&again.problems, problems::FEW)
    )
}

/// `3 users, 1 room and 2 media files`.
fn things(again: &Again) -> String {
    let things = &again.things;
    // A room's own aliases and listing go with it.
    let alone = things.listings.difference(&things.rooms).count() as u64;
    let all = [
        (things.users.len() as u64, "user", "users"),
        (things.rooms.len() as u64, "room", "rooms"),
        (things.aliases.len() as u64, "alias", "aliases"),
        (alone, "listed room", "listed rooms"),
        (things.media.len() as u64, "media file", "media files"),
    ];
    let named = all.iter().filter(|(number, ..)| *number > 0);
    let mut parts: Vec<_> = named
        .map(|(number, one, many)| count(*number, one, many))
        .collect();
    match parts.pop() {
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
        None => String::new(),
    }
}

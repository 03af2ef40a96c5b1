//! What has changed on the source since the last import, and what came of it.

use std::fmt::{Display, Write};

use super::{
    problems,
    text::{code, count, duration, time},
};
use crate::{
    engine::{CaughtUp, Synced},
    migration::changes::Changes,
};

/// For the room and the terminal.
#[must_use]
pub fn short(synced: &Synced) -> String {
    let next = if synced.is_good() {
        "`sync` again carries what comes after this. Next: `verify`."
    } else {
        "`retry` tries what has failed once more, and so does the next `sync`."
    };
    format!("{}\n{next}\n", render(synced, problems::FEW))
}

/// For the file.
#[must_use]
pub fn full(synced: &Synced) -> String {
    let mut text = format!("# Sync\n\n{}", render(synced, usize::MAX));
    let Changes {
        new_users,
        users,
        settings,
        new_rooms,
        rooms,
        gone,
        ..
    } = &synced.caught_up.changes;
    section(&mut text, "Users who are new", new_users);
    section(&mut text, "Users who have changed", users);
    section(&mut text, "Users with other settings", settings);
    section(&mut text, "Rooms that are new", new_rooms);
    section(&mut text, "Rooms that went on", rooms);
    section(&mut text, "Aliases that are gone", gone.aliases.keys());
    section(&mut text, "Rooms that left the directory", &gone.listed);
    section(&mut text, "Accounts that were closed", &gone.closed);
    section(&mut text, "Rooms that Synapse has deleted", &gone.rooms);
    text
}

fn section<T: Display>(text: &mut String, title: &str, all: impl IntoIterator<Item = T>) {
    let mut all = all.into_iter().peekable();
    if all.peek().is_none() {
        return;
    }
    let _infallible = write!(text, "\n## {title}\n\n");
    for one in all {
        let _infallible = writeln!(text, "- {}", code(&one));
    }
}

fn render(synced: &Synced, limit: usize) -> String {
    let CaughtUp {
        since_ts,
        changes,
        import,
        before,
        ..
    } = &synced.caught_up;
    let what = if changes.is_empty() {
        "Nothing has changed on Synapse".to_owned()
    } else {
        format!(
            "Carried what has changed on Synapse: {}",
            count(changes.events, "event", "events")
        )
    };
    let mut text = format!(
        "**{what}** since {}, in {}.\n\n",
        time(*since_ts),
        duration(synced.elapsed_ms)
    );
    text.push_str(&news(changes));
    let mut line = |of_line: String| {
        let _infallible = writeln!(text, "- {of_line}");
    };
    line(format!("bundle: {}", code(&synced.bundle.display())));
    line(format!(
        "the one before, {}, is not needed any more",
        code(&before.display())
    ));
    if !changes.new_users.is_empty()
        && let Some(path) = &import.passwords
    {
        line(format!(
            "passwords of all new accounts are in {} on Ferryman's machine",
            code(&path.display())
        ));
    }
    text.push_str(&problems::list(&synced.unread, limit));
    text.push_str(&problems::list(&import.problems, limit));
    text
}

/// What has changed, a line for each kind.
fn news(changes: &Changes) -> String {
    let mut text = String::new();
    let mut line = |of_line: String| {
        let _infallible = writeln!(text, "- {of_line}");
    };
    let rooms = [
        (changes.rooms.len(), "went on", "went on"),
        (changes.new_rooms.len(), "new", "new"),
        (
            changes.doors.len(),
            "with others at the door",
            "with others at the door",
        ),
    ];
    let users = [
        (changes.new_users.len(), "new", "new"),
        (
            changes.users.len(),
            "with another name, picture or right",
            "with other names, pictures or rights",
        ),
        (
            changes.settings.len(),
            "with other settings",
            "with other settings",
        ),
        (changes.readers.len(), "who has read", "who have read"),
        (
            changes.identities.len(),
            "with other encryption keys",
            "with other encryption keys",
        ),
    ];
    let other = [
        (changes.aliases.len(), "alias", "aliases"),
        (changes.backups.len(), "key backup", "key backups"),
        (
            changes.listed.len(),
            "room in the directory",
            "rooms in the directory",
        ),
        (count_of(changes.media), "media file", "media files"),
    ];
    for (name, parts) in [
        ("rooms", &rooms[..]),
        ("users", &users),
        ("new or other", &other),
    ] {
        let parts = listed(parts);
        if !parts.is_empty() {
            line(format!("{name}: {parts}"));
        }
    }
    let gone = &changes.gone;
    let taken = listed(&[
        (gone.aliases.len(), "alias", "aliases"),
        (
            gone.listed.len(),
            "room of the directory",
            "rooms of the directory",
        ),
        (gone.closed.len(), "open account", "open accounts"),
        (gone.tags.len(), "user's tags", "users' tags"),
        (gone.rules.len(), "user's push rules", "users' push rules"),
    ]);
    if !taken.is_empty() {
        line(format!("taken away on the target, too: {taken}"));
    }
    if !gone.rooms.is_empty() {
        line(format!(
            "on the target still: {} deleted",
            count(
                gone.rooms.len() as u64,
                "room that Synapse has",
                "rooms that Synapse has"
            )
        ));
    }
    text
}

fn count_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `3 new, 1 went on`.
fn listed(parts: &[(usize, &str, &str)]) -> String {
    let there = parts.iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<_> = there
        .map(|(number, one, many)| count(*number as u64, one, many))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests;

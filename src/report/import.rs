//! The end of an import.

use std::fmt::Write;

use super::{
    media, messages, problems,
    text::{code, count, duration, escape, first, len, number_of},
};
use crate::migration::outcome::ImportSummary;

/// For the room and the terminal.
#[must_use]
pub fn short(summary: &ImportSummary) -> String {
    let next = if is_good(summary) && !summary.left_out.is_empty() {
        "`import` without --only and --except carries what was left out. Next: `verify`."
    } else if is_good(summary) {
        "Next: `verify`."
    } else {
        "`retry` tries what has failed once more; then `verify`."
    };
    format!("{}\n{next}\n", render(summary, problems::FEW))
}

/// For the file.
#[must_use]
pub fn full(summary: &ImportSummary) -> String {
    let mut text = format!("# Import\n\n{}", render(summary, usize::MAX));
    if !summary.accounts_adopted.is_empty() {
        text.push_str("\n## Accounts that were there already\n\n");
        for user in &summary.accounts_adopted {
            let _infallible = writeln!(text, "- {}", code(&user));
        }
    }
    if !summary.identities_kept.is_empty() {
        text.push_str("\n## Users with encryption of their own on the target\n\n");
        for user in &summary.identities_kept {
            let _infallible = writeln!(text, "- {}", code(&user));
        }
    }
    if !summary.rooms_skipped.is_empty() {
        text.push_str("\n## Rooms that stay behind\n\n");
        for room in &summary.rooms_skipped {
            let _infallible = writeln!(
                text,
                "- {} ({}): {}",
                escape(&room.name),
                code(&room.room_id),
                escape(&room.reason)
            );
        }
    }
    if !summary.media.lost.is_empty() {
        let lines = first(media::named(&summary.media.lost), usize::MAX);
        let _infallible = write!(text, "\n## Media that stay behind\n\n{lines}");
    }
    text
}

/// Nothing failed.
#[must_use]
pub fn is_good(summary: &ImportSummary) -> bool {
    summary.rooms_failed == 0 && summary.problems.is_empty()
}

fn render(summary: &ImportSummary, limit: usize) -> String {
    let accounts = summary.accounts_created + len(&summary.accounts_adopted);
    let failed = match summary.rooms_failed {
        0 => String::new(),
        failed => format!("**{} failed.** ", count(failed, "room", "rooms")),
    };
    let mut text = format!(
        "{failed}**Carried {} and {} to {}** in {}.\n\n",
        count(accounts, "account", "accounts"),
        count(summary.rooms_carried, "room", "rooms"),
        escape(&summary.target),
        duration(summary.elapsed_ms)
    );
    let mut line = |text_of_line: String| {
        let _infallible = writeln!(text, "- {text_of_line}");
    };
    line(format!(
        "accounts: {} created, {} there already (password kept), {} reserved",
        number_of(summary.accounts_created),
        number_of(len(&summary.accounts_adopted)),
        number_of(summary.accounts_reserved)
    ));
    line(format!(
        "rooms: {} carried, {} skipped by plan, {} failed",
        number_of(summary.rooms_carried),
        number_of(len(&summary.rooms_skipped)),
        number_of(summary.rooms_failed)
    ));
    other_ways(summary).into_iter().for_each(&mut line);
    if !summary.left_out.is_empty() {
        line(format!("left out by choice: {}", summary.left_out));
    }
    if summary.rooms_pending > 0 {
        line(format!(
            "people wait again, invited or having knocked, at {} that nobody here is in",
            count(summary.rooms_pending, "room", "rooms")
        ));
    }
    line(format!(
        "history: {}; {} in this run",
        count(summary.events_replayed, "event", "events"),
        count(
            summary.remote_joins,
            "join through the resident",
            "joins through the resident"
        )
    ));
    line(count(summary.aliases, "alias set", "aliases set"));
    if summary.identities + summary.key_backups > 0 {
        line(format!(
            "encryption: {} and {}",
            count(summary.identities, "identity", "identities"),
            count(summary.key_backups, "key backup", "key backups")
        ));
    }
    if !summary.identities_kept.is_empty() {
        line(format!(
            "{} encryption set up on the target already: that stays, and their old identity and key backup stay behind (the report names them)",
            count(len(&summary.identities_kept), "user has", "users have")
        ));
    }
    if summary.rooms_listed > 0 {
        line(format!(
            "{} in the room directory",
            count(summary.rooms_listed, "room", "rooms")
        ));
    }
    line(format!(
        "settings, tags and read receipts: of {}",
        count(summary.user_data, "user", "users")
    ));
    if summary.media.planned > 0 {
        line(format!(
            "media: {} of {} carried",
            number_of(summary.media.carried),
            count(summary.media.planned, "file", "files")
        ));
    }
    if let Some(path) = &summary.passwords {
        line(format!(
            "the new accounts' passwords are in {} on Ferryman's machine: hand them out, then delete the file",
            code(&path.display())
        ));
    }
    text.push_str(&media::left(&summary.media.left));
    text.push_str(&problems::list(&summary.problems, limit));
    text
}

/// Of rooms that were joined through other servers, if any were.
fn joined(summary: &ImportSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.rooms_joined > 0 || summary.memberships > 0 {
        lines.push(format!(
            "joined through other servers: {} whole, {} in all",
            count(summary.rooms_joined, "room", "rooms"),
            count(summary.memberships, "membership", "memberships")
        ));
    }
    if summary.old_left > 0 {
        lines.push(format!(
            "old accounts have left: {}",
            count(summary.old_left, "membership", "memberships")
        ));
    }
    lines
}

/// What came over in another way than with its history.
fn other_ways(summary: &ImportSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.rooms_made > 0 {
        lines.push(format!(
            "made anew, without history: {}",
            count(summary.rooms_made, "room", "rooms")
        ));
    }
    if let Some(messages) = &summary.messages {
        let text = messages::summary(messages);
        lines.extend(
            text.lines()
                .map(|line| line.trim_start_matches("- ").to_owned()),
        );
    }
    lines.extend(joined(summary));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::Problem,
        migration::outcome::{MediaSummary, MessagesSummary, NotSent, RoomLeft},
        model::stage::Stages,
    };

    fn summary() -> ImportSummary {
        ImportSummary {
            target: "Tuwunel 1.9.0".into(),
            accounts_created: 20,
            accounts_adopted: vec!["@anna:ferry.test".try_into().unwrap()],
            accounts_reserved: 1,
            rooms_carried: 38,
            rooms_made: 0,
            messages: None,
            rooms_joined: 0,
            memberships: 0,
            old_left: 0,
            rooms_pending: 0,
            rooms_skipped: vec![RoomLeft {
                room_id: "!old:ferry.test".try_into().unwrap(),
                name: "Old".into(),
                reason: "no local user is joined to it any more".into(),
            }],
            rooms_failed: 0,
            left_out: Stages::NONE,
            remote_joins: 38,
            events_replayed: 1_382,
            aliases: 7,
            identities: 12,
            identities_kept: vec!["@anna:ferry.test".try_into().unwrap()],
            key_backups: 11,
            rooms_listed: 3,
            user_data: 21,
            media: MediaSummary::default(),
            elapsed_ms: 28_000,
            passwords: Some("data/passwords.toml".into()),
            problems: vec![],
        }
    }

    #[test]
    fn all_went_well() {
        assert!(is_good(&summary()));
        insta::assert_snapshot!(short(&summary()), @r"
        **Carried 21 accounts and 38 rooms to Tuwunel 1.9.0** in 28 s.

        - accounts: 20 created, 1 there already (password kept), 1 reserved
        - rooms: 38 carried, 1 skipped by plan, 0 failed
        - history: 1,382 events; 38 joins through the resident in this run
        - 7 aliases set
        - encryption: 12 identities and 11 key backups
        - 1 user has encryption set up on the target already: that stays, and their old identity and key backup stay behind (the report names them)
        - 3 rooms in the room directory
        - settings, tags and read receipts: of 21 users
        - the new accounts' passwords are in `data/passwords.toml` on Ferryman's machine: hand them out, then delete the file

        Next: `verify`.
        ");
        insta::assert_snapshot!(full(&summary()), @r"
        # Import

        **Carried 21 accounts and 38 rooms to Tuwunel 1.9.0** in 28 s.

        - accounts: 20 created, 1 there already (password kept), 1 reserved
        - rooms: 38 carried, 1 skipped by plan, 0 failed
        - history: 1,382 events; 38 joins through the resident in this run
        - 7 aliases set
        - encryption: 12 identities and 11 key backups
        - 1 user has encryption set up on the target already: that stays, and their old identity and key backup stay behind (the report names them)
        - 3 rooms in the room directory
        - settings, tags and read receipts: of 21 users
        - the new accounts' passwords are in `data/passwords.toml` on Ferryman's machine: hand them out, then delete the file

        ## Accounts that were there already

        - `@anna:ferry.test`

        ## Users with encryption of their own on the target

        - `@anna:ferry.test`

        ## Rooms that stay behind

        - Old (`!old:ferry.test`): no local user is joined to it any more
        ");
    }

    #[test]
    fn messages_are_sent_again() {
        let mut summary = summary();
        summary.rooms_made = 2;
        summary.messages = Some(MessagesSummary {
            sent: 1_200,
            planned: 1_201,
            left: [(NotSent::Redacted, 3)].into(),
        });
        let text = short(&summary);
        let lines: Vec<_> = text.lines().skip(4).take(3).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        - made anew, without history: 2 rooms
        - 1,200 messages were sent again, with the old times (of 1,201)
        - 3 things that were said are not sent again: deleted
        ");
    }

    #[test]
    fn people_wait_at_doors() {
        let mut summary = summary();
        summary.rooms_pending = 2;
        let text = short(&summary);
        let line = text.lines().find(|line| line.contains("wait"));
        insta::assert_snapshot!(line.unwrap(), @"- people wait again, invited or having knocked, at 2 rooms that nobody here is in");
    }

    #[test]
    fn rooms_were_made_anew() {
        let mut summary = summary();
        summary.rooms_made = 3;
        let text = short(&summary);
        let line = text.lines().find(|line| line.contains("anew"));
        insta::assert_snapshot!(line.unwrap(), @"- made anew, without history: 3 rooms");
    }

    #[test]
    fn a_room_failed() {
        let mut summary = summary();
        summary.rooms_failed = 1;
        summary.passwords = None;
        summary.problems.push(Problem {
            step: "join".into(),
            subject: "!r:ferry.test".into(),
            reason: "the target refused it: M_FORBIDDEN".into(),
        });
        assert!(!is_good(&summary));
        insta::assert_snapshot!(short(&summary), @r"
        **1 room failed.** **Carried 21 accounts and 38 rooms to Tuwunel 1.9.0** in 28 s.

        - accounts: 20 created, 1 there already (password kept), 1 reserved
        - rooms: 38 carried, 1 skipped by plan, 1 failed
        - history: 1,382 events; 38 joins through the resident in this run
        - 7 aliases set
        - encryption: 12 identities and 11 key backups
        - 1 user has encryption set up on the target already: that stays, and their old identity and key backup stay behind (the report names them)
        - 3 rooms in the room directory
        - settings, tags and read receipts: of 21 users

        **1 thing could not be done**

        - `1c6617bd` join: `!r:ferry.test`: the target refused it: M\_FORBIDDEN

        `retry` tries what has failed once more; then `verify`.
        ");
    }
}

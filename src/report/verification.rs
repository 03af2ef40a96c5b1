//! A verification: what is equal comes first; the file has a table of every room.

use std::fmt::Write;

use super::text::{code, count, escape, first, len, number_of, time};
use crate::{
    migration::outcome::{Comparison, RoomVerification, Verification},
    model::stage::Stages,
};

/// What only a deep comparison asks for.
const BY_KEY: &str = "state by its key";

/// Differences in a room message.
const FEW: usize = 10;

/// For the room and the terminal.
#[must_use]
pub fn short(verification: &Verification) -> String {
    let mut text = summary(verification);
    let differences = differences(verification);
    if !differences.is_empty() {
        let _infallible = write!(text, "\nWhat differs:\n\n{}", first(differences, FEW));
    }
    text
}

/// For the file.
#[must_use]
pub fn full(verification: &Verification) -> String {
    let mut text = format!(
        "# Verification\n\n{}\nEnded {}.\n\n## Rooms\n\n| room | name | version | members | state | timeline | order | equal |\n|---|---|---|---|---|---|---|---|\n",
        summary(verification),
        time(verification.finished_ts)
    );
    for room in &verification.rooms {
        text.push_str(&row(room));
    }
    section(&mut text, "What differs", differences(verification));
    section(&mut text, "Known reasons", known(verification));
    text
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        let _infallible = write!(text, "\n## {title}\n\n{}", first(lines, usize::MAX));
    }
}

fn summary(verification: &Verification) -> String {
    let compared: Vec<&RoomVerification> = verification
        .rooms
        .iter()
        .filter(|room| room.skipped.is_none())
        .collect();
    let equal = compared.iter().filter(|room| room.is_good()).count();
    let skipped = verification.rooms.len() - compared.len();
    let sum = |part: fn(&RoomVerification) -> &Comparison| {
        compared.iter().fold((0, 0), |(equal, expected), room| {
            let part = part(room);
            (equal + part.equal, expected + part.expected)
        })
    };
    let known = known(verification).len() as u64;
    let headline =
        if verification.is_good() && skipped == 0 && known == 0 && verification.left_out.is_empty()
        {
            "Everything is equal".to_owned()
        } else if verification.is_good() {
            "Everything that was carried over is equal".to_owned()
        } else {
            let number = differences(verification).len() as u64;
            format!("{} found", count(number, "difference", "differences"))
        };
    let mut text = format!(
        "**{headline}: {} of {} on {}.**\n\n- bundle: {}\n",
        number_of(equal as u64),
        count(len(&compared), "room is the same", "rooms are the same"),
        escape(&verification.target),
        code(&verification.bundle)
    );
    for (what, (equal, expected)) in [
        ("accounts", of(&verification.users)),
        ("aliases", of(&verification.aliases)),
        ("memberships", sum(|room| &room.members)),
        ("state events", sum(|room| &room.state)),
        (BY_KEY, sum(|room| &room.by_key)),
        ("timeline events", sum(|room| &room.timeline)),
    ] {
        let is_part = what != BY_KEY && verification.left_out.is_empty();
        if expected == 0 && !is_part {
            continue;
        }
        let _infallible = writeln!(
            text,
            "- {what}: {} of {} equal",
            number_of(equal),
            number_of(expected)
        );
    }
    text.push_str(&things(verification));
    text.push_str(&left_out(verification.left_out));
    for (number, what) in [
        (skipped as u64, "skipped by plan"),
        (
            compared
                .iter()
                .filter(|room| room.same_order == Some(false))
                .count() as u64,
            "with events in another order",
        ),
    ] {
        if number > 0 {
            let _infallible = writeln!(text, "- {} {what}", count(number, "room", "rooms"));
        }
    }
    let added: u64 = compared.iter().map(|room| room.added).sum();
    if added > 0 {
        let _infallible = writeln!(
            text,
            "- {} only on the target: one new join in each room, and what was mended or said since",
            count(added, "event is", "events are")
        );
    }
    if known > 0 {
        let _infallible = writeln!(
            text,
            "- {} for a known reason, listed in the report",
            count(known, "thing is different", "things are different")
        );
    }
    text
}

/// What nobody has carried so far, and so nothing was compared of.
fn left_out(stages: Stages) -> String {
    if stages.is_empty() {
        return String::new();
    }
    format!("- not carried so far, by choice, and so not compared: {stages}\n")
}

/// What a migration may have beyond accounts and rooms.
fn things(verification: &Verification) -> String {
    let mut text = String::new();
    let mut line = |what: &str, part: &Comparison, word: &str| {
        if part.expected > 0 {
            let (equal, expected) = (number_of(part.equal), number_of(part.expected));
            let _infallible = writeln!(text, "- {what}: {equal} of {expected} {word}");
        }
    };
    line("listed rooms", &verification.listings, "equal");
    for (what, part) in verification.user_data.parts() {
        line(what, part, "equal");
    }
    line("old signing keys", &verification.keys, "published");
    line("encryption identities", &verification.identities, "equal");
    line("room keys in backups", &verification.room_keys, "equal");
    line("media", &verification.media, "equal");
    let read = verification.media_read_before;
    if read > 0 {
        let files = count(read, "file was", "files were");
        let _infallible = writeln!(
            text,
            "- {files} read whole by an earlier `verify`, and not now: `verify --deep` reads all"
        );
    }
    let timed = verification.user_data.receipts_timed;
    if timed > 0 {
        let receipts = count(timed, "public receipt has", "public receipts have");
        let _infallible = writeln!(text, "- {receipts} the time of the source");
    }
    text
}

fn of(comparison: &Comparison) -> (u64, u64) {
    (comparison.equal, comparison.expected)
}

fn row(room: &RoomVerification) -> String {
    let head = format!(
        "| {} | {} | {} |",
        code(&room.room_id),
        escape(&room.name),
        escape(room.version.as_deref().unwrap_or("?"))
    );
    if let Some(reason) = &room.skipped {
        return format!("{head} | | | | skipped: {} |\n", escape(reason));
    }
    let part = |comparison: &Comparison| format!("{}/{}", comparison.equal, comparison.expected);
    format!(
        "{head} {} | {} | {} | {} | {} |\n",
        part(&room.members),
        part(&room.state),
        part(&room.timeline),
        match room.same_order {
            Some(true) => "same",
            Some(false) => "**differs**",
            None => "–",
        },
        if room.is_good() { "yes" } else { "**no**" }
    )
}

fn differences(verification: &Verification) -> Vec<String> {
    let mut lines = listed(verification, |comparison| &comparison.differences);
    lines.extend(
        verification
            .rooms
            .iter()
            .filter(|room| room.same_order == Some(false))
            .map(|room| format!("{}: the events come in another order", place(room))),
    );
    lines
}

fn known(verification: &Verification) -> Vec<String> {
    listed(verification, |comparison| &comparison.known)
}

fn listed(verification: &Verification, part: fn(&Comparison) -> &Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |place: &str, comparison: &Comparison| {
        lines.extend(
            part(comparison)
                .iter()
                .map(|entry| format!("{place}: {}", escape(entry))),
        );
    };
    add("accounts", &verification.users);
    add("aliases", &verification.aliases);
    add("keys", &verification.keys);
    add("encryption", &verification.identities);
    add("key backups", &verification.room_keys);
    add("listed rooms", &verification.listings);
    for (what, part) in verification.user_data.parts() {
        add(what, part);
    }
    add("media", &verification.media);
    for room in &verification.rooms {
        for (what, comparison) in [
            ("members", &room.members),
            ("state", &room.state),
            (BY_KEY, &room.by_key),
            ("timeline", &room.timeline),
        ] {
            add(&format!("{}, {what}", place(room)), comparison);
        }
    }
    lines
}

fn place(room: &RoomVerification) -> String {
    if room.name == room.room_id.as_str() {
        code(&room.room_id)
    } else {
        format!("{} ({})", escape(&room.name), code(&room.room_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::outcome::UserDataVerification;

    fn equal(expected: u64) -> Comparison {
        Comparison {
            expected,
            equal: expected,
            ..Comparison::default()
        }
    }

    fn room(id: &str) -> RoomVerification {
        RoomVerification {
            room_id: id.try_into().unwrap(),
            name: "Team | A".into(),
            version: Some("11".into()),
            skipped: None,
            members: equal(3),
            state: equal(12),
            by_key: Comparison::default(),
            timeline: equal(100),
            added: 1,
            same_order: Some(true),
        }
    }

    fn verification() -> Verification {
        Verification {
            target: "Tuwunel 1.9.0".into(),
            bundle: "b.tar.zst".into(),
            users: equal(22),
            aliases: equal(7),
            keys: equal(1),
            identities: equal(12),
            room_keys: equal(4_212),
            media: equal(2_000),
            media_read_before: 1_900,
            rooms: vec![room("!a:ferry.test")],
            listings: equal(2),
            user_data: UserDataVerification {
                account_data: equal(40),
                receipts: equal(12),
                receipts_timed: 9,
                ..UserDataVerification::default()
            },
            left_out: Stages::NONE,
            finished_ts: 1_785_592_800_000,
        }
    }

    #[test]
    fn all_is_equal() {
        insta::assert_snapshot!(short(&verification()), @r"
        **Everything is equal: 1 of 1 room is the same on Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - accounts: 22 of 22 equal
        - aliases: 7 of 7 equal
        - memberships: 3 of 3 equal
        - state events: 12 of 12 equal
        - timeline events: 100 of 100 equal
        - listed rooms: 2 of 2 equal
        - account data: 40 of 40 equal
        - receipts: 12 of 12 equal
        - old signing keys: 1 of 1 published
        - encryption identities: 12 of 12 equal
        - room keys in backups: 4,212 of 4,212 equal
        - media: 2,000 of 2,000 equal
        - 1,900 files were read whole by an earlier `verify`, and not now: `verify --deep` reads all
        - 9 public receipts have the time of the source
        - 1 event is only on the target: one new join in each room, and what was mended or said since
        ");
    }

    #[test]
    fn what_stays_behind_is_not_called_equal() {
        let mut verification = verification();
        verification.rooms[0].skipped = Some("nobody local is in it".into());
        assert!(
            short(&verification)
                .starts_with("**Everything that was carried over is equal: 0 of 0 rooms")
        );
    }

    #[test]
    fn something_differs() {
        let mut verification = verification();
        let mut bad = room("!b:ferry.test");
        bad.members.equal = 2;
        bad.members.differences = vec!["@eva:ferry.test is leave, expected join".into()];
        bad.same_order = Some(false);
        bad.timeline.known = vec!["$x: a dummy event, never listed".into()];
        let mut skipped = room("!c:ferry.test");
        skipped.skipped = Some("nobody local is in it".into());
        verification.rooms.extend([bad, skipped]);
        insta::assert_snapshot!(short(&verification), @r"
        **2 differences found: 1 of 2 rooms are the same on Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - accounts: 22 of 22 equal
        - aliases: 7 of 7 equal
        - memberships: 5 of 6 equal
        - state events: 24 of 24 equal
        - timeline events: 200 of 200 equal
        - listed rooms: 2 of 2 equal
        - account data: 40 of 40 equal
        - receipts: 12 of 12 equal
        - old signing keys: 1 of 1 published
        - encryption identities: 12 of 12 equal
        - room keys in backups: 4,212 of 4,212 equal
        - media: 2,000 of 2,000 equal
        - 1,900 files were read whole by an earlier `verify`, and not now: `verify --deep` reads all
        - 9 public receipts have the time of the source
        - 1 room skipped by plan
        - 1 room with events in another order
        - 2 events are only on the target: one new join in each room, and what was mended or said since
        - 1 thing is different for a known reason, listed in the report

        What differs:

        - Team \| A (`!b:ferry.test`), members: @eva:ferry.test is leave, expected join
        - Team \| A (`!b:ferry.test`): the events come in another order
        ");
        insta::assert_snapshot!(full(&verification), @r"
        # Verification

        **2 differences found: 1 of 2 rooms are the same on Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - accounts: 22 of 22 equal
        - aliases: 7 of 7 equal
        - memberships: 5 of 6 equal
        - state events: 24 of 24 equal
        - timeline events: 200 of 200 equal
        - listed rooms: 2 of 2 equal
        - account data: 40 of 40 equal
        - receipts: 12 of 12 equal
        - old signing keys: 1 of 1 published
        - encryption identities: 12 of 12 equal
        - room keys in backups: 4,212 of 4,212 equal
        - media: 2,000 of 2,000 equal
        - 1,900 files were read whole by an earlier `verify`, and not now: `verify --deep` reads all
        - 9 public receipts have the time of the source
        - 1 room skipped by plan
        - 1 room with events in another order
        - 2 events are only on the target: one new join in each room, and what was mended or said since
        - 1 thing is different for a known reason, listed in the report

        Ended 2026-08-01 14:00:00 UTC.

        ## Rooms

        | room | name | version | members | state | timeline | order | equal |
        |---|---|---|---|---|---|---|---|
        | `!a:ferry.test` | Team \| A | 11 | 3/3 | 12/12 | 100/100 | same | yes |
        | `!b:ferry.test` | Team \| A | 11 | 2/3 | 12/12 | 100/100 | **differs** | **no** |
        | `!c:ferry.test` | Team \| A | 11 | | | | | skipped: nobody local is in it |

        ## What differs

        - Team \| A (`!b:ferry.test`), members: @eva:ferry.test is leave, expected join
        - Team \| A (`!b:ferry.test`): the events come in another order

        ## Known reasons

        - Team \| A (`!b:ferry.test`), timeline: $x: a dummy event, never listed
        ");
    }
}

use ruma::{room_alias_id, room_id, user_id};

use super::*;
use crate::{job::Problem, migration::outcome::ImportSummary};

fn synced(changes: Changes) -> Synced {
    Synced {
        caught_up: CaughtUp {
            since_ts: 1_785_593_100_000,
            until_ts: 1_785_596_700_000,
            changes,
            import: ImportSummary {
                passwords: Some("data/passwords/new.csv".into()),
                ..ImportSummary::default()
            },
            before: "data/bundles/old.tar.zst".into(),
        },
        bundle: "data/bundles/new.tar.zst".into(),
        unread: Vec::new(),
        elapsed_ms: 12_400,
    }
}

fn busy() -> Changes {
    let mut changes = Changes {
        events: 340,
        media: 2,
        new_users: [user_id!("@nina:x").to_owned()].into(),
        users: [user_id!("@bob:x").to_owned()].into(),
        readers: [user_id!("@bob:x"), user_id!("@eve:x")]
            .map(|user| (user.to_owned(), [room_id!("!a:x").to_owned()].into()))
            .into(),
        rooms: [room_id!("!a:x"), room_id!("!b:x")]
            .map(ToOwned::to_owned)
            .into(),
        new_rooms: [room_id!("!new:x").to_owned()].into(),
        aliases: [room_alias_id!("#new:x").to_owned()].into(),
        ..Changes::default()
    };
    let (alias, room) = (room_alias_id!("#old:x"), room_id!("!a:x"));
    changes
        .gone
        .aliases
        .insert(alias.to_owned(), room.to_owned());
    changes.gone.closed.insert(user_id!("@zoe:x").to_owned());
    changes.gone.rooms.insert(room_id!("!gone:x").to_owned());
    changes
}

#[test]
fn what_has_changed_is_told_in_a_few_lines() {
    insta::assert_snapshot!(short(&synced(busy())), @r"
    **Carried what has changed on Synapse: 340 events** since 2026-08-01 14:05:00 UTC, in 12 s.

    - rooms: 2 went on, 1 new
    - users: 1 new, 1 with another name, picture or right, 2 who have read
    - new or other: 1 alias, 2 media files
    - taken away on the target, too: 1 alias, 1 open account
    - on the target still: 1 room that Synapse has deleted
    - bundle: `data/bundles/new.tar.zst`
    - the one before, `data/bundles/old.tar.zst`, is not needed any more
    - passwords of all new accounts are in `data/passwords/new.csv` on Ferryman's machine

    `sync` again carries what comes after this. Next: `verify`.
    ");
}

#[test]
fn nothing_is_told_as_nothing() {
    insta::assert_snapshot!(short(&synced(Changes::default())), @r"
    **Nothing has changed on Synapse** since 2026-08-01 14:05:00 UTC, in 12 s.

    - bundle: `data/bundles/new.tar.zst`
    - the one before, `data/bundles/old.tar.zst`, is not needed any more

    `sync` again carries what comes after this. Next: `verify`.
    ");
}

#[test]
fn what_failed_comes_with_its_remedy() {
    let mut synced = synced(busy());
    let problem = Problem::new("room", "!a:x", "it differs from the source");
    synced.caught_up.import.problems.push(problem);
    insta::assert_snapshot!(short(&synced), @r"
    **Carried what has changed on Synapse: 340 events** since 2026-08-01 14:05:00 UTC, in 12 s.

    - rooms: 2 went on, 1 new
    - users: 1 new, 1 with another name, picture or right, 2 who have read
    - new or other: 1 alias, 2 media files
    - taken away on the target, too: 1 alias, 1 open account
    - on the target still: 1 room that Synapse has deleted
    - bundle: `data/bundles/new.tar.zst`
    - the one before, `data/bundles/old.tar.zst`, is not needed any more
    - passwords of all new accounts are in `data/passwords/new.csv` on Ferryman's machine

    **1 thing could not be done**

    - `5c817d6d` room: `!a:x`: it differs from the source

    `retry` tries what has failed once more, and so does the next `sync`.
    ");
}

#[test]
fn the_file_names_everybody() {
    insta::assert_snapshot!(full(&synced(busy())), @r"
    # Sync

    **Carried what has changed on Synapse: 340 events** since 2026-08-01 14:05:00 UTC, in 12 s.

    - rooms: 2 went on, 1 new
    - users: 1 new, 1 with another name, picture or right, 2 who have read
    - new or other: 1 alias, 2 media files
    - taken away on the target, too: 1 alias, 1 open account
    - on the target still: 1 room that Synapse has deleted
    - bundle: `data/bundles/new.tar.zst`
    - the one before, `data/bundles/old.tar.zst`, is not needed any more
    - passwords of all new accounts are in `data/passwords/new.csv` on Ferryman's machine

    ## Users who are new

    - `@nina:x`

    ## Users who have changed

    - `@bob:x`

    ## Rooms that are new

    - `!new:x`

    ## Rooms that went on

    - `!a:x`
    - `!b:x`

    ## Aliases that are gone

    - `#old:x`

    ## Accounts that were closed

    - `@zoe:x`

    ## Rooms that Synapse has deleted

    - `!gone:x`
    ");
}

use std::{fs, path::Path};

use super::*;
use crate::migration::check::{Acceptance, Left, Needs, What, Whose};

const REASON: &str = "the server's own words: what to do";

/// One of each.
fn all() -> Vec<Check> {
    let about = |what| Check::about(what, ["a", "b"]).unwrap();
    let plain = servers().into_iter().chain(own()).map(Check::from);
    plain
        .chain(with_subjects().into_iter().map(about))
        .collect()
}

fn name() -> String {
    "b.tar.zst".to_owned()
}

fn servers() -> Vec<What> {
    let reason = || REASON.to_owned();
    let software = || "Tuwunel 1.4.5".to_owned();
    let resident = || "ferry.test:8449".try_into().unwrap();
    let clock = |whose, ahead| What::Clock { whose, ahead };
    vec![
        What::Source {
            version: "1.163.2".into(),
        },
        What::SourceUnreachable { reason: reason() },
        What::SourceNotAdmin { reason: reason() },
        What::SourceUnusable { reason: reason() },
        What::SourceOther {
            name: "other.test".try_into().unwrap(),
            configured: "ferry.test".try_into().unwrap(),
        },
        What::Database {
            place: "homeserver.db".into(),
        },
        What::DatabaseUnreadable { reason: reason() },
        clock(Whose::Source, 95),
        clock(Whose::Target, -31),
        What::Clocks,
        What::Target {
            software: software(),
        },
        What::TargetUnreachable { reason: reason() },
        What::TargetToken { reason: reason() },
        What::TargetUnusable { reason: reason() },
        What::TargetNotTuwunel {
            software: "Synapse 1.163.2".into(),
        },
        What::TargetTooOld {
            software: software(),
        },
        What::TargetUntried {
            software: "Tuwunel 1.9.0".into(),
        },
        What::TargetNotAdmin { reason: reason() },
        What::BotUnreachable {
            url: "http://127.0.0.1:29330".into(),
            reason: "no answer".into(),
        },
        What::OldKeys { count: 1 },
        What::OldKeysUnknown { reason: reason() },
        What::TargetIsSource {
            url: "http://127.0.0.1:6167".into(),
        },
        What::ReceiptsKey,
        What::ReceiptsKeyUnusable { reason: reason() },
        What::Resident { name: resident() },
        What::ResidentNotListening { reason: reason() },
        What::ResidentUnreachable { reason: reason() },
        What::ResidentElsewhere { name: resident() },
        What::OldServer { name: resident() },
        What::OldServerUnreachable { reason: reason() },
        What::FederationOff,
        What::ResidentNotTrusted { name: resident() },
        What::ResidentTrustUnknown { name: resident() },
        What::KeysAskedElsewhere,
    ]
}

fn own() -> Vec<What> {
    let reason = || REASON.to_owned();
    let short = |needs| What::DiskShort {
        free: 1_000_000_000,
        needed: 5_500_000_000,
        needs,
        dir: "data".into(),
    };
    vec![
        What::NoBundle,
        What::Bundle { name: name() },
        What::BundleUnusable { reason: reason() },
        What::BundleIncomplete { name: name() },
        What::BundleOld {
            name: name(),
            days: 1,
        },
        What::BundleBehind {
            name: name(),
            events: 1_200,
        },
        What::BundleLacksOwn { name: name() },
        What::MediaNotExported { files: 12 },
        What::Rooms {
            carried: 40,
            of: 49,
        },
        What::Users { carried: 1, of: 1 },
        What::Disk {
            free: 12_300_000_000,
        },
        short(Needs::Export),
        short(Needs::Import),
        What::DiskFull {
            free: 5_000_000,
            dir: "data".into(),
        },
    ]
}

fn with_subjects() -> Vec<What> {
    vec![
        What::BackgroundUpdates,
        What::BundleProblems { name: name() },
        What::MediaLost,
        What::MediaLarge { limit: 25_165_824 },
        What::RoomsLeft(Left::UnknownVersion),
        What::RoomsLeft(Left::Version),
        What::RoomsLeft(Left::NoEvents),
        What::RoomsLeft(Left::NobodyJoined),
        What::RoomsLeft(Left::OnlyWaiting),
        What::RoomsLeft(Left::NoPlace),
        What::RoomsLeft(Left::Closed),
        What::RoomsLeft(Left::NoHost),
        What::RoomsUnreadable,
        What::WaitingLeft,
        What::PastReadable,
        What::RoomsShared { rooms: 7 },
        What::UsersClosed,
        What::UsersNamesTaken,
        What::UsersNamesRefused {
            reason: "Username is forbidden".into(),
        },
        What::UsersThere,
        What::UsersSignOn { users: 3 },
    ]
}

#[test]
fn every_sentence() {
    let lines: Vec<_> = all()
        .iter()
        .map(|check| format!("{} {:?}: {}", check.code(), check.severity(), words(check)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    source Good: Synapse 1.163.2 obeys the admin's token
    source-unreachable Error: the server's own words: what to do
    source-not-admin Error: the server's own words: what to do
    source-unusable Error: the server's own words: what to do
    source-other-server Error: the admin's token is of other.test, and server_name is ferry.test: correct server_name or synapse.url
    database Good: the database homeserver.db can be read
    database-unreadable Warning: the server's own words: what to do; until then exports read the Admin API, which shows less
    source-clock Warning: Synapse's clock is 1 min 35 s ahead of this machine's: let both get their time from the network (NTP), or times and the age of commands are wrong
    target-clock Warning: the target's clock is 31 s behind this machine's: let both get their time from the network (NTP), or times and the age of commands are wrong
    clocks Good: the clocks agree
    target Good: Tuwunel 1.4.5
    target-unreachable Error: the server's own words: what to do
    target-token Error: the server's own words: what to do
    target-unusable Error: the server's own words: what to do
    target-not-tuwunel Warning: the target is Synapse 1.163.2, not Tuwunel: it takes accounts and joins, but no history and no media; give Tuwunel's address as tuwunel.url
    target-too-old Warning: Tuwunel 1.4.5 is older than what migrations were tried on (1.4.6): update it before the import
    target-untried Warning: Tuwunel 1.9.0 is not the Tuwunel that migrations were tried on (1.4.6): rehearse with one that you throw away, and `verify` it
    target-not-admin Error: the server's own words: what to do
    bot-unreachable Warning: the target gets no answer from the bot at http://127.0.0.1:29330, so that the control room is deaf: start `ferryman run`; if it runs, correct bot.url and register the bot again (no answer)
    old-keys Good: 1 public key of the old server is known
    old-keys-unknown Error: the old server's public keys are not known, and without them the target drops every old event: the server's own words: what to do
    target-is-source Error: http://127.0.0.1:6167 signs with the old server's own key, so it is Synapse, or has its key: give the new server's address as tuwunel.url, and let Tuwunel make a key of its own
    receipts-key Good: the signing key for receipts can be used
    receipts-key-unusable Error: the signing key for receipts can't be used: the server's own words: what to do; without that setting, receipts get the time of the import
    resident Good: the target reaches the resident ferry.test:8449
    resident-not-listening Error: the server's own words: what to do
    resident-unreachable Error: the server's own words: what to do
    resident-elsewhere Error: the target reaches another Ferryman as ferry.test:8449, and no request arrived here: correct the line in its /etc/hosts and resident.listen, and restart the target
    old-server Good: the target reaches ferry.test:8449
    old-server-unreachable Error: the server's own words: what to do
    federation-off Error: the target has no federation, by which the rooms come in: set `allow_federation = true` in its configuration, and restart it
    resident-not-trusted Error: the target does not ask the resident for keys, so it would drop every old event: set `trusted_servers = ["ferry.test:8449"]` in its configuration, and restart it
    resident-trust-unknown Warning: the target has not asked the resident for keys in time, perhaps because other servers of its trusted_servers don't answer: set `trusted_servers = ["ferry.test:8449"]` alone in its configuration, and restart it
    keys-asked-elsewhere Warning: the target also asks other servers for their keys, which so hear of it before the switch: set `only_query_trusted_key_servers = true` in its configuration, and restart it
    no-bundle Good: there is no bundle yet, so rooms and users are not looked at
    bundle Good: b.tar.zst is whole
    bundle-unusable Error: the server's own words: what to do
    bundle-incomplete Error: the export of b.tar.zst broke off before its end: export again
    bundle-old Warning: b.tar.zst was made 1 day ago, and what was said since is not in it: close Synapse and export again before the real import
    bundle-behind Warning: Synapse has written up to 1,200 events since b.tar.zst was made: close Synapse and export again before the real import
    bundle-lacks-own Warning: b.tar.zst has no key backups, push rules, tags and receipts, because it was exported by API and not as the users: export from the database, or with `--act-as-users`
    media-not-exported Warning: the content of 12 files is not in the bundle: export with `--media all`
    rooms Good: 40 of 49 rooms will be carried
    users Good: 1 of 1 user will be carried
    disk Good: 12.3 GB of disk are free
    disk-short-for-export Warning: 1.0 GB are free in data, and an export from this database may need 5.5 GB: make room, or set data_dir to a larger disk
    disk-short-for-import Warning: 1.0 GB are free in data, and an import of this bundle may need 5.5 GB: make room, or set data_dir to a larger disk
    disk-full Error: 5.0 MB are free in data, where ledger and reports are written: make room, or set data_dir to a larger disk
    background-updates Warning: Synapse has not finished 2 background updates to its database: let it run until they are done, or parts of the export may be missing
    bundle-problems Warning: 2 things could not be read for b.tar.zst: look at its problems.json or the report of the export, and export again if it matters
    media-lost Warning: 2 files are lost or quarantined on Synapse and will be missing: put them back there and export again, or let them go
    media-large Warning: 2 files are larger than what the target takes as an upload (25.1 MB): they are fetched all the same, unless its `max_response_size` (from Tuwunel 1.9 on) is lower; raise it, or leave them behind with `--media-max-size`
    rooms-version-unknown Warning: 2 rooms stay behind, because the bundle lacks the version: export again
    rooms-version-not-taken Warning: 2 rooms stay behind, because the target does not take the version: upgrade them on Synapse and export again
    rooms-without-events Warning: 2 rooms stay behind, because the bundle has none of the events: export with the history
    rooms-without-joiner Warning: 2 rooms stay behind, because no local user is joined who can act: let somebody join on Synapse and export again
    rooms-only-waiting Warning: 2 rooms stay behind, because local users only wait there, and the target does not take that: let them join on Synapse and export again, or be invited again after the switch
    rooms-without-place Warning: 2 rooms stay behind, because no local user can join for certain at any point of the history: make them anew after the switch
    rooms-closed Warning: 2 rooms stay behind, because nobody of another server can be in it (`m.federate`): invite the members to a new room
    rooms-without-host Warning: 2 rooms stay behind, because nobody comes in without an invite and none of the local members may invite: ask a moderator there to let them, and export again
    rooms-unreadable Warning: 2 rooms can't be told about by the bundle and will not be carried: export again
    waiting-left Warning: 2 invites and knocks can't be brought over: make them again after the switch
    past-readable Warning: the past of 2 rooms comes as backfill, which this target shows to whoever has an account and knows the room's ID: update to Tuwunel 1.9 or later first, or accept it
    rooms-shared Warning: 7 rooms are shared with 2 other servers, which must hear nothing of the target before the switch, and that can't be seen from here: let the target reach nobody but Ferryman, then accept this
    users-closed Warning: 2 users are locked, suspended or shadow-banned, and will be closed for good: open those on Synapse who are to go on, and export again
    users-names-taken Warning: 2 users have the name of an account of the target's own or of Ferryman's and will not be carried: set another bot.localpart if it is the bot's
    users-names-refused Warning: 2 users have a name that the target refuses (Username is forbidden): take it out of `forbidden_usernames` in its configuration, and restart it
    users-there Warning: 2 users have an account on the target already, which keeps its password: close it there if it is somebody else's
    users-sign-on Warning: 3 users log in by single sign-on, and Tuwunel must be told how to know them again: `sign-on` says what to write into its configuration
    "#);
}

#[test]
fn by_api_nobody_knows_how_many_updates_wait() {
    insta::assert_snapshot!(words(&What::BackgroundUpdates.into()), @"Synapse has not finished the background updates to its database: let it run until they are done, or parts of the export may be missing");
}

#[test]
fn every_code_is_one_things_and_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let docs = fs::read_to_string(path).unwrap();
    let mut codes = std::collections::BTreeSet::new();
    for check in all() {
        let code = check.code();
        assert_ne!(words(&check), code, "{code} has no sentence");
        assert!(codes.insert(code), "{code} is there twice");
        let explained = docs.contains(&format!("| `{code}` |"));
        let needs = check.severity() != Severity::Good;
        assert_eq!(explained, needs, "{code} in docs/troubleshooting.md");
    }
}

fn rooms(number: usize) -> Check {
    let rooms = (0..number).map(|room| format!("!r{room}:x"));
    Check::about(What::RoomsLeft(Left::NobodyJoined), rooms).unwrap()
}

fn accepted_by(by: &str, mut check: Check, then: &Check) -> Check {
    check.accepted = Some(Acceptance {
        by: by.to_owned(),
        ts: 1_700_000_000_000,
        facts: then.digests(),
    });
    check
}

fn sample() -> Round {
    Round(vec![
        What::Source {
            version: "1.163.2".into(),
        }
        .into(),
        accepted_by("@anna:x", rooms(7), &rooms(7)),
        What::KeysAskedElsewhere.into(),
        accepted_by(
            "the shell",
            Check::about(What::UsersClosed, ["@a:x", "@b:x"]).unwrap(),
            &Check::about(What::UsersClosed, ["@a:x"]).unwrap(),
        ),
        Check::about(What::MediaLost, ["m1", "m2", "m3", "m4", "m5", "m6", "m7"]).unwrap(),
        What::FederationOff.into(),
        What::Clocks.into(),
    ])
}

#[test]
fn errors_come_first_and_what_is_accepted_last() {
    insta::assert_snapshot!(markdown(&sample()), @r"
    **1 error to mend first, and 3 warnings.**

    - ✗ `federation-off`: The target has no federation, by which the rooms come in: set `allow_federation = true` in its configuration, and restart it.
    - ⚠ `keys-asked-elsewhere`: The target also asks other servers for their keys, which so hear of it before the switch: set `only_query_trusted_key_servers = true` in its configuration, and restart it.
    - ⚠ `users-closed`: 2 users are locked, suspended or shadow-banned, and will be closed for good: open those on Synapse who are to go on, and export again (`@a:x`, `@b:x`). The shell has accepted less, on 2023-11-14 22:13:20 UTC.
    - ⚠ `media-lost`: 7 files are lost or quarantined on Synapse and will be missing: put them back there and export again, or let them go (`m1`, `m2`, `m3`, `m4`, `m5` and 2 more).
    - ✓ Synapse 1.163.2 obeys the admin's token; the clocks agree
    - accepted: `rooms-without-joiner` (7) by @anna:x

    A warning that is all right as it is can be accepted. Next: `ack CODE`.
    ");
}

#[test]
fn the_headline_says_whether_it_can_begin() {
    let headline = |checks: Vec<Check>| {
        let text = markdown(&Round(checks));
        text.lines().next().unwrap_or_default().to_owned()
    };
    let lines = [
        headline(vec![What::Clocks.into()]),
        headline(vec![rooms(1)]),
        headline(vec![What::FederationOff.into()]),
        headline(vec![accepted_by("@anna:x", rooms(1), &rooms(1))]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    **Nothing stands in the way.**
    **It can begin, with 1 warning.**
    **1 error to mend first.**
    **Nothing stands in the way.**
    ");
}

#[test]
fn the_file_has_all_subjects() {
    let text = full(&sample());
    assert!(text.starts_with("# Check\n"));
    let section = text.split("## media-lost\n\n").nth(1).unwrap();
    assert_eq!(section.lines().take(7).count(), 7);
    assert!(section.contains("- `m7`"));
}

#[test]
fn programs_get_it_whole() {
    let data = serde_json::to_value(data(&sample())).unwrap();
    assert_eq!(data["worst"], "error");
    insta::assert_snapshot!(serde_json::to_string_pretty(&data["checks"][1]).unwrap(), @r#"
    {
      "accepted": true,
      "accepted_by": "@anna:x",
      "accepted_ts": 1700000000000,
      "code": "rooms-without-joiner",
      "count": 7,
      "severity": "warning",
      "subjects": [
        "!r0:x",
        "!r1:x",
        "!r2:x",
        "!r3:x",
        "!r4:x"
      ],
      "text": "7 rooms stay behind, because no local user is joined who can act: let somebody join on Synapse and export again"
    }
    "#);
    assert_eq!(data["checks"][3]["accepted"], false);
    assert_eq!(
        data["checks"][6],
        serde_json::json!({
            "code": "clocks", "severity": "good", "text": "the clocks agree", "count": 0, "subjects": [], "accepted": false,
        })
    );
}

#[test]
fn an_acceptance_is_confirmed() {
    insta::assert_snapshot!(accepted("rooms-shared"), @"Accepted: `rooms-shared`. It is shown again if there is more of it.");
}

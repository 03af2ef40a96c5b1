//! The sentence of each thing that a check can find: one lower-case clause with its number and, if it isn't good, its
//! remedy.

use crate::{
    migration::check::{Check, Left, Needs, What, Whose},
    report::text::{count, duration, len, number_of, size},
};

/// Its clause; the subjects are told beside it.
pub(super) fn words(check: &Check) -> String {
    let number = len(&check.subjects);
    source(&check.what, number)
        .or_else(|| target(&check.what))
        .or_else(|| resident(&check.what))
        .or_else(|| bundle(&check.what, number))
        .or_else(|| rooms(&check.what, number))
        .or_else(|| people(&check.what, number))
        .unwrap_or_else(|| disk(&check.what))
}

fn source(what: &What, number: u64) -> Option<String> {
    Some(match what {
        What::Source { version } => format!("Synapse {version} obeys the admin's token"),
        What::SourceUnreachable { reason }
        | What::SourceNotAdmin { reason }
        | What::SourceUnusable { reason } => reason.clone(),
        What::SourceOther { name, configured } => format!(
            "the admin's token is of {name}, and server_name is {configured}: correct server_name or synapse.url"
        ),
        What::BackgroundUpdates if number == 0 => {
            "Synapse has not finished the background updates to its database: let it run until they are done, or parts of the export may be missing".to_owned()
        }
        What::BackgroundUpdates => format!(
            "Synapse has not finished {} to its database: let it run until they are done, or parts of the export may be missing",
            count(number, "background update", "background updates")
        ),
        What::Database { place } => format!("the database {place} can be read"),
        What::DatabaseUnreadable { reason } => {
            format!("{reason}; until then exports read the Admin API, which shows less")
        }
        What::Clock { whose, ahead } => {
            let whose = match whose {
                Whose::Source => "Synapse's",
                Whose::Target => "the target's",
            };
            let way = if *ahead < 0 { "behind" } else { "ahead of" };
            format!(
                "{whose} clock is {} {way} this machine's: let both get their time from the network (NTP), or times and the age of commands are wrong",
                duration(ahead.unsigned_abs().saturating_mul(1_000))
            )
        }
        What::Clocks => "the clocks agree".to_owned(),
        _ => return None,
    })
}

fn target(what: &What) -> Option<String> {
    Some(match what {
        What::Target { software } => software.clone(),
        What::TargetUnreachable { reason }
        | What::TargetToken { reason }
        | What::TargetUnusable { reason }
        | What::TargetNotAdmin { reason } => reason.clone(),
        What::TargetNotTuwunel { software } => format!(
            "the target is {software}, not Tuwunel: it takes accounts and joins, but no history and no media; give Tuwunel's address as tuwunel.url"
        ),
        What::TargetTooOld { software } => format!(
            "{software} is older than what migrations were tried on (1.4.6): update it before the import"
        ),
        What::TargetUntried { software } => format!(
            "{software} is not the Tuwunel that migrations were tried on (1.4.6): rehearse with one that you throw away, and `verify` it"
        ),
        What::BotUnreachable { url, reason } => format!(
            "the target gets no answer from the bot at {url}, so that the control room is deaf: start `ferryman run`; if it runs, correct bot.url and register the bot again ({reason})"
        ),
        What::OldKeys { count: number } => format!(
            "{} of the old server {} known",
            count(*number, "public key", "public keys"),
            if *number == 1 { "is" } else { "are" }
        ),
        What::OldKeysUnknown { reason } => format!(
            "the old server's public keys are not known, and without them the target drops every old event: {reason}"
        ),
        What::TargetIsSource { url } => format!(
            "{url} signs with the old server's own key, so it is Synapse, or has its key: give the new server's address as tuwunel.url, and let Tuwunel make a key of its own"
        ),
        What::ReceiptsKey => "the signing key for receipts can be used".to_owned(),
        What::ReceiptsKeyUnusable { reason } => format!(
            "the signing key for receipts can't be used: {reason}; without that setting, receipts get the time of the import"
        ),
        _ => return None,
    })
}

fn resident(what: &What) -> Option<String> {
    Some(match what {
        What::Resident { name } => format!("the target reaches the resident {name}"),
        What::ResidentNotListening { reason }
        | What::ResidentUnreachable { reason }
        | What::OldServerUnreachable { reason } => reason.clone(),
        What::OldServer { name } => format!("the target reaches {name}"),
        What::ResidentElsewhere { name } => format!(
            "the target reaches another Ferryman as {name}, and no request arrived here: correct the line in its /etc/hosts and resident.listen, and restart the target"
        ),
        What::FederationOff => {
            "the target has no federation, by which the rooms come in: set `allow_federation = true` in its configuration, and restart it".to_owned()
        }
        What::ResidentNotTrusted { name } => format!(
            "the target does not ask the resident for keys, so it would drop every old event: set `trusted_servers = [\"{name}\"]` in its configuration, and restart it"
        ),
        What::ResidentTrustUnknown { name } => format!(
            "the target has not asked the resident for keys in time, perhaps because other servers of its trusted_servers don't answer: set `trusted_servers = [\"{name}\"]` alone in its configuration, and restart it"
        ),
        What::KeysAskedElsewhere => {
            "the target also asks other servers for their keys, which so hear of it before the switch: set `only_query_trusted_key_servers = true` in its configuration, and restart it".to_owned()
        }
        _ => return None,
    })
}

fn bundle(what: &What, number: u64) -> Option<String> {
    Some(match what {
        What::NoBundle => "there is no bundle yet, so rooms and users are not looked at".to_owned(),
        What::Bundle { name } => format!("{name} is whole"),
        What::BundleUnusable { reason } => reason.clone(),
        What::BundleIncomplete { name } => {
            format!("the export of {name} broke off before its end: export again")
        }
        What::BundleProblems { name } => format!(
            "{} could not be read for {name}: look at its problems.json or the report of the export, and export again if it matters",
            count(number, "thing", "things")
        ),
        What::BundleOld { name, days } => format!(
            "{name} was made {} ago, and what was said since is not in it: close Synapse and export again before the real import",
            count(*days, "day", "days")
        ),
        What::BundleBehind { name, events } => format!(
            "Synapse has written up to {} since {name} was made: close Synapse and export again before the real import",
            count(*events, "event", "events")
        ),
        What::BundleLacksOwn { name } => format!(
            "{name} has no key backups, push rules, tags and receipts, because it was exported by API and not as the users: export from the database, or with `--act-as-users`"
        ),
        What::MediaNotExported { files } => format!(
            "the content of {} is not in the bundle: export with `--media all`",
            count(*files, "file", "files")
        ),
        What::MediaLost => format!(
            "{} lost or quarantined on Synapse and will be missing: put them back there and export again, or let them go",
            count(number, "file is", "files are")
        ),
        What::MediaLarge { limit } => format!(
            "{} larger than what the target takes as an upload ({}): they are fetched all the same, unless its `max_response_size` (from Tuwunel 1.9 on) is lower; raise it, or leave them behind with `--media-max-size`",
            count(number, "file is", "files are"),
            size(*limit)
        ),
        _ => return None,
    })
}

fn rooms(what: &What, number: u64) -> Option<String> {
    let behind = count(number, "room stays", "rooms stay");
    Some(match what {
        What::Rooms { carried, of } => format!(
            "{} of {} will be carried",
            number_of(*carried),
            count(*of, "room", "rooms")
        ),
        What::RoomsLeft(Left::UnknownVersion) => {
            format!("{behind} behind, because the bundle lacks the version: export again")
        }
        What::RoomsLeft(Left::Version) => format!(
            "{behind} behind, because the target does not take the version: upgrade them on Synapse and export again"
        ),
        What::RoomsLeft(Left::NoEvents) => format!(
            "{behind} behind, because the bundle has none of the events: export with the history"
        ),
        What::RoomsLeft(Left::NobodyJoined) => format!(
            "{behind} behind, because no local user is joined who can act: let somebody join on Synapse and export again"
        ),
        What::RoomsLeft(Left::OnlyWaiting) => format!(
            "{behind} behind, because local users only wait there, and the target does not take that: let them join on Synapse and export again, or be invited again after the switch"
        ),
        What::RoomsLeft(Left::NoPlace) => format!(
            "{behind} behind, because no local user can join for certain at any point of the history: make them anew after the switch"
        ),
        What::RoomsLeft(Left::Closed) => format!(
            "{behind} behind, because nobody of another server can be in it (`m.federate`): invite the members to a new room"
        ),
        What::RoomsLeft(Left::NoHost) => format!(
            "{behind} behind, because nobody comes in without an invite and none of the local members may invite: ask a moderator there to let them, and export again"
        ),
        What::RoomsUnreadable => format!(
            "{} can't be told about by the bundle and will not be carried: export again",
            count(number, "room", "rooms")
        ),
        What::WaitingLeft => format!(
            "{} can't be brought over: make them again after the switch",
            count(number, "invite or knock", "invites and knocks")
        ),
        What::PastReadable => format!(
            "the past of {} comes as backfill, which this target shows to whoever has an account and knows the room's ID: update to Tuwunel 1.9 or later first, or accept it",
            count(number, "room", "rooms")
        ),
        What::RoomsShared { rooms } => format!(
            "{} with {}, which must hear nothing of the target before the switch, and that can't be seen from here: let the target reach nobody but Ferryman, then accept this",
            count(*rooms, "room is shared", "rooms are shared"),
            count(number, "other server", "other servers")
        ),
        _ => return None,
    })
}

fn people(what: &What, number: u64) -> Option<String> {
    Some(match what {
        What::Users { carried, of } => format!(
            "{} of {} will be carried",
            number_of(*carried),
            count(*of, "user", "users")
        ),
        What::UsersClosed => format!(
            "{} locked, suspended or shadow-banned, and will be closed for good: open those on Synapse who are to go on, and export again",
            count(number, "user is", "users are")
        ),
        What::UsersNamesTaken => format!(
            "{} the name of an account of the target's own or of Ferryman's and will not be carried: set another bot.localpart if it is the bot's",
            count(number, "user has", "users have")
        ),
        What::UsersNamesRefused { reason } => format!(
            "{} a name that the target refuses ({reason}): take it out of `forbidden_usernames` in its configuration, and restart it",
            count(number, "user has", "users have")
        ),
        What::UsersThere => format!(
            "{} an account on the target already, which keeps its password: close it there if it is somebody else's",
            count(number, "user has", "users have")
        ),
        What::UsersSignOn { users } => format!(
            "{} by single sign-on, and Tuwunel must be told how to know them again: `sign-on` says what to write into its configuration",
            count(*users, "user logs in", "users log in")
        ),
        _ => return None,
    })
}

fn disk(what: &What) -> String {
    match what {
        What::Disk { free } => format!("{} of disk are free", size(*free)),
        What::DiskShort {
            free,
            needed,
            needs,
            dir,
        } => format!(
            "{} are free in {}, and {} may need {}: make room, or set data_dir to a larger disk",
            size(*free),
            dir.display(),
            match needs {
                Needs::Export => "an export from this database",
                Needs::Import => "an import of this bundle",
            },
            size(*needed)
        ),
        What::DiskFull { free, dir } => format!(
            "{} are free in {}, where ledger and reports are written: make room, or set data_dir to a larger disk",
            size(*free),
            dir.display()
        ),
        // Each has its sentence in one of the functions above.
        _ => what.kind().0.to_owned(),
    }
}

//! What each step has done for a bot.

use std::fmt::Write;

use super::safekeeping::{kept, path, restored};
use crate::{
    bot_keys::{
        errand::{All, Found, Stage},
        key_backup::{
            enable::{Enabled, KeyFrom, Storage},
            upload::{Failed, Uploaded},
            verify::Verified,
        },
    },
    operation::bot_keys::Done,
    report::{
        technical::one_line,
        text::{code, count, first, number_of, took},
    },
    secret::{ExposeSecret, SecretString},
};

/// After a step, with so many lines of each list, and recovery keys that are to be shown only with `keys`.
pub(super) fn done(done: &Done, lines: usize, keys: bool) -> String {
    match done {
        Done::Kept(it) => kept(it),
        Done::Restored {
            restored: it,
            kept,
            storage,
        } => restored(it, kept, storage),
        Done::Extracted {
            found: it,
            files,
            plain,
        } => {
            let mut text = found(it) + "\n";
            if files.is_empty() {
                text += "Nothing was written.\n";
            }
            for file in files {
                let _infallible = match plain {
                    Some(plain) if plain == file => writeln!(
                        text,
                        "{} has the keys unencrypted: whoever has it can read the bot's messages. Remove it when it is not needed any more.",
                        path(file)
                    ),
                    _ => writeln!(
                        text,
                        "{} is an encrypted export that clients import with its passphrase.",
                        path(file)
                    ),
                };
            }
            text
        }
        Done::Enabled {
            user,
            enabled,
            shown,
        } => {
            let mut text = format!("**{} has a key backup.**\n\n", code(user));
            text.push_str(&backup(enabled));
            text.push_str(&recovery(enabled, shown.as_ref().filter(|_| keys)));
            text + "\nNext: `bot-keys upload`, or `bot-keys all`.\n"
        }
        Done::Uploaded {
            user,
            found: it,
            uploaded: sent,
        } => {
            let all = if done.is_good() {
                "**All keys of"
            } else {
                "**Not all keys of"
            };
            let mut text = format!(
                "{all} {} are in its key backup.**\n\n{}",
                code(user),
                found(it)
            );
            text.push_str(&uploaded(sent));
            text.push_str(&failures("not taken", &sent.failed, lines));
            text + "\nNext: `bot-keys verify`.\n"
        }
        Done::Verified {
            user,
            found: it,
            verified: seen,
        } => {
            let mut text = format!(
                "{}, of {}\n\n{}",
                status(done.is_good(), it),
                code(user),
                found(it)
            );
            text.push_str(&verified(seen));
            text.push_str(&failures("missing or different", &seen.wrong, lines));
            text
        }
        Done::Deleted { user, device } => {
            let name = device.display_name.as_deref();
            format!(
                "The device {}{} of {} is gone from the homeserver.\n",
                code(&device.device_id),
                name.map(|name| format!(" ({})", one_line(name)))
                    .unwrap_or_default(),
                code(user)
            )
        }
        Done::All { all: it, shown } => all(it, shown.as_ref().filter(|_| keys), lines),
    }
}

fn status(is_complete: bool, found: &Found) -> String {
    let status = if is_complete {
        "COMPLETE"
    } else {
        "INCOMPLETE"
    };
    if found.broken > 0 {
        let broken = count(found.broken, "place", "places");
        return format!("**Status: {status}**, but for {broken} of the store that are broken");
    }
    format!("**Status: {status}**")
}

fn all(all: &All, shown: Option<&SecretString>, lines: usize) -> String {
    let mut text = format!(
        "{}, of {}\n\n",
        status(all.is_complete(), &all.found),
        code(&all.user)
    );
    text.push_str(&found(&all.found));
    text.push_str(&backup(&all.enabled));
    text.push_str(&uploaded(&all.uploaded));
    text.push_str(&verified(&all.verified));
    let times: Vec<_> = all
        .took_ms
        .iter()
        .map(|(stage, ms)| format!("{} {}", name(*stage), took(*ms)))
        .collect();
    let _infallible = writeln!(text, "- took: {}", times.join(", "));
    text.push_str(&failures("not taken", &all.uploaded.failed, lines));
    text.push_str(&failures(
        "missing or different",
        &all.verified.wrong,
        lines,
    ));
    text.push_str(&recovery(&all.enabled, shown));
    let key = match all.enabled.storage {
        Storage::MadeByPassphrase => "the passphrase that was given",
        _ if all.enabled.opens_storage => "this recovery key",
        _ => "the account's own recovery key or passphrase",
    };
    let _infallible = if all.is_complete() {
        writeln!(
            text,
            "\nGive the new bot {key}: it reads what the old one could. When it does, delete the old device. Next: `bot-keys delete-device`."
        )
    } else if all.enabled.is_findable() {
        writeln!(
            text,
            "\nThe same command again goes on where this one ended."
        )
    } else {
        writeln!(
            text,
            "\nA new bot would look for the backup's key in the account's secret storage, and not find it: the same command again, with the account's recovery key or passphrase (--recovery-key, --recovery-passphrase), puts it there."
        )
    };
    text
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Extract => "reading the store",
        Stage::Enable => "backup",
        Stage::Upload => "encrypting and uploading",
        Stage::Verify => "comparing",
    }
}

fn found(found: &Found) -> String {
    let from: Vec<_> = found.from.iter().map(|from| path(from)).collect();
    let mut text = format!(
        "- {}: {} of {} in {}\n",
        if found.is_file { "file" } else { "store" },
        count(found.keys, "key", "keys"),
        count(found.rooms, "room", "rooms"),
        from.join(" and ")
    );
    if let Some(list) = &found.list {
        let _infallible = writeln!(
            text,
            "- broken: {}, listed in {}",
            count(found.broken, "place", "places"),
            path(list)
        );
    }
    for check in &found.cross_checks {
        let _infallible = write!(
            text,
            "- Sled itself: {}, {} of them taken out",
            count(check.rows, "row", "rows"),
            number_of(check.found)
        );
        if check.broken > 0 {
            let _infallible = write!(text, ", {} broken", number_of(check.broken));
        }
        if check.missing > 0 {
            let _infallible = write!(text, ", **{} missing**", number_of(check.missing));
        }
        let _infallible = match &check.failed {
            Some(reason) => writeln!(
                text,
                "; **it did not get to the end** ({}), so nothing is known of other rows",
                one_line(reason)
            ),
            None => writeln!(text),
        };
    }
    if found.changed {
        text += "- **the store changed while it was read**: its newest keys may be missing; stop the bot, and do it again\n";
    }
    text
}

fn backup(enabled: &Enabled) -> String {
    let made = match enabled.from {
        KeyFrom::New => "made now",
        KeyFrom::File => "there before; its key is in the bot's folder",
        KeyFrom::SecretStorage => "there before; its key was in the secret storage",
        KeyFrom::Given => "there before; its recovery key was given",
    };
    let storage = match enabled.storage {
        Storage::Made => "set up; the recovery key opens it",
        Storage::MadeByPassphrase => "set up; the passphrase that was given opens it",
        Storage::Extended => "there before; the backup's key is in it now",
        Storage::Kept if enabled.opens_storage => "has the backup's key; the recovery key opens it",
        Storage::Kept => "has the backup's key",
        Storage::Closed => {
            "**there, and closed**: nothing that was given opens it, so clients don't find the backup's key in it"
        }
    };
    let signed: Vec<_> = enabled.signed_by.iter().map(code).collect();
    let signed = if enabled.from != KeyFrom::New {
        String::new()
    } else if signed.is_empty() {
        ", not signed".to_owned()
    } else {
        format!(", signed by {}", signed.join(" and "))
    };
    format!(
        "- backup: version {}, {made}{signed}\n- secret storage: {storage}\n",
        code(&enabled.version)
    )
}

fn recovery(enabled: &Enabled, shown: Option<&SecretString>) -> String {
    let mut text = format!(
        "\nThe recovery key is in {}: keep it where only you can read it, and nowhere else.\n",
        path(&enabled.file)
    );
    if let Some(shown) = shown {
        let _infallible = write!(text, "\n```text\n{}\n```\n", shown.expose_secret());
    }
    text
}

fn uploaded(uploaded: &Uploaded) -> String {
    let mut text = format!(
        "- uploaded: {}; {} as good or better there before",
        count(uploaded.sent, "key", "keys"),
        number_of(uploaded.there)
    );
    if !uploaded.failed.is_empty() {
        let _infallible = write!(
            text,
            "; **{} not taken**",
            number_of(uploaded.failed.len() as u64)
        );
    }
    text + "\n"
}

fn verified(verified: &Verified) -> String {
    let mut text = format!(
        "- compared: {} of {} with version {}, which has {}",
        number_of(verified.compared),
        count(verified.in_store, "key", "keys"),
        code(&verified.version),
        number_of(verified.in_backup)
    );
    match verified.wrong.len() as u64 {
        0 => text += "; all are there, and the same",
        wrong => {
            let _infallible = write!(text, "; **{} missing or different**", number_of(wrong));
        }
    }
    if verified.doubtful > 0 {
        let _infallible = write!(
            text,
            "; {} that nothing proves replaced none",
            number_of(verified.doubtful)
        );
    }
    text + "\n"
}

fn failures(what: &str, failed: &[Failed], lines: usize) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let named = failed.iter().map(|failed| {
        format!(
            "{} of {}: {}",
            code(&failed.session),
            code(&failed.room),
            one_line(&failed.reason)
        )
    });
    format!(
        "\n{} {what}:\n\n{}",
        count(failed.len() as u64, "key", "keys"),
        first(named, lines)
    )
}

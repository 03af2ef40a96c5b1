//! What `bot-keys backup` and `restore` say.

use std::{fmt::Write, path::Path};

use super::super::text::{code, count, size};
use crate::bot_keys::safekeeping::{
    CHECKSUMS,
    keep::{Kept, Storage},
    restore::Restored,
};

/// After `bot-keys backup`.
pub(super) fn kept(kept: &Kept) -> String {
    let metadata = &kept.metadata;
    let mut text = format!(
        "Put aside: {} ({}) of the bot, in {}. The copy has been read once more. Whoever has it can read the bot's messages: keep it private.",
        count(metadata.files, "file", "files"),
        size(metadata.bytes),
        path(&kept.folder)
    );
    if metadata.in_use {
        text += "\n\n**The bot seemed to run meanwhile**: stop it and make another copy before you count on this one.";
    }
    let _infallible = write!(
        text,
        "\n\nTo look again whether it is whole, in that folder: `sha256sum -c {CHECKSUMS}`. To put it back: `ferryman bot-keys restore {}`.\n",
        kept.folder.display()
    );
    if let Some(device) = &metadata.device_id {
        let _infallible = write!(text, "\nThe bot's device is {}.\n", code(device));
    }
    text
}

/// After `bot-keys restore`.
pub(super) fn restored(restored: &Restored, kept: &Path, storage: &Storage) -> String {
    let mut text = format!(
        "Put back: {} ({}) of {}, into {}. All have been read once more.",
        count(restored.files, "file", "files"),
        size(restored.bytes),
        path(kept),
        path(&storage.folder)
    );
    if let Some(moved) = &restored.moved {
        let _infallible = write!(
            text,
            " The crypto store that was there is in {} now; remove it when the bot runs well.",
            path(moved)
        );
    }
    text + "\n"
}

pub(super) fn path(path: &Path) -> String {
    code(&path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot_keys::safekeeping::keep::Metadata;

    #[test]
    fn what_was_put_aside_and_back() {
        let mut done = Kept {
            folder: "migration-backup-20260801-140500".into(),
            metadata: Metadata {
                made: "2026-08-01 14:05:00 UTC".into(),
                storage: "storage".into(),
                crypto_store: "storage/encrypted".into(),
                device_id: Some("BOTDEVICE".into()),
                files: 12,
                bytes: 8_400_000,
                in_use: true,
            },
        };
        insta::assert_snapshot!(kept(&done), @r"
        Put aside: 12 files (8.4 MB) of the bot, in `migration-backup-20260801-140500`. The copy has been read once more. Whoever has it can read the bot's messages: keep it private.

        **The bot seemed to run meanwhile**: stop it and make another copy before you count on this one.

        To look again whether it is whole, in that folder: `sha256sum -c checksums.sha256`. To put it back: `ferryman bot-keys restore migration-backup-20260801-140500`.

        The bot's device is `BOTDEVICE`.
        ");
        done.metadata.in_use = false;
        done.metadata.device_id = None;
        done.metadata.files = 1;
        insta::assert_snapshot!(kept(&done), @r"
        Put aside: 1 file (8.4 MB) of the bot, in `migration-backup-20260801-140500`. The copy has been read once more. Whoever has it can read the bot's messages: keep it private.

        To look again whether it is whole, in that folder: `sha256sum -c checksums.sha256`. To put it back: `ferryman bot-keys restore migration-backup-20260801-140500`.
        ");
        let storage = Storage {
            folder: "storage".into(),
            store: "storage/encrypted".into(),
        };
        let mut back = Restored {
            files: 12,
            bytes: 8_400_000,
            moved: None,
        };
        insta::assert_snapshot!(restored(&back, &done.folder, &storage), @"Put back: 12 files (8.4 MB) of `migration-backup-20260801-140500`, into `storage`. All have been read once more.");
        back.moved = Some("storage/encrypted.before-restore-2026-08-01T14-05-00Z".into());
        insta::assert_snapshot!(restored(&back, &done.folder, &storage), @"Put back: 12 files (8.4 MB) of `migration-backup-20260801-140500`, into `storage`. All have been read once more. The crypto store that was there is in `storage/encrypted.before-restore-2026-08-01T14-05-00Z` now; remove it when the bot runs well.");
    }
}

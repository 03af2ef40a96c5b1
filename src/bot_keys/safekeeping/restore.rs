//! `bot-keys restore`: checks what was put aside, moves what is there out of the way, and puts it back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    BESIDE, STORE,
    checksums::{self, Checksums},
    keep::{Storage, runs},
    tree,
};
use crate::{Error, Result, bot_keys::in_use, report::text::file_time};

/// Faults named in an error; the others are counted.
const NAMED: usize = 3;

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where the crypto store is that was there, if there was one.
    pub moved: Option<PathBuf>,
}

/// Checks what was put aside, as `sha256sum -c` does and for files that were added.
pub fn check(kept: &Path) -> Result<Checksums> {
    let sums = checksums::read(kept)?;
    let faults = checksums::faults(kept, &sums)?;
    if !faults.is_empty() {
        let named = faults.iter().take(NAMED).cloned().collect::<Vec<_>>();
        let others = match faults.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return Err(Error::BotStore {
            path: kept.to_owned(),
            reason: format!(
                "it is not as it was made ({}{others}): nothing was put back; take another copy",
                named.join(", ")
            ),
        });
    }
    if !sums.keys().any(|file| file.starts_with(STORE)) {
        return Err(Error::Usage(format!(
            "{} holds no crypto store: name a folder that `bot-keys backup` has made",
            kept.display()
        )));
    }
    Ok(sums)
}

/// Puts a bot's storage back and reads it once more. What is there is moved aside, never removed; if the bot seems to
/// run, only with `force`.
pub fn restore(kept: &Path, storage: &Storage, force: bool, now_ms: u64) -> Result<Restored> {
    let sums = check(kept)?;
    let Storage { folder, store } = storage;
    if let (true, false) = (store.is_dir(), force)
        && let Some(file) = in_use::by(store)?
    {
        return Err(runs(store, &file));
    }
    let moved = aside(store, now_ms)?;
    let (mut files, mut bytes) = (0, 0);
    for (file, sum) in &sums {
        let to = if let Ok(inner) = file.strip_prefix(STORE) {
            store.join(inner)
        } else if BESIDE.iter().any(|name| file == Path::new(name)) {
            let to = folder.join(file);
            aside(&to, now_ms)?;
            to
        } else {
            continue;
        };
        tree::copy(&kept.join(file), &to)?;
        let (length, now) = tree::sum(&to)?;
        if now != *sum {
            return Err(Error::BotStore {
                path: to,
                reason: "it is not what was put back: look at the disk, and try again".to_owned(),
            });
        }
        files += 1;
        bytes += length;
    }
    Ok(Restored {
        files,
        bytes,
        moved,
    })
}

/// Moves something out of the way, if it is there.
fn aside(path: &Path, now_ms: u64) -> Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut moved = path.as_os_str().to_owned();
    moved.push(format!(".before-restore-{}", file_time(now_ms)));
    let moved = PathBuf::from(moved);
    fs::rename(path, &moved).map_err(Error::file(path))?;
    Ok(Some(moved))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::PermissionsExt, process::Command};

    use super::{
        super::{CHECKSUMS, keep::keep},
        *,
    };

    const NOW: u64 = 1_785_593_100_000;

    fn bot(dir: &Path) -> Storage {
        let store = dir.join("encrypted");
        let sled = store.join("matrix-sdk-crypto");
        fs::create_dir_all(sled.join("blobs")).unwrap();
        for (file, text) in [
            ("conf", "c"),
            ("db", "the log"),
            ("blobs/17", "a blob"),
            ("snap.0001", ""),
        ] {
            fs::write(sled.join(file), text).unwrap();
        }
        let device = r#"{"deviceId":"BOTDEVICE","rooms":{}}"#;
        fs::write(store.join("bot-sdk.json"), device).unwrap();
        fs::write(dir.join("bot.json"), r#"{"syncToken":"s1"}"#).unwrap();
        fs::write(dir.join("config.yaml"), "not ours").unwrap();
        Storage {
            folder: dir.to_owned(),
            store,
        }
    }

    fn words(error: &Error, dir: &Path) -> String {
        error.to_string().replace(&*dir.to_string_lossy(), "DIR")
    }

    #[test]
    fn checksums_sha256_is_read_by_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        let storage = bot(&dir.path().join("bot"));
        let kept = keep(&storage, dir.path(), false, NOW).unwrap();
        let name = kept.folder.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "migration-backup-20260801-140500");
        let said = Command::new("sha256sum")
            .args(["-c", "--strict", CHECKSUMS])
            .current_dir(&kept.folder)
            .output()
            .unwrap();
        let lines = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success(), "{lines}");
        insta::assert_snapshot!(lines, @r"
        backup-metadata.json: OK
        bot.json: OK
        crypto-store-sled/bot-sdk.json: OK
        crypto-store-sled/matrix-sdk-crypto/blobs/17: OK
        crypto-store-sled/matrix-sdk-crypto/conf: OK
        crypto-store-sled/matrix-sdk-crypto/db: OK
        crypto-store-sled/matrix-sdk-crypto/snap.0001: OK
        ");
        assert_eq!(kept.metadata.device_id.as_deref(), Some("BOTDEVICE"));
        assert_eq!((kept.metadata.files, kept.metadata.in_use), (6, false));
        for file in tree::files(&kept.folder).unwrap() {
            let found = fs::metadata(kept.folder.join(file)).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_put_aside_comes_back_and_what_was_there_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let storage = bot(&dir.path().join("bot"));
        let kept = keep(&storage, dir.path(), false, NOW).unwrap();
        let log = storage.store.join("matrix-sdk-crypto/db");
        fs::write(&log, "worse").unwrap();
        let restored = restore(&kept.folder, &storage, false, NOW).unwrap();
        assert_eq!(restored.files, 6);
        assert_eq!(fs::read_to_string(&log).unwrap(), "the log");
        assert_eq!(
            fs::read_to_string(storage.store.join("matrix-sdk-crypto/blobs/17")).unwrap(),
            "a blob"
        );
        let moved = restored.moved.unwrap();
        assert_eq!(
            fs::read_to_string(moved.join("matrix-sdk-crypto/db")).unwrap(),
            "worse"
        );
        assert_eq!(
            fs::read_to_string(storage.folder.join("config.yaml")).unwrap(),
            "not ours"
        );
        // Also where nothing is left.
        let empty = Storage {
            folder: dir.path().join("new"),
            store: dir.path().join("new/encrypted"),
        };
        let restored = restore(&kept.folder, &empty, false, NOW).unwrap();
        assert_eq!((restored.files, restored.moved), (6, None));
    }

    #[test]
    fn what_a_killed_backup_has_left_goes_with_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let storage = bot(&dir.path().join("bot"));
        let left = dir.path().join("partial-migration-backup-abc");
        fs::create_dir(&left).unwrap();
        for file in ["in-use.lock", "db"] {
            fs::write(left.join(file), "half").unwrap();
        }
        keep(&storage, dir.path(), false, NOW).unwrap();
        let entries = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["bot", "migration-backup-20260801-140500"]);
    }

    #[test]
    fn a_running_bot_and_a_damaged_copy_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let storage = bot(&dir.path().join("bot"));
        let log = File::open(storage.store.join("matrix-sdk-crypto/db")).unwrap();
        log.lock().unwrap();
        let mut lines = Vec::new();
        let refused = keep(&storage, dir.path(), false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        let kept = keep(&storage, dir.path(), true, NOW).unwrap();
        assert!(kept.metadata.in_use);
        let twice = keep(&storage, dir.path(), true, NOW).unwrap_err();
        lines.push(words(&twice, dir.path()));
        let refused = restore(&kept.folder, &storage, false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        drop(log);
        let store = kept.folder.join(STORE).join("matrix-sdk-crypto");
        fs::write(store.join("db"), "The log").unwrap();
        fs::remove_file(store.join("blobs/17")).unwrap();
        fs::write(store.join("blobs/18"), "").unwrap();
        fs::write(kept.folder.join("notes.txt"), "").unwrap();
        let refused = restore(&kept.folder, &storage, false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        let nothing = Storage {
            folder: dir.path().to_owned(),
            store: dir.path().join("nowhere"),
        };
        let refused = keep(&nothing, dir.path(), false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        fs::create_dir(dir.path().join("nowhere")).unwrap();
        let refused = keep(&nothing, dir.path(), false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("nowhere/link")).unwrap();
        let refused = keep(&nothing, dir.path(), false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        let refused = restore(dir.path(), &storage, false, NOW).unwrap_err();
        lines.push(words(&refused, dir.path()));
        insta::assert_snapshot!(lines.join("\n"), @r"
        crypto store DIR/bot/encrypted: the bot seems to run, for it has matrix-sdk-crypto/db open: stop it, or go on with --force if you know that it does not
        DIR/migration-backup-20260801-140500 is there already: wait for a second
        crypto store DIR/bot/encrypted: the bot seems to run, for it has matrix-sdk-crypto/db open: stop it, or go on with --force if you know that it does not
        crypto store DIR/migration-backup-20260801-140500: it is not as it was made (crypto-store-sled/matrix-sdk-crypto/blobs/17 is missing, crypto-store-sled/matrix-sdk-crypto/db has changed, crypto-store-sled/matrix-sdk-crypto/blobs/18 is not in the list and 1 more): nothing was put back; take another copy
        DIR/nowhere is no folder: name the bot's crypto store
        DIR/nowhere is empty: name the folder in which the bot's crypto store is
        DIR/nowhere/link is neither a file nor a folder: put what it stands for in its place
        DIR has no checksums.sha256: name a folder that `bot-keys backup` has made
        ");
    }
}

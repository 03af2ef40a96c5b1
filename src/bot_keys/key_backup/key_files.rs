//! The private key of a backup in files that only their owner may read, written before any server hears of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use matrix_sdk_crypto::store::types::BackupDecryptionKey;

use crate::{
    Error, Result,
    report::text::file_time,
    secret::{private_dir, write_private},
};

/// The recovery key in Base58, for people.
pub const RECOVERY_KEY: &str = "recovery-key.txt";

/// The same as 32 bytes.
pub const PRIVATE_KEY: &str = "backup-private-key.bin";

/// The public key in unpadded Base64.
pub const PUBLIC_KEY: &str = "backup-public-key.txt";

/// Signs between two spaces of a recovery key, as clients show it.
const GROUP: usize = 4;

/// The key that is kept in a folder, if there is one.
pub fn load(folder: &Path) -> Result<Option<BackupDecryptionKey>> {
    let path = folder.join(RECOVERY_KEY);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let key = BackupDecryptionKey::from_base58(&text).map_err(|error| {
        Error::Usage(format!(
            "{} is no recovery key ({error}): put the right file there, or move it away",
            path.display()
        ))
    })?;
    Ok(Some(key))
}

/// The key's public half, in unpadded Base64.
#[must_use]
pub fn public(key: &BackupDecryptionKey) -> String {
    key.megolm_v1_public_key().to_base64()
}

/// The key as people write it down.
#[must_use]
pub fn recovery_key(key: &BackupDecryptionKey) -> String {
    let signs: Vec<char> = key.to_base58().chars().collect();
    let groups: Vec<String> = signs
        .chunks(GROUP)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}

/// Writes a key's files; those of another key are moved aside, never overwritten. Gives the file of the recovery key.
pub fn keep(folder: &Path, key: &BackupDecryptionKey, now_ms: u64) -> Result<PathBuf> {
    private_dir(folder).map_err(Error::file(folder))?;
    let files = [
        (
            RECOVERY_KEY,
            format!("{}\n", recovery_key(key)).into_bytes(),
        ),
        (PRIVATE_KEY, key.as_bytes().to_vec()),
        (PUBLIC_KEY, format!("{}\n", public(key)).into_bytes()),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(before) if before == content => continue,
            Ok(_) => aside(&path, now_ms)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&path)(error)),
        }
        write_private(&path, &content).map_err(Error::file(&path))?;
    }
    Ok(folder.join(RECOVERY_KEY))
}

fn aside(path: &Path, now_ms: u64) -> Result<()> {
    let mut number = 0;
    loop {
        let mut other = path.as_os_str().to_owned();
        other.push(format!(".before-{}", file_time(now_ms)));
        if number > 0 {
            other.push(format!("-{number}"));
        }
        let other = PathBuf::from(other);
        if !other.exists() {
            return fs::rename(path, &other).map_err(Error::file(path));
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: u64 = 1_785_593_100_000;

    #[test]
    fn a_key_is_kept_privately_and_no_other_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("bot");
        assert!(load(&folder).unwrap().is_none());
        let first = BackupDecryptionKey::new();
        keep(&folder, &first, NOW).unwrap();
        keep(&folder, &first, NOW).unwrap();
        assert_eq!(load(&folder).unwrap().unwrap().as_bytes(), first.as_bytes());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        for _ in 0..2 {
            keep(&folder, &BackupDecryptionKey::new(), NOW).unwrap();
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        insta::assert_snapshot!(names.join("\n"), @r"
        backup-private-key.bin
        backup-private-key.bin.before-2026-08-01T14-05-00Z
        backup-private-key.bin.before-2026-08-01T14-05-00Z-1
        backup-public-key.txt
        backup-public-key.txt.before-2026-08-01T14-05-00Z
        backup-public-key.txt.before-2026-08-01T14-05-00Z-1
        recovery-key.txt
        recovery-key.txt.before-2026-08-01T14-05-00Z
        recovery-key.txt.before-2026-08-01T14-05-00Z-1
        ");
        let first_again =
            fs::read_to_string(folder.join("recovery-key.txt.before-2026-08-01T14-05-00Z"));
        assert_eq!(first_again.unwrap().trim(), recovery_key(&first));
        fs::write(folder.join(RECOVERY_KEY), "EsTx").unwrap();
        let error = load(&folder).unwrap_err().to_string();
        let shown = error.replace(&*folder.to_string_lossy(), "DIR");
        insta::assert_snapshot!(shown, @"DIR/recovery-key.txt is no recovery key (failed to fill whole buffer): put the right file there, or move it away");
    }
}

//! `<data_dir>/encryption`: which device the bot has, its token, and the store of its keys with that store's passphrase.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rand::{Rng, seq::IndexedRandom};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString, private_dir, random_token, write_private},
};

/// What the IDs of the bot's devices begin with.
const PREFIX: &str = "FERRYMANBOT";

/// So many letters follow.
const LENGTH: usize = 8;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The file that the keys are in.
const KEYS: &str = "matrix-sdk-crypto.sqlite3";

/// The bot's device.
#[derive(Debug, Clone)]
pub struct BotDevice {
    /// Its ID.
    pub device: String,
    /// Its token, once it has logged in.
    pub token: Option<SecretString>,
    /// Its public Ed25519 key, in unpadded Base64, once it has one.
    pub fingerprint: Option<String>,
}

/// The same in its file.
#[derive(Serialize, Deserialize)]
struct Written {
    device_id: String,
    access_token: Option<String>,
    fingerprint: Option<String>,
}

impl BotDevice {
    /// The installation's device; `None` if there is none, or if its keys are gone.
    pub fn load(data_dir: &Path) -> Result<Option<Self>> {
        let path = file(data_dir);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::file(&path))?,
        };
        let written: Written = serde_json::from_str(&text).map_err(|error| {
            Error::Config(format!(
                "{} can't be read ({error}): move the folder that it is in away, and the bot makes a new device",
                path.display()
            ))
        })?;
        let has_keys = dir(data_dir).join("store").join(KEYS).is_file()
            && dir(data_dir).join("passphrase").is_file();
        if written.fingerprint.is_some() && !has_keys {
            tracing::warn!(
                "the keys of the bot's device {} are gone from {}: the bot makes a new device, which operators have to verify again, and can't read what was sent to the old one",
                written.device_id,
                dir(data_dir).display()
            );
            return Ok(None);
        }
        Ok(Some(Self {
            device: written.device_id,
            token: written.access_token.map(Into::into),
            fingerprint: written.fingerprint,
        }))
    }

    /// A new device, not logged in yet: its ID is kept first, so that a start that was cut off goes on with it. Keys of
    /// an older one are removed.
    pub fn begin(data_dir: &Path) -> Result<Self> {
        let dir = dir(data_dir);
        private_dir(&dir).map_err(Error::file(&dir))?;
        let store = dir.join("store");
        if store.exists() {
            fs::remove_dir_all(&store).map_err(Error::file(&store))?;
        }
        let mut device = PREFIX.to_owned();
        let mut random = rand::rng();
        for _ in 0..LENGTH {
            device.extend(letter(&mut random));
        }
        let new = Self {
            device,
            token: None,
            fingerprint: None,
        };
        new.save(data_dir)?;
        Ok(new)
    }

    /// Writes it down.
    pub fn save(&self, data_dir: &Path) -> Result<()> {
        let token = self.token.as_ref();
        let written = Written {
            device_id: self.device.clone(),
            access_token: token.map(|token| token.expose_secret().to_owned()),
            fingerprint: self.fingerprint.clone(),
        };
        let path = file(data_dir);
        let text = serde_json::to_vec_pretty(&written)
            .map_err(|error| Error::file(&path)(error.into()))?;
        write_private(&path, &text).map_err(Error::file(&path))
    }

    /// In groups of four, as clients show it.
    #[must_use]
    pub fn shown_fingerprint(&self) -> String {
        let letters: Vec<char> = self.fingerprint.as_deref().unwrap_or("").chars().collect();
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|group| group.iter().collect())
            .collect();
        groups.join(" ")
    }
}

fn letter(random: &mut impl Rng) -> Option<char> {
    LETTERS.choose(random).map(|letter| char::from(*letter))
}

/// The folder of the device.
pub fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("encryption")
}

fn file(data_dir: &Path) -> PathBuf {
    dir(data_dir).join("device.json")
}

/// The store's folder, made if it isn't there, and its passphrase.
pub fn store(data_dir: &Path) -> Result<(PathBuf, SecretString)> {
    let folder = dir(data_dir).join("store");
    private_dir(&folder).map_err(Error::file(&folder))?;
    let path = dir(data_dir).join("passphrase");
    if !path.exists() {
        let new = random_token();
        write_private(&path, new.expose_secret().as_bytes()).map_err(Error::file(&path))?;
    }
    let passphrase = fs::read_to_string(&path).map_err(Error::file(&path))?;
    Ok((folder, passphrase.into()))
}

/// Nobody else reads the store's files: what SQLite makes beside them later has their mode.
pub fn close(data_dir: &Path) -> Result<()> {
    let folder = dir(data_dir).join("store");
    for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        if path.is_file() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                .map_err(Error::file(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_kept_and_a_new_one_made_where_the_keys_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(BotDevice::load(dir.path()).unwrap().is_none());
        let mut first = BotDevice::begin(dir.path()).unwrap();
        assert!(first.device.starts_with(PREFIX) && first.device.len() == PREFIX.len() + LENGTH);
        // Cut off here, it goes on with the same ID.
        assert_eq!(
            BotDevice::load(dir.path()).unwrap().unwrap().device,
            first.device
        );
        first.token = Some("t0ken".into());
        first.fingerprint = Some("abcdefghij".into());
        first.save(dir.path()).unwrap();
        assert_eq!(first.shown_fingerprint(), "abcd efgh ij");
        assert!(BotDevice::load(dir.path()).unwrap().is_none());
        let (folder, passphrase) = store(dir.path()).unwrap();
        fs::write(folder.join(KEYS), "keys").unwrap();
        let again = BotDevice::load(dir.path()).unwrap().unwrap();
        assert_eq!(again.token.unwrap().expose_secret(), "t0ken");
        let (_, same) = store(dir.path()).unwrap();
        assert_eq!(same.expose_secret(), passphrase.expose_secret());
        close(dir.path()).unwrap();
        for (path, mode) in [
            ("encryption", 0o700),
            ("encryption/store", 0o700),
            ("encryption/device.json", 0o600),
            ("encryption/passphrase", 0o600),
            ("encryption/store/matrix-sdk-crypto.sqlite3", 0o600),
        ] {
            let found = fs::metadata(dir.path().join(path)).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
        }
        let new = BotDevice::begin(dir.path()).unwrap();
        assert_ne!(new.device, first.device);
        assert!(!folder.exists());
    }

    #[test]
    fn a_file_that_is_damaged_is_told() {
        let dir = tempfile::tempdir().unwrap();
        BotDevice::begin(dir.path()).unwrap();
        fs::write(file(dir.path()), "{").unwrap();
        let error = BotDevice::load(dir.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("move the folder that it is in away, and the bot makes a new device"),
            "{error}"
        );
    }
}

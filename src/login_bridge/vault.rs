//! The vault: Synapse's hash and the random password of each account that has not been moved yet.
//!
//! A text file of mode 0600, made once: a line about whom it is for, then `<state> <hash> <random password> <user ID>` for
//! each account. Both secrets of an account are overwritten in their place as soon as they are of no more use, and the
//! line stays: whoever was moved is never taken in again. A database would keep copies in its journal.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

use super::check::is_bcrypt;
use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString, write_private},
};

/// Whom a vault is for: its first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The format.
    pub version: u32,
    /// When it was made, in milliseconds since the epoch.
    pub made_ms: u64,
    /// What the ledger knows bundle and target by.
    pub migration: String,
    /// The bundle's file name.
    pub bundle: String,
    /// The target's public signing keys, `ed25519:… <key>`.
    pub target_keys: Vec<String>,
}

/// The present format.
pub const VERSION: u32 = 1;

/// An account that waits for its user.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub user: OwnedUserId,
    /// Synapse's bcrypt hash.
    pub hash: SecretString,
    /// The random password that the account was made with.
    pub password: SecretString,
}

/// How far an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has the random password.
    Waiting,
    /// Its password is being changed, or was when the bridge was killed: it may have either, and a session may be open.
    Begun,
    /// It has a password of its user's; a session of the bridge may be open.
    Open,
    /// It has a password of its user's.
    Moved,
    /// The bridge's time was over before the user came: it has the random password, and the hash is gone.
    Left,
}

impl State {
    const ALL: [(Self, u8); 5] = [
        (Self::Waiting, b'w'),
        (Self::Begun, b'b'),
        (Self::Open, b'o'),
        (Self::Moved, b'm'),
        (Self::Left, b'l'),
    ];

    fn byte(self) -> u8 {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or(b'w', |(_, byte)| *byte)
    }

    fn of(byte: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == byte);
        found.map(|(state, _)| *state)
    }

    /// Whether hash and random password are still there.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Begun)
    }
}

/// How many accounts are how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Not moved yet.
    pub waiting: u64,
    /// With a password of their user's.
    pub moved: u64,
    /// Not moved in time.
    pub left: u64,
}

/// An open vault.
pub struct Vault {
    path: PathBuf,
    about: About,
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    entries: HashMap<OwnedUserId, Entry>,
}

struct Entry {
    state: State,
    /// While it waits.
    secrets: Option<Secrets>,
    /// Where its line begins, in bytes.
    at: u64,
    /// The bytes of both secrets and the blank between them.
    length: usize,
}

/// What an account waits with.
#[derive(Clone)]
pub(super) struct Secrets {
    /// Synapse's.
    pub(super) hash: SecretString,
    /// Ours.
    pub(super) password: SecretString,
}

impl Vault {
    /// Makes a vault in place of whatever is there.
    pub fn make(path: &Path, about: &About, accounts: &[Account]) -> Result<Self> {
        let mut text = serde_json::to_string(about)
            .map_err(|error| Error::file(path)(io::Error::other(error)))?;
        text.push('\n');
        let mut text = secrecy::zeroize::Zeroizing::new(text);
        let secrets =
            |it: &Account| it.hash.expose_secret().len() + it.password.expose_secret().len();
        // With room for all of it: a text that grows leaves copies behind.
        text.reserve_exact(
            accounts
                .iter()
                .map(|it| secrets(it) + it.user.as_str().len() + 5)
                .sum(),
        );
        for Account {
            user,
            hash,
            password,
        } in accounts
        {
            for part in [
                "w ",
                hash.expose_secret(),
                " ",
                password.expose_secret(),
                " ",
                user.as_str(),
                "\n",
            ] {
                text.push_str(part);
            }
        }
        write_private(path, text.as_bytes()).map_err(Error::file(path))?;
        Self::open(path)?.ok_or_else(|| Error::file(path)(io::ErrorKind::NotFound.into()))
    }

    /// Opens a vault, if there is one.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let size = file.metadata().map_err(Error::file(path))?.len();
        let mut text = secrecy::zeroize::Zeroizing::new(String::with_capacity(
            usize::try_from(size).unwrap_or(0) + 1,
        ));
        file.read_to_string(&mut text).map_err(Error::file(path))?;
        let wrong = |line: usize| {
            let reason = format!(
                "line {line} is none of a vault: put the file back as it was, or remove it to begin anew from the bundle"
            );
            Error::file(path)(io::Error::new(io::ErrorKind::InvalidData, reason))
        };
        let (first, lines) = text.split_once('\n').ok_or_else(|| wrong(1))?;
        let about: About = serde_json::from_str(first).map_err(|_| wrong(1))?;
        if about.version != VERSION {
            return Err(wrong(1));
        }
        let mut at = first.len() as u64 + 1;
        let mut entries = HashMap::new();
        for (number, line) in lines.split_terminator('\n').enumerate() {
            let (user, entry) = entry(line, at).ok_or_else(|| wrong(number + 2))?;
            entries.insert(user, entry);
            at += line.len() as u64 + 1;
        }
        Ok(Some(Self {
            path: path.to_owned(),
            about,
            inner: Mutex::new(Inner { file, entries }),
        }))
    }

    /// Whom it is for.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How far an account is; `None` for one that is not in here.
    #[must_use]
    pub fn state(&self, user: &UserId) -> Option<State> {
        self.lock().entries.get(user).map(|entry| entry.state)
    }

    /// What an account waits with.
    pub(super) fn secrets(&self, user: &UserId) -> Option<Secrets> {
        self.lock().entries.get(user)?.secrets.clone()
    }

    /// The accounts that are that far, sorted.
    #[must_use]
    pub fn all(&self, state: State) -> Vec<OwnedUserId> {
        let inner = self.lock();
        let those = inner
            .entries
            .iter()
            .filter(|(_, entry)| entry.state == state);
        let mut users: Vec<_> = those.map(|(user, _)| user.clone()).collect();
        users.sort();
        users
    }

    /// Every hash that is left.
    #[must_use]
    pub fn hashes(&self) -> Vec<SecretString> {
        let inner = self.lock();
        let secrets = inner
            .entries
            .values()
            .filter_map(|entry| entry.secrets.as_ref());
        secrets.map(|secrets| secrets.hash.clone()).collect()
    }

    /// How many are how far.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for entry in self.lock().entries.values() {
            match entry.state {
                State::Waiting | State::Begun => count.waiting += 1,
                State::Open | State::Moved => count.moved += 1,
                State::Left => count.left += 1,
            }
        }
        count
    }

    /// Puts down how far an account is, on disk before this returns. Whoever doesn't wait any more loses both secrets,
    /// and nobody gets them back.
    pub fn put(&self, user: &UserId, state: State) -> Result<()> {
        let mut inner = self.lock();
        let Inner { file, entries } = &mut *inner;
        let Some(entry) = entries.get_mut(user) else {
            return Ok(());
        };
        let mut bytes = vec![state.byte()];
        if !state.waits() {
            bytes.push(b' ');
            bytes.resize(2 + entry.length, GONE);
        } else if entry.secrets.is_none() {
            return Ok(());
        }
        file.write_all_at(&bytes, entry.at)
            .and_then(|()| file.sync_data())
            .map_err(Error::file(&self.path))?;
        entry.state = state;
        if !state.waits() {
            entry.secrets = None;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands in the place of each byte that was overwritten.
const GONE: u8 = b'*';

/// A line that begins at this byte of the file.
fn entry(line: &str, at: u64) -> Option<(OwnedUserId, Entry)> {
    let mut parts = line.splitn(2, ' ');
    let &[state] = parts.next()?.as_bytes() else {
        return None;
    };
    let mut state = State::of(state)?;
    // Overwritten in one piece: without a blank between the two.
    let (secrets, user) = parts.next()?.rsplit_once(' ')?;
    let kept = secrets
        .split_once(' ')
        .filter(|(hash, password)| is_bcrypt(hash) && !password.contains(char::from(GONE)));
    let kept = kept.map(|(hash, password)| Secrets {
        hash: hash.into(),
        password: password.into(),
    });
    if state.waits() && kept.is_none() {
        // The machine went down while they were overwritten.
        state = State::Open;
    }
    let entry = Entry {
        secrets: kept.filter(|_| state.waits()),
        state,
        at,
        length: secrets.len(),
    };
    Some((OwnedUserId::try_from(user).ok()?, entry))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use ruma::user_id;

    use super::*;

    const HASH: &str = "$2b$04$AuRCzFwT80YaTrQh2fwjL.H9PVZF3hOGjqV8w/oUwU7viL39KRjsq";
    const OTHER: &str = "$2b$04$0PHk/1MtERiAFocLf.LxKuwIqP3/sUmi6MMaho.W9JsNn0fFg1c2K";

    fn about() -> About {
        About {
            version: VERSION,
            made_ms: 5,
            migration: "b 1 keys".to_owned(),
            bundle: "b.tar.zst".to_owned(),
            target_keys: vec!["ed25519:a xyz".to_owned()],
        }
    }

    fn account(user: &UserId, hash: &str, password: &str) -> Account {
        Account {
            user: user.to_owned(),
            hash: hash.into(),
            password: password.into(),
        }
    }

    fn made(dir: &Path) -> Vault {
        let accounts = [
            account(user_id!("@a:x"), HASH, "randomA"),
            account(user_id!("@b:x"), OTHER, "randomB"),
        ];
        Vault::make(&dir.join("vault"), &about(), &accounts).unwrap()
    }

    /// All bytes of all files.
    fn everything(dir: &Path) -> String {
        let files = fs::read_dir(dir).unwrap();
        files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn it_is_private_and_knows_its_accounts_again() {
        let dir = tempfile::tempdir().unwrap();
        drop(made(dir.path()));
        let path = dir.path().join("vault");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let vault = Vault::open(&path).unwrap().unwrap();
        assert_eq!(*vault.about(), about());
        assert_eq!(vault.state(user_id!("@a:x")), Some(State::Waiting));
        assert_eq!(vault.state(user_id!("@c:x")), None);
        let secrets = vault.secrets(user_id!("@b:x")).unwrap();
        assert_eq!(secrets.hash.expose_secret(), OTHER);
        assert_eq!(secrets.password.expose_secret(), "randomB");
        assert!(Vault::open(&dir.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn what_is_overwritten_is_nowhere_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let vault = made(dir.path());
        let (a, b) = (user_id!("@a:x"), user_id!("@b:x"));
        vault.put(a, State::Begun).unwrap();
        assert!(everything(dir.path()).contains(HASH));
        assert!(vault.secrets(a).is_some());
        vault.put(a, State::Moved).unwrap();
        let text = everything(dir.path());
        assert!(!text.contains(HASH) && !text.contains("randomA"), "{text}");
        assert!(text.contains(OTHER) && text.contains("randomB"), "{text}");
        assert!(vault.secrets(a).is_none());
        // Nobody comes back.
        vault.put(a, State::Waiting).unwrap();
        let vault = Vault::open(&dir.path().join("vault")).unwrap().unwrap();
        assert_eq!(vault.all(State::Moved), [a]);
        assert_eq!(vault.all(State::Waiting), [b]);
        assert_eq!(
            vault.count(),
            Count {
                waiting: 1,
                moved: 1,
                left: 0
            }
        );
        vault.put(b, State::Left).unwrap();
        let text = everything(dir.path());
        assert!(!text.contains("$2b$") && !text.contains("random"), "{text}");
        assert!(vault.hashes().is_empty());
    }

    #[test]
    fn half_an_overwriting_is_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(made(dir.path()));
        let path = dir.path().join("vault");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&HASH[40..], &"*".repeat(20))).unwrap();
        let vault = Vault::open(&path).unwrap().unwrap();
        assert_eq!(vault.state(user_id!("@a:x")), Some(State::Open));
        assert!(vault.secrets(user_id!("@a:x")).is_none());
        assert!(vault.secrets(user_id!("@b:x")).is_some());
    }

    #[test]
    fn another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(made(dir.path()));
        let path = dir.path().join("vault");
        let good = fs::read_to_string(&path).unwrap();
        let said = |text: &str| {
            fs::write(&path, text).unwrap();
            let error = Vault::open(&path).err().expect("a refusal").to_string();
            error.replace(&*dir.path().to_string_lossy(), "DIR")
        };
        let lines = [
            said(""),
            said(&good.replace("\"version\":1", "\"version\":2")),
            said(&good.replace("@b:x", "nobody")),
            said(&good.replace("w $2b$04$A", "? $2b$04$A")),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        DIR/vault: line 1 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
        DIR/vault: line 1 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
        DIR/vault: line 3 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
        DIR/vault: line 2 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
        ");
    }
}

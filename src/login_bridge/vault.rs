//! The vault: Synapse's hash and the random password of each account that has not been moved yet.
//!
//! A text file of mode 0600, made once: a line about whom it is for, then one for each account. The secrets of an account
//! are overwritten in their place as soon as they are of no more use, and the line stays: whoever was moved is never
//! taken in again. A database would keep copies in its journal.
//!
//! The state's letter is on disk before the first byte of a secret goes. So a machine that goes down in between leaves a
//! line that says what is still to be overwritten, whatever part of it was written, and that is done when the vault is
//! opened.

mod line;
mod state;

#[cfg(test)]
mod tests;

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

use line::{Entry, GONE, ROOM};

pub(super) use line::Secrets;
pub use state::{Count, State};

use crate::{
    Error, Result,
    secret::{SecretString, write_private},
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
pub const VERSION: u32 = 2;

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

impl Vault {
    /// Makes a vault in place of whatever is there.
    pub fn make(path: &Path, about: &About, accounts: &[Account]) -> Result<Self> {
        let mut text = serde_json::to_string(about)
            .map_err(|error| Error::file(path)(io::Error::other(error)))?;
        text.push('\n');
        let mut text = secrecy::zeroize::Zeroizing::new(text);
        // With room for all of it: a text that grows leaves copies behind.
        let parts = accounts.iter().flat_map(line::parts);
        text.reserve_exact(parts.map(str::len).sum::<usize>() + accounts.len());
        for account in accounts {
            for part in line::parts(account) {
                text.push_str(part);
            }
            text.push('\n');
        }
        write_private(path, text.as_bytes()).map_err(Error::file(path))?;
        Self::open(path)?.ok_or_else(|| Error::file(path)(io::ErrorKind::NotFound.into()))
    }

    /// Opens a vault, if there is one, and overwrites what an earlier overwriting has left.
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
        let room = match about.version {
            1 => 0,
            VERSION => ROOM,
            _ => return Err(wrong(1)),
        };
        let mut at = first.len() as u64 + 1;
        let mut entries = HashMap::new();
        for (number, line) in lines.split_terminator('\n').enumerate() {
            let (user, entry) = Entry::read(line, at, room).ok_or_else(|| wrong(number + 2))?;
            entries.insert(user, entry);
            at += line.len() as u64 + 1;
        }
        let mut unfinished: Vec<_> = entries.values_mut().filter(|it| it.unfinished).collect();
        finish(&file, &mut unfinished).map_err(Error::file(path))?;
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

    /// Puts down how far an account is, on disk before this returns. Whoever doesn't wait any more loses all secrets, and
    /// nobody gets them back.
    pub fn put(&self, user: &UserId, state: State) -> Result<()> {
        let mut inner = self.lock();
        let Inner { file, entries } = &mut *inner;
        let Some(entry) = entries.get_mut(user) else {
            return Ok(());
        };
        if state.waits() && entry.secrets.is_none() {
            return Ok(());
        }
        write_state(file, entry, state)
            .and_then(|()| {
                entry.unfinished = !state.waits();
                finish(file, &mut [entry])
            })
            .map_err(Error::file(&self.path))
    }

    /// Puts down the token of the bridge's session in an account that waits, or that there is none any more; on disk
    /// before this returns. A token that the line has no room for is not kept.
    pub(super) fn put_session(&self, user: &UserId, token: Option<&SecretString>) -> Result<()> {
        let mut inner = self.lock();
        let Inner { file, entries } = &mut *inner;
        let Some(entry) = entries.get_mut(user) else {
            return Ok(());
        };
        let kept = token.and_then(|token| entry.fitting(token));
        let room = entry.place().end - entry.room as u64;
        let bytes = kept
            .as_ref()
            .map_or_else(|| vec![GONE; entry.room], Vec::clone);
        let Some(secrets) = &mut entry.secrets else {
            return Ok(());
        };
        secrets.session = token.filter(|_| kept.is_some()).cloned();
        file.write_all_at(&bytes, room)
            .and_then(|()| file.sync_data())
            .map_err(Error::file(&self.path))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_state(file: &File, entry: &mut Entry, state: State) -> io::Result<()> {
    file.write_all_at(&[state.byte()], entry.at)?;
    file.sync_data()?;
    entry.state = state;
    if !state.waits() {
        entry.secrets = None;
    }
    Ok(())
}

/// Overwrites what is left of the secrets of accounts that wait no more, after their letters.
fn finish(file: &File, entries: &mut [&mut Entry]) -> io::Result<()> {
    let unfinished = || entries.iter().filter(|entry| entry.unfinished);
    if unfinished().next().is_none() {
        return Ok(());
    }
    for entry in unfinished() {
        file.write_all_at(&[entry.state.byte()], entry.at)?;
    }
    file.sync_data()?;
    for entry in unfinished() {
        file.write_all_at(&vec![GONE; entry.length], entry.place().start)?;
    }
    file.sync_data()?;
    for entry in entries {
        entry.unfinished = false;
    }
    Ok(())
}

//! The store of newer bots: matrix-sdk-sqlite's `inbound_group_session`, whose values are `MessagePack`.
//!
//! SQLite writes beside a database when it opens it (its log is brought in, and its index made), so a private copy is read.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::{
    broken::Broken,
    cipher::{Cipher, Closed},
    key_index::{KeyIndex, Origin},
    room_key::RoomKey,
    signer::{self, Signers},
    stored_session::from_message_pack,
};
use crate::{Error, Result, secret::write_private_with};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rusqlite::{Connection, OptionalExtension};
use secrecy::{SecretString, zeroize::Zeroizing};

/// Rows that are decrypted at once, on all processors.
const BATCH: usize = 2_000;
/// How often a database is copied that changes meanwhile.
const ATTEMPTS: u32 = 5;

/// A copy of a database.
pub(super) struct SqliteStore {
    db: Connection,
    original: PathBuf,
    name: String,
}

struct StoredRow {
    number: i64,
    key: Vec<u8>,
    data: Vec<u8>,
}

impl SqliteStore {
    /// Copies the database and what its log still has into a private folder; `label` goes before its name.
    pub(super) fn copy(original: &Path, work: &Path, label: &str) -> Result<Self> {
        let to = work.join("copy.sqlite3");
        let mut attempts = 0;
        while !copied(original, &to)? {
            attempts += 1;
            if attempts == ATTEMPTS {
                return Err(fault(
                    original,
                    "it changes while it is copied: stop the bot first",
                ));
            }
        }
        let name = original.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            db: Connection::open(&to).map_err(unreadable(original))?,
            original: original.to_owned(),
            name: format!("{label}{name}"),
        })
    }

    /// The store's cipher: nothing where it has none, and why there is none where it should have one.
    pub(super) fn cipher(
        &self,
        passphrase: &SecretString,
    ) -> Result<Result<Option<Cipher>, Closed>> {
        let row: Option<Vec<u8>> = self
            .db
            .query_row("SELECT value FROM kv WHERE key = 'cipher'", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(unreadable(&self.original))?;
        Ok(row.map(|row| Cipher::open(&row, passphrase)).transpose())
    }

    /// Adds the device's key and the identity's master key, where they are there and can be read.
    pub(super) fn signers(&self, cipher: Option<&Cipher>, signers: &mut Signers) -> Result<()> {
        let failed = unreadable(&self.original);
        let mut rows = self
            .db
            .prepare("SELECT value FROM kv WHERE key IN ('account', 'identity')")
            .map_err(&failed)?;
        let rows = rows
            .query_map([], |row| row.get::<_, Vec<u8>>(0))
            .map_err(&failed)?;
        for row in rows {
            let row = Zeroizing::new(row.map_err(&failed)?);
            let signer = opened(&row, cipher).and_then(|text| signer::from_message_pack(&text));
            if let Some(signer) = signer {
                signers.add(signer);
            }
        }
        Ok(())
    }

    /// Reads all sessions into the index.
    pub(super) fn read(&self, cipher: Option<&Cipher>, index: &KeyIndex) -> Result<()> {
        let failed = unreadable(&self.original);
        let mut rows = self
            .db
            .prepare("SELECT rowid, session_id, data FROM inbound_group_session ORDER BY rowid")
            .map_err(&failed)?;
        let mut rows = rows
            .query_map([], |row| {
                Ok(StoredRow {
                    number: row.get(0)?,
                    key: row.get(1)?,
                    data: row.get(2)?,
                })
            })
            .map_err(&failed)?;
        loop {
            let batch: Vec<StoredRow> = rows
                .by_ref()
                .take(BATCH)
                .collect::<rusqlite::Result<_>>()
                .map_err(&failed)?;
            if batch.is_empty() {
                return Ok(());
            }
            let read: Vec<_> = batch
                .into_par_iter()
                .map(|row| (session(&row.data, cipher), row))
                .collect();
            for (session, row) in read {
                let offset = row.number.unsigned_abs();
                match session {
                    Ok(key) => index.keep(
                        &key,
                        &Origin {
                            file: self.name.clone(),
                            offset,
                            row_key: None,
                            proved: true,
                        },
                    )?,
                    Err(error) => index.broken(&Broken {
                        file: self.name.clone(),
                        offset: Some(offset),
                        row_key: Some(row.key),
                        error,
                    })?,
                }
            }
        }
    }
}

fn session(data: &[u8], cipher: Option<&Cipher>) -> Result<RoomKey, String> {
    from_message_pack(&opened(data, cipher).ok_or("it does not decrypt: it is damaged")?)
}

fn opened(data: &[u8], cipher: Option<&Cipher>) -> Option<Zeroizing<Vec<u8>>> {
    match cipher {
        Some(cipher) => cipher.decrypt_message_pack(data),
        None => Some(Zeroizing::new(data.to_vec())),
    }
}

/// Copies the database and its log; not so if either changed meanwhile.
fn copied(original: &Path, to: &Path) -> Result<bool> {
    let log = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        PathBuf::from(name)
    };
    let state = || -> Result<_> { Ok((about(original)?, about(&log(original))?)) };
    let before = state()?;
    for (from, to) in [
        (log(original), log(to)),
        (original.to_owned(), to.to_owned()),
    ] {
        if about(&from)?.is_none() {
            match fs::remove_file(&to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::file(to)(error));
                }
                _ => continue,
            }
        }
        let mut source = fs::File::open(&from).map_err(Error::file(&from))?;
        write_private_with(&to, |file| io::copy(&mut source, file).map(drop))
            .map_err(Error::file(&to))?;
    }
    Ok(state()? == before)
}

/// Length and time of a file, if it is there.
fn about(path: &Path) -> Result<Option<(u64, Option<std::time::SystemTime>)>> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some((about.len(), Metadata::modified(&about).ok()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path)(error)),
    }
}

fn fault(path: &Path, reason: &str) -> Error {
    Error::BotStore {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn unreadable(path: &Path) -> impl Fn(rusqlite::Error) -> Error + '_ {
    move |source| {
        fault(
            path,
            &format!("it can't be read as a crypto store of matrix-sdk-sqlite ({source})"),
        )
    }
}

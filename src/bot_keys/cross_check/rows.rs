//! The rows of a store, read by Sled 0.34, which wrote it.

use std::{
    io::{self, Write},
    path::Path,
};

use secrecy::zeroize::Zeroizing;
use sled::Config;

use super::told::{Row, Told};
use crate::{
    bot_keys::{
        cipher::Cipher,
        room_key::RoomKey,
        sealed::{HEADER, Sealed},
        stored_session::from_json,
    },
    secret::SecretString,
};

/// Where the SDK has the sessions.
const TREE: &[u8] = b"inbound_group_sessions";
/// The row of the default tree that holds the cipher.
const CIPHER: &[u8] = b"store_cipher\xff";
/// Bytes that Sled keeps of what it has read; its own default is 1 GiB.
const CACHE: u64 = 64 << 20;

/// Why it does not get to the end.
enum Fault {
    Store(String),
    Output(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Store(match error {
            sled::Error::Corruption { .. } => "Sled can't read it: it is damaged".to_owned(),
            other => format!("Sled can't read it ({other})"),
        })
    }
}

/// Tells each row of a store into which Sled may write, and how it ended. An error is one of the output.
pub(in crate::bot_keys) fn tell(
    store: &Path,
    passphrase: &SecretString,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut line = |told: &Told| {
        serde_json::to_writer(&mut *to, told)?;
        to.write_all(b"\n")?;
        match told {
            Told::End(_) | Told::Failed(_) => to.flush(),
            Told::Session(_) | Told::Broken => Ok(()),
        }
    };
    match rows(store, passphrase, &mut line) {
        Ok(()) => Ok(()),
        Err(Fault::Store(reason)) => line(&Told::Failed(reason)),
        Err(Fault::Output(error)) => Err(error),
    }
}

fn rows(
    store: &Path,
    passphrase: &SecretString,
    tell: &mut impl FnMut(&Told) -> io::Result<()>,
) -> Result<(), Fault> {
    if !store.join("db").is_file() {
        // Sled would make one.
        return Err(Fault::Store("no Sled store is there".into()));
    }
    let store = Config::new().path(store).cache_capacity(CACHE).open()?;
    let cipher = match store.get(CIPHER)? {
        Some(row) => Some(Cipher::open(&row, passphrase).map_err(|_closed| {
            Fault::Store("the cipher that Sled finds in it does not open".into())
        })?),
        None => None,
    };
    let mut count = 0;
    // Opening one that is not there would make it.
    if store.tree_names().iter().any(|name| name == TREE) {
        for row in &store.open_tree(TREE)? {
            let (_key, value) = row?;
            count += 1;
            tell(&match session(&value, cipher.as_ref()) {
                Ok(key) => Told::Session(Row {
                    room_id: key.room_id,
                    sender_key: key.sender_key,
                    session_id: key.session_id,
                    first_known_index: key.first_known_index,
                }),
                Err(_reason) => Told::Broken,
            })?;
        }
    }
    // Before the store is closed: what becomes of the copy then is of no account.
    tell(&Told::End(count))?;
    Ok(())
}

fn session(value: &[u8], cipher: Option<&Cipher>) -> Result<RoomKey, String> {
    let text = match (value.strip_prefix(HEADER), cipher) {
        (Some(rest), Some(cipher)) => cipher
            .decrypt(&Sealed::read(rest)?)
            .ok_or("it does not decrypt")?,
        (Some(_), None) => return Err("it needs a cipher".into()),
        (None, _) => Zeroizing::new(value.to_vec()),
    };
    from_json(&text).map(|(key, _)| key)
}

//! The files that are made of a store's sessions: each has mode 0600, and is written key by key.

mod export;
mod lines;

pub use export::write_export;

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use secrecy::zeroize::Zeroizing;
use serde_json::json;

use super::{broken::Broken, extract::Extracted, room_key::RoomKey};
use crate::{Error, Result, hex::hex, secret::write_private_with};

/// Of the shape of `extracted-keys.json`.
const VERSION: &str = "1.0";

/// Writes all keys as plain JSON: `{version, total_keys, failed_keys, owners: [user], changed, keys_by_room: {room: [key, …]}}`, each key as in an
/// export of room keys. The old tool's file had them once more as `all_keys`, and could not be read by Node from 413,900
/// keys on.
pub fn write_json(extracted: &Extracted, path: &Path) -> Result<()> {
    let (total, broken) = (extracted.total()?, extracted.total_broken()?);
    write(path, |file| {
        write!(
            file,
            r#"{{"version":{},"total_keys":{total},"failed_keys":{broken},"owners":{},"changed":{},"keys_by_room":{{"#,
            json!(VERSION),
            json!(extracted.owners()),
            extracted.changed()
        )?;
        let mut room = None;
        each(extracted, |key| {
            if room.as_ref() == Some(&key.room_id) {
                file.write_all(b",\n")?;
            } else {
                let end = if room.is_some() { "],\n" } else { "\n" };
                write!(file, "{end}{}:[", json!(key.room_id))?;
                room = Some(key.room_id.clone());
            }
            file.write_all(&text(key)?)
        })?;
        file.write_all(if room.is_some() { b"]}}\n" } else { b"}}\n" })
    })
}

/// Writes what is broken: `{total_failed, sessions: [{index, key_hex, error, file, offset}]}`. `key_hex` is the row's key as
/// far as it could be read, else empty; `offset` is the byte in the file, for SQLite the number of the row.
pub fn write_failed(extracted: &Extracted, path: &Path) -> Result<()> {
    let total = extracted.total_broken()?;
    write(path, |file| {
        write!(file, r#"{{"total_failed":{total},"sessions":["#)?;
        let mut index = 0_u64;
        let mut failed = None;
        let read = extracted.each_broken(|broken| {
            let begin = if index > 0 { ",\n" } else { "\n" };
            let written = write!(file, "{begin}{}", entry(index, &broken));
            index += 1;
            written.map_err(|error| {
                failed = Some(error);
                Error::Stopped
            })
        });
        settle(read, failed)?;
        file.write_all(b"\n]}\n")
    })
}

fn entry(index: u64, broken: &Broken) -> serde_json::Value {
    json!({
        "index": index,
        "key_hex": broken.row_key.as_deref().map(hex).unwrap_or_default(),
        "error": broken.error,
        "file": broken.file,
        "offset": broken.offset,
    })
}

/// A key's JSON.
fn text(key: &RoomKey) -> io::Result<Zeroizing<Vec<u8>>> {
    serde_json::to_vec(key)
        .map(Zeroizing::new)
        .map_err(io::Error::other)
}

/// Each key, for what writes it.
fn each(
    extracted: &Extracted,
    mut write: impl FnMut(&RoomKey) -> io::Result<()>,
) -> io::Result<()> {
    let mut failed = None;
    let read = extracted.each_key(|key| {
        write(&key).map_err(|error| {
            failed = Some(error);
            Error::Stopped
        })
    });
    settle(read, failed)
}

/// A failure of the file goes before the one that it made of the reading.
fn settle(read: Result<()>, failed: Option<io::Error>) -> io::Result<()> {
    match failed {
        Some(error) => Err(error),
        None => read.map_err(io::Error::other),
    }
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&mut std::fs::File>) -> io::Result<()>,
) -> Result<()> {
    write_private_with(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 16, file);
        content(&mut file)?;
        file.flush()
    })
    .map_err(Error::file(path))
}

//! Two bundles of one server compared, by user and by room.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::Path,
};

use ruma::{RoomId, UserId};
use serde_json::value::RawValue;

use super::{
    file_names::{MEMBERSHIPS, ROOM_STATE},
    reader::{Bundle, OfUser},
    shards::{Frame, Frames},
};
use crate::{Error, Result};

/// Bytes that are compared at once.
const STRETCH: usize = 128 * 1024;

impl Bundle {
    /// Whether another bundle has the same events, the same state and the same members of a room.
    ///
    /// A bundle's order is the same whenever it is written, so bytes are compared.
    pub fn has_same_room(&self, other: &Self, room: &RoomId) -> Result<bool> {
        for file in [ROOM_STATE, MEMBERSHIPS] {
            if !self.has_same_entry(other, file, room.as_str())? {
                return Ok(false);
            }
        }
        if self.snapshots(room)? != other.snapshots(room)? {
            return Ok(false);
        }
        match (self.frames(room), other.frames(room)) {
            (None, None) => Ok(true),
            (Some(mine), Some(theirs)) => self.has_same_frames(mine, other, theirs),
            _ => Ok(false),
        }
    }

    /// Whether another bundle says the same of a user in one of the files by user.
    pub fn has_same_of_user(&self, other: &Self, file: OfUser, user: &UserId) -> Result<bool> {
        self.has_same_entry(other, file.name(), user.as_str())
    }

    /// How many events a room's timeline has.
    pub fn timeline_length(&self, room: &RoomId) -> u64 {
        let frames = self.frames(room);
        frames
            .and_then(|frames| frames.timeline)
            .map_or(0, |timeline| timeline.lines)
    }

    fn has_same_entry(&self, other: &Self, file: &str, key: &str) -> Result<bool> {
        let mine = self.entry(file, key)?;
        let theirs = other.entry(file, key)?;
        Ok(mine.as_deref().map(RawValue::get) == theirs.as_deref().map(RawValue::get))
    }

    fn has_same_frames(&self, mine: &Frames, other: &Self, theirs: &Frames) -> Result<bool> {
        if mine.version != theirs.version {
            return Ok(false);
        }
        for (one, another) in [
            (mine.timeline, theirs.timeline),
            (mine.outliers, theirs.outliers),
        ] {
            let (one, another) = match (one, another) {
                (None, None) => continue,
                (Some(one), Some(another)) if one.lines == another.lines => (one, another),
                _ => return Ok(false),
            };
            let (a, b) = (self.path_of(&mine.shard), other.path_of(&theirs.shard));
            let open = |path: &Path, frame: Frame| unpacked(path, frame).map_err(Error::file(path));
            let is_same = equal(open(&a, one)?, open(&b, another)?);
            if !is_same.map_err(Error::file(&a))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

type Unpacked = zstd::Decoder<'static, BufReader<Take<File>>>;

fn unpacked(path: &Path, frame: Frame) -> io::Result<Unpacked> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(frame.offset))?;
    Ok(zstd::Decoder::new(file.take(frame.length))?.single_frame())
}

fn equal(mut one: impl Read, mut another: impl Read) -> io::Result<bool> {
    let (mut a, mut b) = (Vec::with_capacity(STRETCH), Vec::with_capacity(STRETCH));
    loop {
        a.clear();
        b.clear();
        one.by_ref().take(STRETCH as u64).read_to_end(&mut a)?;
        another.by_ref().take(STRETCH as u64).read_to_end(&mut b)?;
        if a != b {
            return Ok(false);
        }
        if a.is_empty() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_to_the_end() {
        let long = vec![7; STRETCH + 5];
        assert!(equal(&long[..], &long[..]).unwrap());
        assert!(!equal(&long[..], &long[..STRETCH]).unwrap());
        assert!(!equal(&b"ab"[..], &b"ac"[..]).unwrap());
        assert!(equal(&b""[..], &b""[..]).unwrap());
    }
}

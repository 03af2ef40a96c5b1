//! What Sled 0.34 writes into its log: segments, messages in them, and rows in those.
//!
//! A segment (`segment_size` bytes of `db`, 512 KiB) begins with 20 bytes: checksum, its own log sequence number (LSN), and
//! the highest stable one. Messages follow: `crc32: u32, kind: u8, length, segment number, page` (the last three as SQLite's
//! variable integers, little-endian from 250 on), then so many bytes. The checksum covers those and the header from `kind`
//! on. A message is a whole node of a tree (`Replace`), or one row of it that was set (`Link`); one that takes more than a
//! quarter of a segment stands in `blobs/<LSN>` as `crc32, kind, bytes`, and the message has that LSN.

use std::ops::Range;

/// Bytes of a segment's header.
const SEGMENT_HEADER: usize = 20;
/// Behind a message that ends closer to the segment's end than this, nothing follows.
const MESSAGE_HEADER: usize = 32;
/// What the numbers of a segment's header are combined with.
const LSN_MASK: u64 = 0x7fff_ffff_ffff_ffff;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole node of a tree.
    Node,
    /// A row that was set or deleted.
    Link,
    /// A whole node in a blob.
    NodeInBlob,
    /// A row in a blob.
    LinkInBlob,
    /// Its page holds nothing of a tree any more.
    Freed,
    /// Fills the rest of a segment.
    Cap,
    /// Of no account here.
    Other,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 | 3 | 5..=7 => Self::Other,
            2 => Self::Cap,
            4 => Self::Freed,
            8 => Self::Node,
            9 => Self::NodeInBlob,
            10 => Self::Link,
            11 => Self::LinkInBlob,
            _ => return None,
        })
    }
}

/// A message whose checksum is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Which page of which tree it belongs to: a number of Sled's.
    pub(super) page: u64,
    /// When it was written: a later one has a higher number.
    pub(super) lsn: u64,
    /// Where its content is in the segment.
    pub(super) body: Range<usize>,
}

/// A row: its key as far as it stands there (a node's keys lack what all of them begin with), and where its value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) value: Range<usize>,
}

/// A place in some bytes, and what can be read there.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn integer(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            first @ 0..=240 => u64::from(first),
            first @ 241..=248 => 240 + 256 * (u64::from(first) - 241) + u64::from(self.byte()?),
            249 => 2_288 + 256 * u64::from(self.byte()?) + u64::from(self.byte()?),
            first => little_endian(self.take(usize::from(first - 247))?),
        })
    }

    /// Where the next text is.
    fn text(&mut self) -> Option<Range<usize>> {
        let length = self.integer()?.try_into().ok()?;
        self.take(length)?;
        Some(self.at - length..self.at)
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// All messages of a segment whose checksums are right.
pub(super) fn messages(segment: &[u8], segment_size: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    let Some(lsn) = segment_lsn(segment, segment_size) else {
        return messages;
    };
    let mut at = SEGMENT_HEADER;
    while at + MESSAGE_HEADER <= segment_size && at < segment.len() {
        let Some(message) = message(segment, at, lsn, segment_size) else {
            // Something is broken here, or nothing was written yet: the next one begins somewhere behind.
            at += 1;
            continue;
        };
        at = message.body.end;
        if message.kind == Kind::Cap {
            break;
        }
        messages.push(message);
    }
    messages
}

fn segment_lsn(segment: &[u8], segment_size: usize) -> Option<u64> {
    let header = segment.get(..SEGMENT_HEADER)?;
    let sound = little_endian(&header[..4]) == u64::from(!crc32fast::hash(&header[4..]));
    let lsn = little_endian(&header[4..12]) ^ LSN_MASK;
    (sound && lsn.is_multiple_of(u64::try_from(segment_size).ok()?)).then_some(lsn)
}

fn message(segment: &[u8], at: usize, segment_lsn: u64, segment_size: usize) -> Option<Message> {
    let mut reader = Reader { bytes: segment, at };
    let checksum = little_endian(reader.take(4)?);
    let kind = Kind::of(reader.byte()?)?;
    let length: usize = reader.integer()?.try_into().ok()?;
    if reader.integer()? != segment_lsn / u64::try_from(segment_size).ok()? {
        return None;
    }
    let page = reader.integer()?;
    let header = segment.get(at + 4..reader.at)?;
    let body = reader.at..reader.at.checked_add(length)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(segment.get(body.clone())?);
    hasher.update(header);
    let sound = u64::from(!hasher.finalize()) == checksum;
    sound.then_some(Message {
        kind,
        page,
        lsn: segment_lsn.checked_add(u64::try_from(at).ok()?)?,
        body,
    })
}

/// The blob that a message points to.
pub(super) fn blob_of(message: &Message, segment: &[u8]) -> Option<u64> {
    let body = segment.get(message.body.clone())?;
    (matches!(message.kind, Kind::NodeInBlob | Kind::LinkInBlob) && body.len() == 8)
        .then(|| little_endian(body))
}

/// The rows of a message's content, whose place in `bytes` is `body`. Nothing where it is not as Sled writes it.
pub(super) fn rows(kind: Kind, bytes: &[u8], body: Range<usize>) -> Option<Vec<Row>> {
    let mut reader = Reader {
        bytes: bytes.get(..body.end)?,
        at: body.start,
    };
    match kind {
        Kind::Link | Kind::LinkInBlob => set_row(&mut reader),
        Kind::Node | Kind::NodeInBlob => leaf_rows(&mut reader),
        Kind::Freed | Kind::Cap | Kind::Other => Some(Vec::new()),
    }
}

/// The key of a row that was set, from before its value, where the record is broken: nothing proves it.
pub(super) fn key_before(bytes: &[u8], value: usize) -> Option<Vec<u8>> {
    (1..=3).find_map(|size| {
        let at = value.checked_sub(size)?;
        let mut reader = Reader { bytes, at };
        reader.integer()?;
        (reader.at == value)
            .then(|| key_ending(bytes, at))
            .flatten()
    })
}

/// A set row begins with a zero and its key's length, and a key of the SDK's ends with 0xff.
fn key_ending(bytes: &[u8], end: usize) -> Option<Vec<u8>> {
    (1..=240_u8).find_map(|length| {
        let from = end.checked_sub(usize::from(length))?;
        let key = bytes.get(from..end)?;
        let before = bytes.get(from.checked_sub(2)?..from)?;
        (before == [0, length] && key.ends_with(b"\xff")).then(|| key.to_vec())
    })
}

fn set_row(reader: &mut Reader<'_>) -> Option<Vec<Row>> {
    if reader.byte()? != 0 {
        // A deletion, or nothing about a row.
        return Some(Vec::new());
    }
    let (key, value) = (reader.text()?, reader.text()?);
    let key = reader.bytes.get(key)?.to_vec();
    Some(vec![Row { key, value }])
}

fn leaf_rows(reader: &mut Reader<'_>) -> Option<Vec<Row>> {
    let (_next, _merging_child, _merging) = (reader.integer()?, reader.integer()?, reader.byte()?);
    let _prefix = reader.byte()?;
    let (_low, _high) = (reader.text()?, reader.text()?);
    if reader.byte()? != 0 {
        // It leads to other nodes.
        return Some(Vec::new());
    }
    let count = reader.integer()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(reader.text()?);
    }
    keys.into_iter()
        .map(|key| {
            Some(Row {
                key: reader.bytes.get(key)?.to_vec(),
                value: reader.text()?,
            })
        })
        .collect()
}

/// What a blob says it is, if its checksum is right: kind and content.
pub(super) fn blob(bytes: &[u8]) -> Option<(Kind, Range<usize>)> {
    let rest = bytes.get(4..)?;
    let kind = Kind::of(*rest.first()?)?;
    let sound = little_endian(&bytes[..4]) == u64::from(crc32fast::hash(rest));
    sound.then_some((kind, 5..bytes.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_those_of_sled() {
        for (bytes, number) in [
            (&[0][..], 0),
            (&[240], 240),
            (&[241, 0], 240),
            (&[248, 255], 2_287),
            (&[249, 0, 0], 2_288),
            (&[249, 255, 255], 67_823),
            (&[250, 1, 2, 3], 0x03_0201),
            (&[255, 1, 0, 0, 0, 0, 0, 0, 128], 0x8000_0000_0000_0001),
        ] {
            assert_eq!(Reader { bytes, at: 0 }.integer(), Some(number), "{bytes:?}");
            let cut = &bytes[..bytes.len() - 1];
            assert_eq!(Reader { bytes: cut, at: 0 }.integer(), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>, from in 0..50_usize) {
            let _any = (messages(&bytes, 512 << 10), blob(&bytes));
            let body = from.min(bytes.len())..bytes.len();
            for kind in [Kind::Node, Kind::Link, Kind::NodeInBlob] {
                let _any = rows(kind, &bytes, body.clone());
            }
        }
    }
}

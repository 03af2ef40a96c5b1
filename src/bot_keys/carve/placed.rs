//! Where in Sled's log a value stands: whether its record's checksum is right, and its row's key.

use std::ops::Range;

use super::log::{self, Kind, blob_of, messages, rows};

/// The sound records of a stretch.
pub(super) struct Placed(Vec<(Kind, Range<usize>)>);

/// What is known about the place of a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether the record's checksum is right.
    pub(super) sound: bool,
    /// The row's key as far as it stands there.
    pub(super) row_key: Option<Vec<u8>>,
}

impl Placed {
    /// Reads the messages of a stretch of the log, and tells which pages were written, and what into blobs.
    pub(super) fn in_log(
        bytes: &[u8],
        segment: Option<usize>,
        nodes: &mut Vec<(u64, u64)>,
        blobs: &mut Vec<(u64, u64, u64)>,
    ) -> Self {
        let mut sound = Vec::new();
        let Some(segment) = segment else {
            return Self(sound);
        };
        let own = usize::try_from(super::files::STRETCH).unwrap_or(usize::MAX);
        let own = bytes.get(..own).unwrap_or(bytes);
        for (number, part) in own.chunks(segment).enumerate() {
            let base = number * segment;
            for message in messages(part, segment) {
                if matches!(message.kind, Kind::Node | Kind::NodeInBlob | Kind::Freed) {
                    nodes.push((message.page, message.lsn));
                }
                if let Some(blob) = blob_of(&message, part) {
                    blobs.push((blob, message.page, message.lsn));
                }
                sound.push((
                    message.kind,
                    base + message.body.start..base + message.body.end,
                ));
            }
        }
        Self(sound)
    }

    /// Reads a blob, if the stretch has all of it.
    pub(super) fn in_blob(bytes: &[u8], from: u64) -> Self {
        Self(
            (from == 0)
                .then(|| log::blob(bytes))
                .flatten()
                .into_iter()
                .collect(),
        )
    }

    /// What is known about the value that begins `at`.
    pub(super) fn at(&self, bytes: &[u8], at: usize) -> Place {
        let behind = self.0.partition_point(|(_, body)| body.start <= at);
        let record = behind.checked_sub(1).and_then(|last| self.0.get(last));
        let Some((kind, body)) = record.filter(|(_, body)| body.contains(&at)) else {
            return Place::default();
        };
        let row = rows(*kind, bytes, body.clone())
            .and_then(|rows| rows.into_iter().find(|row| row.value.start == at));
        Place {
            sound: true,
            row_key: row.map(|row| row.key),
        }
    }
}

//! Media files by type and by size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The upper ends, in bytes and exclusive, of the classes of [`Media::by_size`]; a last class is above them.
pub const MEDIA_SIZES: [u64; 5] = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Media files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// All of them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files and bytes by type.
    pub by_type: BTreeMap<MediaClass, (u64, u64)>,
    /// Files by size: for each of [`MEDIA_SIZES`], those below it (and not below the one before); then the others.
    pub by_size: [u64; MEDIA_SIZES.len() + 1],
}

/// A kind of media, by the first half of its MIME type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaClass {
    /// `image/…`
    Image,
    /// `video/…`
    Video,
    /// `audio/…`
    Audio,
    /// `text/…`, and every `application/…` but the next.
    Document,
    /// `application/octet-stream`, as clients call what they have encrypted, or no type at all.
    Opaque,
    /// Anything else.
    Other,
}

impl MediaClass {
    /// The class of a MIME type.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        match essence.split('/').next().unwrap_or_default() {
            _ if essence == "application/octet-stream" => Self::Opaque,
            "" => Self::Opaque,
            "image" => Self::Image,
            "video" => Self::Video,
            "audio" => Self::Audio,
            "text" | "application" => Self::Document,
            _ => Self::Other,
        }
    }
}

impl Media {
    pub(super) fn add(&mut self, media_type: &str, length: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(length);
        let (files, bytes) = self.by_type.entry(MediaClass::of(media_type)).or_default();
        *files += 1;
        *bytes = bytes.saturating_add(length);
        let class = MEDIA_SIZES.partition_point(|end| *end <= length);
        if let Some(files) = self.by_size.get_mut(class) {
            *files += 1;
        }
    }
}

//! A bundle as one file: packed, and unpacked without trust.

mod bounded;
mod entries;
mod extension;
mod pack;
mod unpack;
mod walk;

use std::{fs::File, io::Read, path::Path};

pub(super) use pack::pack;
pub(super) use unpack::unpack;
pub(super) use walk::{Look, walk};

/// The first bytes of a zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a bundle is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Files in a directory.
    Directory,
    /// An uncompressed archive.
    Tar,
    /// A compressed archive.
    TarZst,
}

impl Form {
    /// The form that a name asks for.
    pub(super) fn of_name(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".tar.zst") {
            Self::TarZst
        } else if name.ends_with(".tar") {
            Self::Tar
        } else {
            Self::Directory
        }
    }

    /// The form that something on disk has, whatever its name is.
    pub(super) fn of_content(path: &Path) -> std::io::Result<Self> {
        if path.is_dir() {
            return Ok(Self::Directory);
        }
        let mut start = Vec::new();
        File::open(path)?
            .take(ZSTD_MAGIC.len() as u64)
            .read_to_end(&mut start)?;
        Ok(if start == ZSTD_MAGIC {
            Self::TarZst
        } else {
            Self::Tar
        })
    }
}

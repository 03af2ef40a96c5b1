//! The entries of an archive one by one, each with its name: nothing that it says of itself is taken on trust.

use std::io::Read;

use tar::EntryType;

use super::{extension::Extension, unpack::Fault};
use crate::bundle::entry_name;

/// Entries of an archive; a bundle has tens, or one per media file.
const MAX: usize = 10_000_000;

/// What an entry says of itself.
pub(super) struct Head {
    /// Its name, checked.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: EntryType,
    /// Its bytes.
    pub(super) declared: u64,
    /// Whether it is the first.
    pub(super) is_first: bool,
    raw: Vec<u8>,
}

impl Head {
    /// Why it is not taken.
    pub(super) fn refuse(&self, what: &str) -> Fault {
        refuse(&self.raw, what)
    }

    /// Whether it is a file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, EntryType::Regular | EntryType::Continuous)
    }
}

fn refuse(raw: &[u8], what: &str) -> Fault {
    Fault::Archive(format!("the entry {} {what}", entry_name::shown(raw)))
}

/// Hands each entry to `take`, with its content.
pub(super) fn each(
    reader: &mut dyn Read,
    mut take: impl FnMut(Head, &mut dyn Read) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut archive = tar::Archive::new(reader);
    let mut extension = Extension::default();
    // Raw entries: the tar crate would read a long name of any length into memory.
    for (entry, count) in archive.entries()?.raw(true).zip(1..) {
        let mut entry = entry?;
        if count > MAX {
            return Err(Fault::Archive("it has too many files".into()));
        }
        let kind = entry.header().entry_type();
        if extension.take(kind, &mut entry)? {
            continue;
        }
        let Extension { name, size } = std::mem::take(&mut extension);
        let raw = name.unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = entry_name::checked(&raw).map_err(|what| refuse(&raw, what))?;
        let declared = entry.header().entry_size()?;
        if size.is_some_and(|size| size != declared) {
            return Err(refuse(&raw, "has two different sizes"));
        }
        let head = Head {
            name,
            kind,
            declared,
            is_first: count == 1,
            raw,
        };
        take(head, &mut entry)?;
    }
    Ok(())
}

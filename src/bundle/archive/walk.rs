//! Looking through an archive once, to its end, without writing anything: small files are kept, the others only counted.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
};

use super::{
    Form,
    extension::Extension,
    unpack::{Fault, MAX_ENTRIES, open, rest},
};
use crate::{Error, Result, bundle::entry_name};

/// Bytes of a file that is kept.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Reads all of an archive: `wanted` files are given by name, and `seen` hears the name of each.
pub(in crate::bundle) fn walk(
    archive: &Path,
    form: Form,
    wanted: &[&str],
    seen: &mut dyn FnMut(&str),
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut reader = open(archive, form).map_err(Error::file(archive))?;
    entries(&mut reader, wanted, seen)
        .and_then(|found| Ok(rest(&mut reader).map(|()| found)?))
        .map_err(|fault| fault.of(archive))
}

fn entries(
    reader: &mut dyn Read,
    wanted: &[&str],
    seen: &mut dyn FnMut(&str),
) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut archive = tar::Archive::new(reader);
    let mut found = BTreeMap::new();
    let mut extension = Extension::default();
    // The folder that version 1 may have around its files.
    let mut around = None;
    for (entry, count) in archive.entries()?.raw(true).zip(1..) {
        let mut entry = entry?;
        if count > MAX_ENTRIES {
            return Err(Fault::Archive("it has too many files".into()));
        }
        let kind = entry.header().entry_type();
        if extension.take(kind, &mut entry)? {
            continue;
        }
        let Extension { name, .. } = std::mem::take(&mut extension);
        let raw = name.unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = entry_name::checked(&raw).map_err(|what| {
            Fault::Archive(format!("the entry {} {what}", entry_name::shown(&raw)))
        })?;
        if count == 1 && kind.is_dir() {
            around = Some(format!("{name}/"));
        }
        if !kind.is_file() && !kind.is_contiguous() {
            continue;
        }
        let name = around
            .as_deref()
            .and_then(|around| name.strip_prefix(around))
            .unwrap_or(&name);
        seen(name);
        if wanted.contains(&name) {
            let mut content = Vec::new();
            let length = (&mut entry).take(LARGEST).read_to_end(&mut content)? as u64;
            if length < LARGEST {
                found.insert(name.to_owned(), content);
            }
        }
        io::copy(&mut entry, &mut io::sink())?;
    }
    Ok(found)
}

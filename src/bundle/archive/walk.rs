//! Looking through an archive once, to its end, without writing anything: small files are kept, the others only counted.

use std::{collections::BTreeMap, io::Read, path::Path};

use super::{
    Form, entries,
    unpack::{Fault, open, rest},
};
use crate::{Error, Result};

/// What is looked for.
pub(in crate::bundle) struct Look<'a> {
    /// Files that are kept, by name.
    pub(in crate::bundle) wanted: &'a [&'a str],
    /// Bytes that one of them may have, and what is said of one that has more.
    pub(in crate::bundle) largest: (u64, &'a dyn Fn(&str) -> Error),
    /// Hears the name of each file.
    pub(in crate::bundle) seen: &'a mut dyn FnMut(&str),
    /// Asked again and again; an error ends it.
    pub(in crate::bundle) go_on: &'a dyn Fn() -> Result<()>,
}

/// Reads all of an archive and gives the files that are wanted.
pub(in crate::bundle) fn walk(
    archive: &Path,
    form: Form,
    look: &mut Look<'_>,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut reader = open(archive, form).map_err(Error::file(archive))?;
    entries(&mut reader, look)
        .and_then(|found| Ok(rest(&mut reader).map(|()| found)?))
        .map_err(|fault| fault.of(archive))
}

fn entries(reader: &mut dyn Read, look: &mut Look<'_>) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut found = BTreeMap::new();
    // The folder that version 1 may have around its files.
    let mut around = None;
    let (largest, too_large) = look.largest;
    let mut buffer = vec![0; 128 * 1024];
    entries::each(reader, |head, entry| {
        if head.is_first && head.kind.is_dir() {
            around = Some(format!("{}/", head.name));
        }
        if !head.is_file() {
            return Ok(());
        }
        let around = around.as_deref();
        let name = around.and_then(|around| head.name.strip_prefix(around));
        let name = name.unwrap_or(&head.name);
        (look.seen)(name);
        let is_wanted = look.wanted.contains(&name);
        if is_wanted && head.declared > largest {
            return Err(too_large(name).into());
        }
        let mut content = Vec::new();
        loop {
            (look.go_on)()?;
            let count = entry.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            if is_wanted {
                content.extend_from_slice(&buffer[..count]);
            }
        }
        if is_wanted {
            found.insert(name.to_owned(), content);
        }
        Ok(())
    })?;
    Ok(found)
}

//! The files of a bundle's directory, by name.

use std::{collections::BTreeSet, fs, path::Path};

use super::{entry_name, file_names::MANIFEST};
use crate::{Error, Result};

/// Every regular file below `dir` but the manifest; anything that is neither file nor directory is an error.
pub(super) fn all(dir: &Path, bundle: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        let path = dir.join(&folder);
        for entry in fs::read_dir(&path).map_err(Error::file(&path))? {
            let entry = entry.map_err(Error::file(&path))?;
            let kind = entry.file_type().map_err(Error::file(entry.path()))?;
            let name = entry.file_name();
            let mut raw = folder.clone().into_bytes();
            if !raw.is_empty() {
                raw.push(b'/');
            }
            raw.extend_from_slice(name.as_encoded_bytes());
            let fault = |what: &str| Error::Bundle {
                path: bundle.to_owned(),
                reason: format!(
                    "{} {what}: copy the bundle again, or export again",
                    entry_name::shown(&raw)
                ),
            };
            let name = entry_name::checked(&raw).map_err(fault)?;
            if kind.is_dir() {
                waiting.push(name);
            } else if !kind.is_file() {
                return Err(fault("is a link or a device"));
            } else if name != MANIFEST {
                found.insert(name);
            }
        }
    }
    Ok(found)
}

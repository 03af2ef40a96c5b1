//! A private copy of a Sled store.

use std::{io, path::Path};

use crate::{Error, Result, bot_keys::safekeeping::tree, secret::private_dir};

/// Copies what Sled reads: its log, its settings, its snapshots and its blobs.
pub(super) fn copy(store: &Path, to: &Path) -> Result<()> {
    private_dir(to).map_err(Error::file(to))?;
    for file in tree::files(store)? {
        if !is_of_sled(&file) {
            continue;
        }
        let from = store.join(&file);
        match tree::copy(&from, &to.join(&file)) {
            Ok(_copied) => {}
            // The owner has just removed it: what was in it stands elsewhere by now.
            Err(Error::File { path, source })
                if path == from && source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_of_sled(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name == "db" || name == "conf" || name.starts_with("snap.") || name.starts_with("blobs/")
}

//! A folder's files: listed, and copied into files that only their owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{Error, Result, hex::hex, secret::private_dir};

/// All files below a folder, as paths from there, sorted. A link is an error: what it points to would not be put aside.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let here = folder.join(&below);
        for entry in fs::read_dir(&here).map_err(Error::file(&here))? {
            let entry = entry.map_err(Error::file(&here))?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type().map_err(Error::file(&here))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            } else {
                return Err(Error::Usage(format!(
                    "{} is neither a file nor a folder: put what it stands for in its place",
                    entry.path().display()
                )));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a file, with the folders above it, to where there is none yet; its bytes and its SHA-256 in hex.
pub fn copy(from: &Path, to: &Path) -> Result<(u64, String)> {
    if let Some(folder) = to.parent() {
        private_dir(folder).map_err(Error::file(folder))?;
    }
    let mut source = File::open(from).map_err(Error::file(from))?;
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(Error::file(to))?;
    let digest = digest(&mut source, from, |piece| {
        copy.write_all(piece).map_err(Error::file(to))
    })?;
    copy.sync_all().map_err(Error::file(to))?;
    Ok(digest)
}

/// Bytes and SHA-256 of a file.
pub fn sum(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::file(path))?;
    digest(&mut file, path, |_| Ok(()))
}

fn digest(
    source: &mut impl Read,
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<(u64, String)> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; 128 * 1024];
    loop {
        let read = source.read(&mut piece).map_err(Error::file(path))?;
        if read == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        hasher.update(&piece[..read]);
        each(&piece[..read])?;
        bytes += read as u64;
    }
}

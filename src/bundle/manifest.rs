//! `manifest.json`: file → SHA-256 in hex, for every file but itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{
    file_names::{MANIFEST, MEDIA_IN_V1, UNLISTED_IN_V1},
    files, json_stream,
};
use crate::{Error, Result, hex::hex};

/// File → SHA-256 in lower-case hex.
pub(super) type Manifest = BTreeMap<String, String>;

/// Computes the manifest of a directory; `done` hears the number of files hashed so far.
pub(super) fn of(dir: &Path, done: &mut dyn FnMut(u64)) -> Result<Manifest> {
    let mut manifest = Manifest::new();
    for (name, count) in files::all(dir, dir)?.into_iter().zip(1..) {
        let path = dir.join(&name);
        let hash = sha256(&path).map_err(Error::file(&path))?;
        manifest.insert(name, hash);
        done(count);
    }
    Ok(manifest)
}

/// Compares a directory with its manifest; `version` is the one that `schema.json` claims.
pub(super) fn verify(dir: &Path, bundle: &Path, version: u32) -> Result<()> {
    let fault = |reason: String| Error::Bundle {
        path: bundle.to_owned(),
        reason,
    };
    let manifest = read(dir, &fault)?;
    let present = files::all(dir, bundle)?;
    if let Some(missing) = manifest.keys().find(|name| !present.contains(*name)) {
        return Err(fault(format!(
            "{missing} is missing: copy the bundle again, or export again"
        )));
    }
    if let Some(extra) = unlisted(&manifest, &present, version) {
        return Err(fault(format!(
            "{extra} is not in {MANIFEST}: copy the bundle again, or export again"
        )));
    }
    for (name, expected) in &manifest {
        let path = dir.join(name);
        if sha256(&path).map_err(Error::file(&path))? != *expected {
            return Err(fault(format!(
                "{name} does not match its checksum in {MANIFEST}: copy the bundle again, or export again"
            )));
        }
    }
    Ok(())
}

fn read(dir: &Path, fault: &dyn Fn(String) -> Error) -> Result<Manifest> {
    let file = File::open(dir.join(MANIFEST)).map_err(|error| {
        fault(if error.kind() == io::ErrorKind::NotFound {
            format!("{MANIFEST} is missing, so nothing can be checked: copy the bundle again, or export again")
        } else {
            format!("{MANIFEST} can't be read ({error}): copy the bundle again, or export again")
        })
    })?;
    let entries: UniqueKeys = json_stream::whole(file).map_err(|error| {
        fault(format!(
            "{MANIFEST} can't be read ({error}): copy the bundle again, or export again"
        ))
    })?;
    Ok(entries.0)
}

/// A file that is there, isn't listed, and isn't one that version 1 leaves out.
fn unlisted<'a>(
    manifest: &Manifest,
    present: &'a BTreeSet<String>,
    version: u32,
) -> Option<&'a String> {
    present
        .iter()
        .filter(|name| !manifest.contains_key(*name))
        .find(|name| {
            let left_out = UNLISTED_IN_V1.contains(&name.as_str()) || name.starts_with(MEDIA_IN_V1);
            version != 1 || !left_out
        })
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// A manifest in which no file stands twice.
struct UniqueKeys(Manifest);

impl<'de> serde::Deserialize<'de> for UniqueKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = UniqueKeys;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object of checksums")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<UniqueKeys, A::Error> {
                let mut manifest = Manifest::new();
                while let Some((name, hash)) = map.next_entry::<String, String>()? {
                    if manifest.insert(name, hash).is_some() {
                        return Err(serde::de::Error::custom("a file stands in it twice"));
                    }
                }
                Ok(UniqueKeys(manifest))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

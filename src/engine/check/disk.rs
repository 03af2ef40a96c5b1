//! Room in the data folder, against the source's database and the bundle. The target's disk can't be seen from here.

use std::{fs, path::Path};

use super::{Found, bundle::Looked, source::Source};
use crate::{
    Error, Result,
    engine::Engine,
    migration::check::{Needs, What},
    secret::private_dir,
};

/// With less not even the ledger and a report can be written.
const LEAST: u64 = 64 * 1024 * 1024;

pub(super) fn look(
    engine: &Engine,
    source: &Source,
    bundle: Option<&Looked>,
    found: &mut Found,
) -> Result<()> {
    let dir = &engine.config.data_dir;
    private_dir(dir).map_err(Error::file(dir))?;
    let free = free(dir).map_err(Error::file(dir))?;
    let needed = [
        // An export is packed from files of about that size.
        (Needs::Export, source.bytes),
        // Events lie beside the unpacked bundle while their rooms are carried.
        (
            Needs::Import,
            bundle.map(|bundle| bundle.bytes.saturating_mul(2)),
        ),
    ];
    found
        .0
        .extend(judged(free, needed, dir).into_iter().map(Into::into));
    Ok(())
}

fn judged(free: u64, needed: [(Needs, Option<u64>); 2], dir: &Path) -> Vec<What> {
    if free < LEAST {
        return vec![What::DiskFull {
            free,
            dir: dir.to_owned(),
        }];
    }
    let short: Vec<_> = needed
        .into_iter()
        .filter_map(|(needs, bytes)| Some((needs, bytes.filter(|bytes| free < *bytes)?)))
        .map(|(needs, needed)| What::DiskShort {
            free,
            needed,
            needs,
            dir: dir.to_owned(),
        })
        .collect();
    if short.is_empty() {
        vec![What::Disk { free }]
    } else {
        short
    }
}

/// The bytes that are free for whoever runs this.
fn free(dir: &Path) -> std::io::Result<u64> {
    let system = rustix::fs::statvfs(dir)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// The bytes of all files below a folder; what can't be read counts nothing.
pub(super) fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    entries
        .filter_map(std::result::Result::ok)
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, about)| {
            if about.is_dir() {
                size_of(&path)
            } else {
                about.len()
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_seen() {
        let judged = |free, database, bundle| {
            let needed = [(Needs::Export, database), (Needs::Import, bundle)];
            let found = judged(free, needed, Path::new("data"));
            found
                .iter()
                .map(|what| what.kind().0)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let gigabyte = 1 << 30;
        assert_eq!(judged(gigabyte, None, None), "disk");
        assert_eq!(judged(gigabyte, Some(gigabyte), Some(5)), "disk");
        assert_eq!(
            judged(gigabyte, Some(gigabyte + 1), Some(gigabyte * 9)),
            "disk-short-for-export disk-short-for-import"
        );
        assert_eq!(judged(LEAST - 1, Some(gigabyte), None), "disk-full");
    }

    #[test]
    fn this_disk_has_room_and_a_folder_a_size() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free(dir.path()).unwrap() > 0);
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), "12345").unwrap();
        fs::write(dir.path().join("c"), "1").unwrap();
        assert_eq!(size_of(dir.path()), 6);
    }
}

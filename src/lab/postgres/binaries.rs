//! Where PostgreSQL's programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Debian and Ubuntu keep them off the `PATH`, one folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and `postgres`: on the `PATH`, else Debian's newest.
pub fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .find(|folder| complete(folder))
        .or_else(|| newest(Path::new(DEBIAN)))
}

fn newest(debian: &Path) -> Option<PathBuf> {
    fs::read_dir(debian)
        .ok()?
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            Some((version, folder.join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .max()
        .map(|(_, folder)| folder)
}

fn complete(folder: &Path) -> bool {
    ["initdb", "postgres", "createdb", "pg_isready"]
        .iter()
        .all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_version_is_taken() {
        let debian = tempfile::tempdir().unwrap();
        for (version, programs) in [
            ("9", &["initdb", "postgres", "createdb", "pg_isready"][..]),
            ("15", &["initdb", "postgres", "createdb", "pg_isready"]),
            ("16", &["createdb", "pg_isready"]),
            ("none", &["initdb", "postgres", "createdb", "pg_isready"]),
        ] {
            let folder = debian.path().join(version).join("bin");
            fs::create_dir_all(&folder).unwrap();
            for program in programs {
                fs::write(folder.join(program), "").unwrap();
            }
        }
        assert_eq!(newest(debian.path()), Some(debian.path().join("15/bin")));
        assert_eq!(newest(&debian.path().join("absent")), None);
    }
}

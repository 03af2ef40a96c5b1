//! Where this machine's Tuwunel is.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::lab::python::cache;

/// `$TUWUNEL_BIN`, else `tuwunel` on the path, else `tuwunel` in the lab's cache.
pub fn find() -> Option<PathBuf> {
    find_in(
        env::var_os("TUWUNEL_BIN"),
        env::var_os("PATH"),
        cache().ok().as_deref(),
    )
}

fn find_in(set: Option<OsString>, path: Option<OsString>, cache: Option<&Path>) -> Option<PathBuf> {
    // A wrong TUWUNEL_BIN is taken as it is: starting it then says so.
    if let Some(set) = set.filter(|set| !set.is_empty()) {
        return Some(set.into());
    }
    let path = path.unwrap_or_default();
    env::split_paths(&path)
        .chain(cache.map(Path::to_owned))
        .map(|folder| folder.join("tuwunel"))
        .find(|binary| binary.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_first_then_the_path_then_the_cache() {
        let (on_path, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = || Some(on_path.path().as_os_str().to_owned());
        let in_cache = cache.path().join("tuwunel");
        assert_eq!(find_in(None, path(), Some(cache.path())), None);
        std::fs::write(&in_cache, "").unwrap();
        assert_eq!(
            find_in(None, path(), Some(cache.path())),
            Some(in_cache.clone())
        );
        let first = on_path.path().join("tuwunel");
        std::fs::write(&first, "").unwrap();
        assert_eq!(
            find_in(Some("".into()), path(), Some(cache.path())),
            Some(first)
        );
        assert_eq!(
            find_in(Some("/t".into()), path(), Some(cache.path())),
            Some("/t".into())
        );
    }
}

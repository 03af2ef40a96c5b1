//! `checksums.sha256`: lines of `sha256sum`, of every file but itself.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Component, Path, PathBuf},
};

use super::{CHECKSUMS, tree};
use crate::{Error, Result, secret::write_private};

/// SHA-256 in hex by path.
pub type Checksums = BTreeMap<PathBuf, String>;

/// Writes the list into its folder.
pub fn write(folder: &Path, sums: &Checksums) -> Result<()> {
    let path = folder.join(CHECKSUMS);
    let mut text = String::new();
    for (file, sum) in sums {
        let name = file.to_string_lossy();
        if name.contains(['\n', '\r', '\\', '\u{fffd}']) {
            return Err(Error::Usage(format!(
                "{name:?} has a name that a list of checksums can't hold: rename it"
            )));
        }
        let _infallible = writeln!(text, "{sum}  {name}");
    }
    write_private(&path, text.as_bytes()).map_err(Error::file(&path))
}

/// Reads the list; every path stays below the folder.
pub fn read(folder: &Path) -> Result<Checksums> {
    let path = folder.join(CHECKSUMS);
    if !path.is_file() {
        return Err(Error::Usage(format!(
            "{} has no {CHECKSUMS}: name a folder that `bot-keys backup` has made",
            folder.display()
        )));
    }
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let mut sums = Checksums::new();
    for (number, line) in text.lines().enumerate() {
        let (sum, file) = parsed(line).ok_or_else(|| {
            Error::Usage(format!(
                "{}, line {}, is not one of sha256sum: take another copy of the backup",
                path.display(),
                number + 1
            ))
        })?;
        sums.insert(file, sum);
    }
    Ok(sums)
}

fn parsed(line: &str) -> Option<(String, PathBuf)> {
    let (sum, name) = line.split_once(' ')?;
    // The second character says how the file was read, which is the same everywhere but on Windows.
    let name = name.strip_prefix([' ', '*'])?;
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = PathBuf::from(name);
    let is_below = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (is_sum && !name.is_empty() && is_below).then(|| (sum.to_ascii_lowercase(), path))
}

/// What is wrong with the files of a folder, for people; empty if all are as listed and nothing else is there.
pub fn faults(folder: &Path, sums: &Checksums) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (file, sum) in sums {
        let path = folder.join(file);
        if !path.is_file() {
            faults.push(format!("{} is missing", file.display()));
        } else if tree::sum(&path)?.1 != *sum {
            faults.push(format!("{} has changed", file.display()));
        }
    }
    for file in tree::files(folder)? {
        if !sums.contains_key(&file) && file != Path::new(CHECKSUMS) {
            faults.push(format!("{} is not in the list", file.display()));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn lines_of_sha256sum_and_nothing_that_leaves_the_folder() {
        let line = |name: &str| parsed(&format!("{SUM}{name}")).map(|(_, path)| path);
        assert_eq!(line("  a/b"), Some("a/b".into()));
        assert_eq!(line(" *a b"), Some("a b".into()));
        assert_eq!(line("  ./a"), Some("a".into()));
        for wrong in ["  ../a", "  /etc/passwd", "  ", " a", "  a/../../b"] {
            assert_eq!(line(wrong), None, "{wrong}");
        }
        assert_eq!(parsed("abc  a"), None);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CHECKSUMS), "abc  a\n").unwrap();
        let error = read(dir.path()).unwrap_err().to_string();
        let shown = error.replace(&*dir.path().to_string_lossy(), "DIR");
        insta::assert_snapshot!(shown, @"DIR/checksums.sha256, line 1, is not one of sha256sum: take another copy of the backup");
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in ".{0,90}") {
            if let Some((sum, path)) = parsed(&line) {
                prop_assert_eq!(sum.len(), 64);
                prop_assert!(Path::new("/here").join(path).starts_with("/here"));
            }
        }
    }
}

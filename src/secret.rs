//! Secrets: a type of their own that is never printed and is zeroed on drop.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rand::{Rng, distr::Alphanumeric};
pub use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// Characters of a generated token: about 285 bits.
const TOKEN_LENGTH: usize = 48;

/// Enough letters and digits that nothing is named twice.
const NAME_LENGTH: usize = 12;

/// A fresh random token of letters and digits.
#[must_use]
pub fn random_token() -> SecretString {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(TOKEN_LENGTH)
        .map(char::from)
        .collect::<String>()
        .into()
}

/// A fresh name of letters and digits, for what must not be taken for another: no secret.
#[must_use]
pub fn random_name() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(NAME_LENGTH)
        .map(char::from)
        .collect()
}

/// Whether a token that somebody sent is the expected one, in a time that doesn't depend on where they differ.
#[must_use]
pub fn same(expected: &SecretString, given: &str) -> bool {
    expected
        .expose_secret()
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}

/// Makes a folder, and those above it, that only its owner may enter (mode 0700); existing ones stay as they are.
pub fn private_dir(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Writes a file that only its owner may read (mode 0600), under a temporary name first.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    write_private_with(path, |file| file.write_all(content))
}

/// The same for what is made while it is written.
pub fn write_private_with(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    // A leftover of an interrupted run would keep its own, perhaps wider, mode.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    write(&mut file)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_differ_and_compare() {
        let (a, b) = (random_token(), random_token());
        assert_eq!(a.expose_secret().len(), TOKEN_LENGTH);
        assert!(same(&a, a.expose_secret()));
        assert!(!same(&a, b.expose_secret()));
        assert!(!same(&a, ""));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretString::from("s3cret");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn private_files_are_private_also_when_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "old").unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

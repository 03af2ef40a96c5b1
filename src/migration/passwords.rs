//! The random passwords of new accounts: a file of mode 0600 for the operator, written before the account is made.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ruma::{OwnedUserId, UserId};

use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString, random_token},
};

/// Stands in the place of each character of a password that was erased.
const GONE: char = '*';

/// `user_id,password` lines, appended and synced one by one, so that a killed run's accounts keep theirs. A password that
/// is of no more use is overwritten by as many `*`.
pub struct Passwords {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    known: HashMap<OwnedUserId, SecretString>,
    file: File,
}

impl Passwords {
    /// Opens or makes the file.
    pub fn open(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::file(path)(error)),
        };
        // The last line may be half written: its account was not made yet.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let known = known(&text[..whole]);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(Error::file(path))?;
        file.set_len(whole as u64).map_err(Error::file(path))?;
        Ok(Self {
            path: path.to_owned(),
            inner: Mutex::new(Inner { known, file }),
        })
    }

    /// The passwords of a file, which is not changed; of one that is not there, none.
    pub fn read(path: &Path) -> Result<HashMap<OwnedUserId, SecretString>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(known(&text[..text.rfind('\n').map_or(0, |end| end + 1)])),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashMap::new()),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// The users of whose passwords anything is left, be it a part that an overwriting did not come to.
    pub fn unerased(path: &Path) -> Result<Vec<OwnedUserId>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let lines = text.lines().filter_map(|line| line.rsplit_once(','));
        let left = lines.filter(|(_, password)| password.chars().any(|letter| letter != GONE));
        Ok(left
            .filter_map(|(user, _)| OwnedUserId::try_from(user).ok())
            .collect())
    }

    /// Overwrites a user's password in its place, whoever else appends to the file meanwhile. A file that is not there
    /// is no failure: its owner has deleted it.
    pub fn erase(path: &Path, user: &UserId) -> Result<()> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if let Some((owner, password)) = line.trim_end().rsplit_once(',')
                && owner == user.as_str()
            {
                let place = (at + owner.len() + 1) as u64;
                let stars = GONE.to_string().repeat(password.len());
                file.write_all_at(stars.as_bytes(), place)
                    .map_err(Error::file(path))?;
            }
            at += line.len();
        }
        file.sync_data().map_err(Error::file(path))
    }

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is any.
    #[must_use]
    pub fn any(&self) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        !inner.known.is_empty()
    }

    /// A user's password: the one that an earlier run wrote down, or a new one, on disk before this returns.
    pub fn of(&self, user: &UserId) -> Result<SecretString> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(password) = inner.known.get(user) {
            return Ok(password.clone());
        }
        let password = random_token();
        let line = format!("{user},{}\n", password.expose_secret());
        let before = inner
            .file
            .metadata()
            .map_err(Error::file(&self.path))?
            .len();
        let written = inner
            .file
            .write_all(line.as_bytes())
            .and_then(|()| inner.file.sync_data());
        if let Err(error) = written {
            // Half a line would run into the next one.
            let _nothing_more_to_do = inner.file.set_len(before);
            return Err(Error::file(&self.path)(error));
        }
        inner.known.insert(user.to_owned(), password.clone());
        Ok(password)
    }
}

/// The passwords of whole lines.
fn known(lines: &str) -> HashMap<OwnedUserId, SecretString> {
    lines
        .lines()
        .filter_map(|line| line.rsplit_once(','))
        .filter(|(_, password)| !password.contains(GONE))
        .filter_map(|(user, password)| Some((OwnedUserId::try_from(user).ok()?, password.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ruma::user_id;

    use super::*;

    #[test]
    fn passwords_survive_and_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwords.csv");
        let first = Passwords::open(&path)
            .unwrap()
            .of(user_id!("@a:x"))
            .unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let mut half = OpenOptions::new().append(true).open(&path).unwrap();
        half.write_all(b"@b:x,abc").unwrap();
        let again = Passwords::open(&path).unwrap();
        assert_eq!(
            again.of(user_id!("@a:x")).unwrap().expose_secret(),
            first.expose_secret()
        );
        assert_ne!(again.of(user_id!("@b:x")).unwrap().expose_secret(), "abc");
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn one_is_erased_while_others_are_added() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwords.csv");
        let (a, b, c) = (user_id!("@a:x"), user_id!("@ba:x"), user_id!("@c:x"));
        Passwords::erase(&path, a).unwrap();
        assert!(!path.exists());
        let all = Passwords::open(&path).unwrap();
        let gone = all.of(a).unwrap();
        let kept = all.of(b).unwrap();
        Passwords::erase(&path, a).unwrap();
        all.of(c).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(gone.expose_secret()), "{text}");
        assert!(
            text.starts_with("@a:x,****") && text.lines().count() == 3,
            "{text}"
        );
        let read = Passwords::read(&path).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[b].expose_secret(), kept.expose_secret());
        assert!(Passwords::open(&path).unwrap().any());
    }

    #[test]
    fn half_an_erased_password_is_left_to_erase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwords.csv");
        assert_eq!(
            Passwords::unerased(&path).unwrap(),
            <[OwnedUserId; 0]>::default()
        );
        fs::write(&path, "@a:x,***\n@b:x,**c\n@c:x,abc\n").unwrap();
        assert_eq!(
            Passwords::unerased(&path).unwrap(),
            [user_id!("@b:x"), user_id!("@c:x")]
        );
        Passwords::erase(&path, user_id!("@b:x")).unwrap();
        assert_eq!(Passwords::unerased(&path).unwrap(), [user_id!("@c:x")]);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "@a:x,***\n@b:x,***\n@c:x,abc\n"
        );
    }
}

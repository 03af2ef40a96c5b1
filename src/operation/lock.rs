//! One job at a time per installation: a lock on a file in the data folder, let go by the system if the process dies.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use crate::{
    Error, Result,
    secret::{private_dir, random_name},
};

const FILE: &str = "job.lock";

/// Held while a job runs.
#[derive(Debug)]
pub struct JobLock {
    _file: File,
    id: String,
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The job's name.
    pub name: String,
    /// Whose order it is.
    pub by: String,
    /// No other job's.
    pub id: String,
}

impl JobLock {
    /// Takes the lock, or says which job has it.
    pub fn take(data_dir: &Path, job: &str, by: &str) -> Result<Self> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = data_dir.join(FILE);
        let mut file = private(&path)?;
        if !locks(&file).map_err(Error::file(&path))? {
            // A `status` that is looking holds it for an instant.
            std::thread::sleep(Duration::from_millis(20));
            if !locks(&file).map_err(Error::file(&path))? {
                return Err(Error::Busy(holder(&path).told()));
            }
        }
        let id = random_name();
        file.set_len(0)
            .and_then(|()| file.write_all(format!("{job}\n{by}\n{id}").as_bytes()))
            .map_err(Error::file(&path))?;
        Ok(Self { _file: file, id })
    }

    /// The job's own: see [`Holder::id`].
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// The one `ferryman run` of an installation: two would answer each command twice.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes it; the text of the failure is for people.
    pub fn take(data_dir: &Path) -> Result<Self> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = data_dir.join("run.lock");
        let file = private(&path)?;
        if locks(&file).map_err(Error::file(&path))? {
            Ok(Self { _file: file })
        } else {
            Err(Error::Running(data_dir.to_owned()))
        }
    }
}

/// The one `ferryman login-bridge` of an installation: two would change the same passwords.
#[derive(Debug)]
pub struct BridgeLock {
    _file: File,
}

impl BridgeLock {
    /// Takes it; the text of the failure is for people.
    pub fn take(data_dir: &Path) -> Result<Self> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = data_dir.join("login-bridge.lock");
        let file = private(&path)?;
        if locks(&file).map_err(Error::file(&path))? {
            Ok(Self { _file: file })
        } else {
            Err(Error::Bridging(data_dir.to_owned()))
        }
    }
}

fn private(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(Error::file(path))
}

/// [`Error::Busy`] while a job runs.
pub fn free(data_dir: &Path) -> Result<()> {
    match running(data_dir) {
        Some(holder) => Err(Error::Busy(holder.told())),
        None => Ok(()),
    }
}

/// The job that holds the lock now, in this process or another.
#[must_use]
pub fn running(data_dir: &Path) -> Option<Holder> {
    let path = data_dir.join(FILE);
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&path)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn locks(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn holder(path: &Path) -> Holder {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().map(str::to_owned);
    let mut line = || lines.next().filter(|line| !line.is_empty());
    Holder {
        name: line().unwrap_or_else(|| "unknown".to_owned()),
        by: line().unwrap_or_else(|| "unknown".to_owned()),
        id: line().unwrap_or_default(),
    }
}

impl Holder {
    /// For [`Error::Busy`].
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}, ordered by {}", self.name, self.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_run() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunLock::take(dir.path()).unwrap();
        let error = RunLock::take(dir.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "another `ferryman run` works in {}: stop it first",
                dir.path().display()
            )
        );
        assert_eq!(error.exit_code(), 9);
        drop(first);
        RunLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_second_bridge_is_told_where_the_first_one_works() {
        let dir = tempfile::tempdir().unwrap();
        let first = BridgeLock::take(dir.path()).unwrap();
        let error = BridgeLock::take(dir.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "another `ferryman login-bridge` works in {}: stop it first",
                dir.path().display()
            )
        );
        assert_eq!(error.exit_code(), 9);
        drop(first);
        BridgeLock::take(dir.path()).unwrap();
    }

    #[test]
    fn the_second_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(running(dir.path()), None);
        let first = JobLock::take(dir.path(), "import", "@anna:ferry.test").unwrap();
        let holder = running(dir.path()).unwrap();
        assert_eq!(
            (&*holder.name, &*holder.by, &*holder.id),
            ("import", "@anna:ferry.test", first.id())
        );
        let error = JobLock::take(dir.path(), "verify", "@anna:ferry.test").unwrap_err();
        assert_eq!(
            error.to_string(),
            "another job is running (import, ordered by @anna:ferry.test): wait for its end, or `cancel` it"
        );
        assert_eq!(free(dir.path()).unwrap_err().to_string(), error.to_string());
        drop(first);
        free(dir.path()).unwrap();
        assert_eq!(running(dir.path()), None);
        let second = JobLock::take(dir.path(), "verify", "@anna:ferry.test").unwrap();
        assert_ne!(second.id(), holder.id);
    }
}

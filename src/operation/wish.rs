//! What somebody wants of the running job, in a file of the data folder: the job may be another process's.

use std::{fs, io, path::Path, time::Duration};

use tokio::task::JoinHandle;

use crate::{
    Error, Result,
    job::{Job, Wish},
    secret::write_private,
};

const FILE: &str = "job.wish";

/// How often a running job looks.
const LOOK: Duration = Duration::from_millis(300);

/// Keeps a wish for the job of this ID; any other goes on as if there were none.
pub(super) fn keep(data_dir: &Path, job: &str, wish: Wish) -> Result<()> {
    let path = data_dir.join(FILE);
    write_private(&path, line(job, wish).as_bytes()).map_err(Error::file(&path))
}

/// What is wanted of the job of this ID.
#[must_use]
pub(super) fn kept(data_dir: &Path, job: &str) -> Wish {
    let text = fs::read_to_string(data_dir.join(FILE)).unwrap_or_default();
    let all = [Wish::Pause, Wish::Stop].into_iter();
    all.into_iter()
        .find(|wish| line(job, *wish) == text)
        .unwrap_or_default()
}

/// Forgets it.
pub(super) fn forget(data_dir: &Path) -> Result<()> {
    let path = data_dir.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        _ => Ok(()),
    }
}

/// Hands wishes to a job, until it is dropped. A task of its own: the job may block the one that it runs in.
pub(super) struct Following(JoinHandle<()>);

impl Following {
    /// Begins.
    pub(super) fn new(data_dir: &Path, id: &str, job: &Job) -> Self {
        let (dir, id, job) = (data_dir.to_owned(), id.to_owned(), job.clone());
        Self(tokio::spawn(async move {
            loop {
                job.wish(kept(&dir, &id));
                tokio::time::sleep(LOOK).await;
            }
        }))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn line(job: &str, wish: Wish) -> String {
    let word = match wish {
        Wish::Run => "run",
        Wish::Pause => "pause",
        Wish::Stop => "stop",
    };
    format!("{word} {job}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_reaches_the_job_and_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kept(dir.path(), "a"), Wish::Run);
        let (job, _events) = Job::new();
        let following = Following::new(dir.path(), "a", &job);
        for wish in [Wish::Pause, Wish::Run, Wish::Stop] {
            keep(dir.path(), "a", wish).unwrap();
            assert_eq!(kept(dir.path(), "a"), wish);
            assert_eq!(kept(dir.path(), "b"), Wish::Run, "it is not that one's");
            while job.wished() != wish {
                tokio::time::sleep(LOOK / 10).await;
            }
        }
        drop(following);
        forget(dir.path()).unwrap();
        forget(dir.path()).unwrap();
        assert_eq!(kept(dir.path(), "a"), Wish::Run);
    }
}

//! The bundles that are there, and whether one is sound.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use serde::Serialize;
use tokio::sync::Mutex;

use super::{
    Engine,
    memory::Memory,
    opening::{INVENTORY, blocking, newest},
    shelf::Seal,
};
use crate::{
    Error, Result,
    bundle::{Bundle, Glance, HALF, glance, goes_on},
    job::Job,
    migration::proof::{Proof, prove},
};

/// Something in the bundles folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its file name.
    pub name: String,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Milliseconds since the Unix epoch at which it was last written.
    pub written_ts: u64,
    /// What it is.
    pub state: State,
    /// Whether the last import was of it.
    pub imported: bool,
}

/// What something in the bundles folder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A bundle.
    Whole(Glance),
    /// An export that was broken off; whether the same export goes on from there.
    Half {
        /// If not, it begins anew and removes this.
        goes_on: bool,
    },
    /// A bundle that can't be used: why, and what to do.
    Damaged {
        /// In one clause.
        reason: String,
    },
    /// What could not be looked at, so that nothing is known of it.
    Unread {
        /// In one clause.
        reason: String,
    },
}

/// The whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundles {
    /// The folder.
    pub dir: PathBuf,
    /// The newest first.
    pub all: Vec<Listed>,
}

/// A bundle that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proved {
    /// Its file name.
    pub name: String,
    /// What was found.
    #[serde(flatten)]
    pub proof: Proof,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
}

impl Engine {
    /// Everything in `<data_dir>/bundles`. Archives are read through, so it takes as long as reading them from the disk; one
    /// that was not written since is not read again.
    pub async fn bundles(&self, job: &Job) -> Result<Bundles> {
        let dir = self.config.data_dir.join("bundles");
        let last = Memory::read(&self.config.data_dir)?.map(|last| last.name);
        // One looks at a time: who asks meanwhile gets what the first has found.
        let mut known = Arc::clone(&self.looks.0).lock_owned().await;
        let job = job.clone();
        blocking(move || {
            let mut all = listed(&dir, last.as_deref(), &mut known, &job)?;
            all.sort_by(|one, other| {
                (other.written_ts, &other.name).cmp(&(one.written_ts, &one.name))
            });
            Ok(Bundles { dir, all })
        })
        .await
    }

    /// Checks a bundle (default: the newest): every byte by its checksum, numbers, event IDs, signatures.
    ///
    /// [`Error::Bundle`] names the file inside that is damaged; what is wrong beyond that is in the proof.
    pub async fn prove(&self, job: &Job, bundle: Option<PathBuf>) -> Result<Proved> {
        let started = self.clock.now_ms();
        let path = match bundle {
            Some(path) => path,
            None => newest(&self.config.data_dir.join("bundles"))?,
        };
        if path.to_string_lossy().ends_with(HALF) {
            return Err(Error::Bundle {
                path,
                reason: "its export was broken off: the same `export` goes on from there, or begins anew".to_owned(),
            });
        }
        let work = self.private_dir("work")?;
        let job = job.clone();
        let (name, proof) = blocking(move || {
            let bundle = Bundle::open(&path, &work)?;
            Ok((bundle.name(), prove(&bundle, &job)?))
        })
        .await?;
        Ok(Proved {
            name,
            proof,
            elapsed_ms: self.clock.now_ms().saturating_sub(started),
        })
    }
}

/// What archives were when they were read last: one that was not written since is not read again. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Looks(Arc<Mutex<Known>>);

type Known = BTreeMap<PathBuf, (Seal, State)>;

fn listed(dir: &Path, last: Option<&str>, known: &mut Known, job: &Job) -> Result<Vec<Listed>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(dir)(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file(dir))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy().into_owned();
        job.check()?;
        let state = match state(&path, &name, known, job) {
            Ok(Some(state)) => state,
            Ok(None) => continue,
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => State::Unread {
                reason: error.to_string(),
            },
        };
        // An export that runs puts its half bundle away when it has ended.
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        let written = about.modified().ok();
        let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        all.push(Listed {
            imported: last == Some(name.as_str()),
            bytes: bytes(&path, job)?,
            written_ts: written.map_or(0, |time| {
                u64::try_from(time.as_millis()).unwrap_or_default()
            }),
            name,
            state,
        });
    }
    known.retain(|path, _| path.exists());
    Ok(all)
}

/// Nothing of what is neither a bundle nor a part of one.
fn state(path: &Path, name: &str, known: &mut Known, job: &Job) -> Result<Option<State>> {
    if name.ends_with(HALF) {
        return Ok(Some(State::Half {
            goes_on: goes_on(path),
        }));
    }
    let is_archive = [".tar.zst", ".tar"].iter().any(|end| name.ends_with(end));
    let is_dir =
        path.is_dir() && (path.join("schema.json").exists() || path.join("manifest.json").exists());
    if !is_archive && !is_dir && !name.starts_with(INVENTORY) {
        return Ok(None);
    }
    let seal = if path.is_file() {
        Some(Seal::of(path)?)
    } else {
        None
    };
    if let Some((sealed, state)) = known.get(path)
        && Some(sealed) == seal.as_ref()
    {
        return Ok(Some(state.clone()));
    }
    let state = match glance(path, &|| job.check()) {
        Ok(glance) => State::Whole(glance),
        Err(Error::Bundle { reason, .. }) => State::Damaged { reason },
        Err(error) => return Err(error),
    };
    if let Some(seal) = seal {
        known.insert(path.to_owned(), (seal, state.clone()));
    }
    Ok(Some(state))
}

/// What a file or a folder takes; what has gone meanwhile, or can't be looked at, takes nothing.
fn bytes(path: &Path, job: &Job) -> Result<u64> {
    job.check()?;
    let Ok(about) = fs::symlink_metadata(path) else {
        return Ok(0);
    };
    if !about.is_dir() {
        return Ok(about.len());
    }
    let mut all = 0;
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all += bytes(&entry.path(), job)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests;

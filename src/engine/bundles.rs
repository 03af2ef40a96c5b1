//! The bundles that are there, and whether one is sound.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::Serialize;

use super::{
    Engine,
    memory::Memory,
    opening::{INVENTORY, blocking, newest},
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
    /// Everything in `<data_dir>/bundles`. Archives are read through, so it takes as long as reading them from the disk.
    pub async fn bundles(&self) -> Result<Bundles> {
        let dir = self.config.data_dir.join("bundles");
        let last = Memory::read(&self.config.data_dir)?.map(|last| last.name);
        blocking(move || {
            let mut all = listed(&dir, last.as_deref())?;
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

fn listed(dir: &Path, last: Option<&str>) -> Result<Vec<Listed>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(dir)(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file(dir))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(state) = state(&path, &name) else {
            continue;
        };
        let about = entry.metadata().map_err(Error::file(&path))?;
        let written = about.modified().ok();
        let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        all.push(Listed {
            imported: last == Some(name.as_str()),
            bytes: bytes(&path).map_err(Error::file(&path))?,
            written_ts: written.map_or(0, |time| {
                u64::try_from(time.as_millis()).unwrap_or_default()
            }),
            name,
            state,
        });
    }
    Ok(all)
}

/// Nothing of what is neither a bundle nor a part of one.
fn state(path: &Path, name: &str) -> Option<State> {
    if name.ends_with(HALF) {
        return Some(State::Half {
            goes_on: goes_on(path),
        });
    }
    let is_archive = [".tar.zst", ".tar"].iter().any(|end| name.ends_with(end));
    let is_dir =
        path.is_dir() && (path.join("schema.json").exists() || path.join("manifest.json").exists());
    if !is_archive && !is_dir && !name.starts_with(INVENTORY) {
        return None;
    }
    Some(match glance(path) {
        Ok(glance) => State::Whole(glance),
        Err(Error::Bundle { reason, .. }) => State::Damaged { reason },
        Err(error) => State::Damaged {
            reason: error.to_string(),
        },
    })
}

/// What a file or a folder takes.
fn bytes(path: &Path) -> std::io::Result<u64> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let mut all = 0;
    for entry in fs::read_dir(path)? {
        all += bytes(&entry?.path())?;
    }
    Ok(all)
}

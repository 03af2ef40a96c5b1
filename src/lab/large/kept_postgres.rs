//! The large server's PostgreSQL at rest, beside the original.

use std::{fs, path::PathBuf};

use super::{
    server_name,
    store::{Store, lock},
};
use crate::lab::{
    LabError, Result,
    folder::{Folder, copy},
    postgres::{Postgres, major_version},
    synapse::{DATABASE, SQLITE_FILE, SynapseOptions, port::port},
};

/// The folder that [`Postgres::start_from`] takes. It is a copy of the data directory, which starts at once; a dump
/// would be read and indexed anew by every test.
pub(super) async fn ready(store: &Store) -> Result<PathBuf> {
    let kept = store.path(&format!("postgres-{}", major_version().await?));
    if kept.exists() {
        return Ok(kept);
    }
    let _lock = lock(kept.with_extension("lock")).await?;
    if kept.exists() {
        return Ok(kept);
    }
    let folder = Folder::new("large")?;
    let sqlite = folder.path().join(SQLITE_FILE);
    copy(&store.path(SQLITE_FILE), &sqlite).await?;
    let postgres = Postgres::start().await?;
    postgres.create_database(DATABASE).await?;
    port(&sqlite, &postgres, &SynapseOptions::source(server_name())).await?;
    let partial = kept.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(LabError::file(&partial))?;
    }
    postgres.stop_and_keep(&partial).await?;
    fs::rename(&partial, &kept).map_err(LabError::file(&kept))?;
    Ok(kept)
}

//! Synapse's own way from SQLite to PostgreSQL: `synapse_port_db`.

use std::{path::Path, process::Command};

use super::{DATABASE, DatabasePlace, Ports, SynapseOptions, config};
use crate::{
    lab::{
        LabError, Result,
        folder::Folder,
        postgres::{Postgres, run},
        python::synapse_python,
    },
    secret::random_token,
};

/// Carries an SQLite database that nobody uses, and that has no background updates to do, into the empty database
/// [`DATABASE`]. The file is changed.
pub(in crate::lab) async fn port(
    sqlite: &Path,
    postgres: &Postgres,
    options: &SynapseOptions,
) -> Result<()> {
    forget_pushers(sqlite)?;
    let folder = Folder::new("port")?;
    let place = DatabasePlace::Postgres(postgres.connection(DATABASE));
    // The script wants a whole configuration; nothing listens on its port.
    let ports = Ports {
        clients: 1,
        servers: None,
    };
    let config = config::write(&folder, options, &place, ports, &random_token())?;
    let mut script = Command::new(synapse_python().await?);
    script
        .args(["-m", "synapse._scripts.synapse_port_db"])
        .args(["--postgres-config", &config, "--sqlite-database"])
        .arg(sqlite)
        .current_dir(folder.path());
    run(script).await
}

/// Every deactivation moves the stream of the pushers on, also where there is no pusher. The script takes the stream's
/// position from the pushers that are there, and Synapse then refuses to start and recommends this statement
/// (`synapse/storage/util/sequence.py`).
fn forget_pushers(sqlite: &Path) -> Result<()> {
    rusqlite::Connection::open(sqlite)
        .and_then(|database| {
            database.execute(
                "DELETE FROM stream_positions WHERE stream_name = 'pushers'",
                [],
            )
        })
        .map(drop)
        .map_err(LabError::database(sqlite))
}

//! Synapse's own way from SQLite to PostgreSQL: `synapse_port_db`.

use std::{path::Path, process::Command};

use super::{DATABASE, DatabasePlace, SynapseOptions, config};
use crate::{
    lab::{
        Result,
        folder::Folder,
        postgres::{Postgres, run},
        python::synapse_python,
    },
    secret::random_token,
};

/// Carries an SQLite database that nobody uses into the empty database [`DATABASE`]; the script may change the file.
pub(in crate::lab) async fn port(
    sqlite: &Path,
    postgres: &Postgres,
    options: &SynapseOptions,
) -> Result<()> {
    let folder = Folder::new("port")?;
    let place = DatabasePlace::Postgres(postgres.connection(DATABASE));
    // The script wants a whole configuration; nothing listens on its port.
    let config = config::write(&folder, options, &place, 1, &random_token())?;
    let mut script = Command::new(synapse_python().await?);
    script
        .args(["-m", "synapse._scripts.synapse_port_db"])
        .args(["--postgres-config", &config, "--sqlite-database"])
        .arg(sqlite)
        .current_dir(folder.path());
    run(script).await
}

//! A large server, and commands that export it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use ferryman::{
    lab::large::{Large, SERVER_NAME},
    secret::ExposeSecret,
};
use tempfile::TempDir;

use crate::measured::Measured;

/// A running copy, and a folder for what is exported.
pub(crate) struct Server {
    large: Large,
    folder: TempDir,
}

impl Server {
    pub(crate) fn new(large: Large) -> Result<Self> {
        Ok(Self {
            large,
            folder: tempfile::tempdir()?,
        })
    }

    /// `ferryman export` with these arguments.
    pub(crate) fn export(&self, arguments: &[&str]) -> Result<Measured> {
        let out = self.folder.path().join("bundle.tar.zst");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferryman"));
        command
            .arg("export")
            .args(arguments)
            .arg("--out")
            .arg(&out)
            .current_dir(self.folder.path())
            .env("FERRYMAN_SERVER_NAME", SERVER_NAME)
            .env("FERRYMAN_OPERATORS", self.large.admin.user_id())
            .env("FERRYMAN_SYNAPSE_URL", self.large.synapse.url())
            .env("FERRYMAN_SYNAPSE_ADMIN_TOKEN", self.token()?)
            .env(
                "FERRYMAN_SYNAPSE_HOMESERVER_YAML",
                self.large.synapse.config_path(),
            )
            // Nothing is asked there.
            .env("FERRYMAN_TUWUNEL_URL", "http://127.0.0.1:1")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .env("FERRYMAN_LOG", "error");
        let mut measured = Measured::of(&mut command, self.synapse()?)?;
        measured.bytes = taken(&out)?;
        Ok(measured)
    }

    /// Another exporter's command line.
    pub(crate) fn other(&self, line: &str) -> Result<Measured> {
        let out = self.folder.path().join("other");
        fs::create_dir(&out)?;
        let (url, token) = (self.large.synapse.url(), self.token()?);
        let words =
            shlex::split(line).context("FERRYMAN_LAB_BENCH_OTHER can't be split into words")?;
        let words: Vec<_> = words
            .iter()
            .map(|word| {
                word.replace("URL", url)
                    .replace("TOKEN", token)
                    .replace("OUT", &out.to_string_lossy())
            })
            .collect();
        let (program, arguments) = words
            .split_first()
            .context("FERRYMAN_LAB_BENCH_OTHER is empty")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let measured = Measured::of(&mut command, self.synapse()?)?;
        fs::remove_dir_all(out)?;
        Ok(measured)
    }

    fn synapse(&self) -> Result<u32> {
        let process = self.large.synapse.server.process_id();
        process.context("Synapse does not run")
    }

    fn token(&self) -> Result<&str> {
        let token = self.large.admin.token().context("the admin has no token")?;
        Ok(token.expose_secret())
    }
}

/// A bundle's size; it makes room for the next.
fn taken(out: &Path) -> Result<u64> {
    let bytes = fs::metadata(out)?.len();
    fs::remove_file(out)?;
    Ok(bytes)
}

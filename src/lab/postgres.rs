//! A throw-away PostgreSQL on 127.0.0.1, if this machine has its programs.
//!
//! It has the locale and the encoding that Synapse demands, a password, and no Unix socket. Nothing is brought to the
//! disk on purpose (`fsync = off`): it does not outlive this process.

mod binaries;
mod owner;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use self::owner::Owner;
use super::{
    LabError, Result,
    folder::{Folder, copy},
    names::free_port,
    process::{Process, last_lines},
};
use crate::secret::{ExposeSecret, SecretString, random_token, write_private};

pub use binaries::find as find_binaries;

/// The cluster's only user, its superuser.
const USER: &str = "ferryman";
/// The cluster in the folder.
const DATA: &str = "data";
/// The user's password, beside the cluster that wants it.
const PASSWORD: &str = "password";

/// What a client needs to reach one database.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `127.0.0.1`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// A superuser.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
    /// The database's name.
    pub database: String,
}

/// A running PostgreSQL; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    binaries: PathBuf,
    folder: Folder,
    port: u16,
    password: SecretString,
}

impl Postgres {
    /// Makes an empty cluster and starts it; [`LabError::NoPostgres`] if the programs aren't there.
    pub async fn start() -> Result<Self> {
        let binaries = find_binaries().ok_or(LabError::NoPostgres)?;
        let folder = Folder::new("postgres")?;
        let password = random_token();
        let file = folder.path().join(PASSWORD);
        write_private(&file, password.expose_secret().as_bytes()).map_err(LabError::file(&file))?;
        let owner = Owner::of(folder.path())?;
        let mut initdb = Command::new(binaries.join("initdb"));
        initdb
            .arg("--pgdata")
            .arg(folder.path().join(DATA))
            .arg("--pwfile")
            .arg(&file)
            .args(["--username", USER, "--auth", "scram-sha-256"])
            .args(["--locale", "C", "--encoding", "UTF8", "--no-sync"])
            .current_dir(folder.path())
            .env("LC_ALL", "C");
        owner.runs(&mut initdb);
        run(initdb).await?;
        Self::start_in(folder, binaries, owner, password).await
    }

    /// Starts on a copy of what [`Self::stop_and_keep`] has kept; the programs must be of the same major version.
    pub async fn start_from(kept: &Path) -> Result<Self> {
        let binaries = find_binaries().ok_or(LabError::NoPostgres)?;
        let folder = Folder::new("postgres")?;
        for name in [DATA, PASSWORD] {
            copy(&kept.join(name), &folder.path().join(name)).await?;
        }
        let file = folder.path().join(PASSWORD);
        let password = std::fs::read_to_string(&file).map_err(LabError::file(&file))?;
        let owner = Owner::of(folder.path())?;
        Self::start_in(folder, binaries, owner, password.into()).await
    }

    async fn start_in(
        folder: Folder,
        binaries: PathBuf,
        owner: Owner,
        password: SecretString,
    ) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(binaries.join("postgres"));
        command
            .arg("-D")
            .arg(folder.path().join(DATA))
            .args(["-p", &port.to_string()])
            .current_dir(folder.path())
            .env("LC_ALL", "C");
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            // In the folder rather than in /dev/shm, where a killed one would leave it.
            "dynamic_shared_memory_type=mmap",
            "max_wal_size=2GB",
        ] {
            command.args(["-c", setting]);
        }
        owner.runs(&mut command);
        let log = folder.path().join("server.log");
        let process = Process::start("PostgreSQL", &mut command, &log)?;
        let mut postgres = Self {
            process: Some(process),
            binaries,
            folder,
            port,
            password,
        };
        postgres.ready().await?;
        Ok(postgres)
    }

    async fn ready(&mut self) -> Result<()> {
        let program = self.binaries.join("pg_isready");
        let port = self.port.to_string();
        let asked = || {
            let answer = tokio::process::Command::new(&program)
                .args(["--quiet", "--host", "127.0.0.1", "--port", &port])
                .args(["--username", USER, "--dbname", "postgres"])
                .stdin(Stdio::null())
                .status();
            async { answer.await.is_ok_and(|status| status.success()) }
        };
        match &mut self.process {
            Some(process) => {
                process
                    .ready_when(&format!("127.0.0.1:{port}"), asked)
                    .await
            }
            None => Ok(()),
        }
    }

    /// Makes an empty database.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let mut createdb = Command::new(self.binaries.join("createdb"));
        createdb
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--username", USER, "--template", "template0", name])
            .env("PGPASSWORD", self.password.expose_secret());
        run(createdb).await
    }

    /// How to reach a database.
    #[must_use]
    pub fn connection(&self, database: &str) -> Connection {
        Connection {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: USER.to_owned(),
            password: self.password.clone(),
            database: database.to_owned(),
        }
    }

    /// Its folder; the cluster and its log are in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process ID while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Ends it in good order and copies it into a folder that isn't there yet, for [`Self::start_from`].
    pub async fn stop_and_keep(mut self, folder: &Path) -> Result<()> {
        if let Some(process) = self.process.take() {
            // SIGINT: PostgreSQL's SIGTERM waits until the clients have gone.
            process.stop_by("INT").await?;
        }
        crate::secret::private_dir(folder).map_err(LabError::file(folder))?;
        for name in [DATA, PASSWORD] {
            copy(&self.folder.path().join(name), &folder.join(name)).await?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It has processes of its own, that have to be gone before their folder goes.
        if let Some(process) = self.process.take() {
            process.end_by("QUIT");
        }
    }
}

/// The major version of the programs that are there: the format of the data hangs on it.
pub(super) async fn major_version() -> Result<String> {
    let binaries = find_binaries().ok_or(LabError::NoPostgres)?;
    let mut command = Command::new(binaries.join("postgres"));
    command.arg("--version");
    let output = output(command).await?;
    // `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split_whitespace().nth(2).unwrap_or_default();
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    if major.is_empty() {
        return Err(failed(&binaries.join("postgres"), text));
    }
    Ok(major)
}

/// Runs a program that does one thing.
pub(super) async fn run(command: Command) -> Result<()> {
    output(command).await.map(drop)
}

async fn output(mut command: Command) -> Result<Output> {
    let program = PathBuf::from(command.get_program());
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output())
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(LabError::file(&program))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(failed(&program, last_lines(said.trim(), 5)))
}

fn failed(program: &Path, reason: String) -> LabError {
    LabError::Program {
        program: program
            .file_name()
            .unwrap_or_default()
            .display()
            .to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_program_is_named_with_what_it_said() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo no room >&2; exit 1"]);
        let error = run(command).await.unwrap_err();
        insta::assert_snapshot!(error, @"sh failed: no room");
    }

    #[test]
    fn without_postgresql_the_remedy_is_told() {
        insta::assert_snapshot!(
            LabError::NoPostgres,
            @"no PostgreSQL: install it (Debian and Ubuntu: the package postgresql) or put its folder with initdb and postgres on the PATH"
        );
    }
}

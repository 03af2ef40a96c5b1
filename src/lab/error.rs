//! What can go wrong with a throw-away server: the thing, and the remedy.

use std::path::PathBuf;

/// The result of anything in the lab that can fail.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

/// A failure of the lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Synapse needs Python.
    #[error(
        "python3 can't be started ({0}): install Python 3.10 or newer with its venv module (Debian: python3 and python3-venv)"
    )]
    NoPython(std::io::Error),

    /// Debian splits the module off.
    #[error("python3 has no venv module: install it (Debian and Ubuntu: the package python3-venv)")]
    NoVenv,

    /// `pip install` failed, or the environment can't be made.
    #[error("Synapse can't be installed into {folder}: {reason}")]
    Install {
        /// The virtual environment.
        folder: PathBuf,
        /// The last lines of what the installer said.
        reason: String,
    },

    /// Neither a home folder nor a cache folder is known.
    #[error("no folder for the lab's cache: set FERRYMAN_LAB_CACHE or HOME")]
    NoCache,

    /// Tuwunel isn't fetched or built here.
    #[error(
        "no Tuwunel binary: download one of Tuwunel's own releases (https://github.com/matrix-construct/tuwunel/releases) and set TUWUNEL_BIN to its path"
    )]
    NoTuwunel,

    /// PostgreSQL isn't installed here.
    #[error(
        "no PostgreSQL: install it (Debian and Ubuntu: the package postgresql) or put its folder with initdb and postgres on the PATH"
    )]
    NoPostgres,

    /// A program that does one thing and ends.
    #[error("{program} failed: {reason}")]
    Program {
        /// Its file name.
        program: String,
        /// The last lines of what it said.
        reason: String,
    },

    /// A throw-away server's database that can't be looked at.
    #[error("{path} can't be read as a database: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },

    /// Every port of the lab's range is taken.
    #[error("no free port on 127.0.0.1 between {0} and {1}: end what listens there")]
    NoPort(u16, u16),

    /// A server's program can't be started.
    #[error("{name} can't be started from {program}: {source}")]
    Spawn {
        /// Which server.
        name: String,
        /// What was to be run.
        program: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// A server ended while somebody waited for it.
    #[error("{name} ended ({status}) before it was ready; the end of its log:\n{log}")]
    Ended {
        /// Which server.
        name: String,
        /// Exit status.
        status: std::process::ExitStatus,
        /// Last lines.
        log: String,
    },

    /// A server runs, but doesn't answer.
    #[error("{name} does not answer at {url} after {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// Which server.
        name: String,
        /// What was asked.
        url: String,
        /// How long.
        seconds: u64,
        /// Last lines.
        log: String,
    },

    /// A file or a process of the lab.
    #[error("{path}: {source}")]
    File {
        /// The file, or the program.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// No answer to a request.
    #[error("{request} was not answered: {source}")]
    Unanswered {
        /// Method and path.
        request: String,
        /// The connection's failure.
        source: reqwest::Error,
    },

    /// An answer other than 2xx.
    #[error("{request} was answered with {status}: {body}")]
    Answer {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// The answer, with Matrix's `errcode` as a rule.
        body: serde_json::Value,
    },

    /// An answer of another shape than expected.
    #[error("{request} was answered without {field}: {body}")]
    Missing {
        /// Method and path.
        request: String,
        /// What is missing.
        field: &'static str,
        /// The answer.
        body: serde_json::Value,
    },

    /// A signing key can't be made, or doesn't sign.
    #[error("{key} can't sign: {reason}")]
    Key {
        /// The key's ID.
        key: String,
        /// Why.
        reason: String,
    },

    /// Something that should come of itself did not.
    #[error("{what} did not come within {seconds} s")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
}

impl LabError {
    /// A file's or a program's failure with its path.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// A database's failure with its path.
    pub fn database(path: impl Into<PathBuf>) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.into();
        move |source| Self::Database { path, source }
    }

    /// The `errcode` of a Matrix answer, if it is one.
    pub fn errcode(&self) -> Option<&str> {
        match self {
            Self::Answer { body, .. } => body["errcode"].as_str(),
            _ => None,
        }
    }
}

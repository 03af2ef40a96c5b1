//! What can go wrong, in one lower-case clause that names the thing and says what to do; and the exit code of each.

use std::{path::PathBuf, time::Duration};

/// The result of anything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure that an operator can meet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be used.
    #[error("{0}")]
    Config(String),

    /// A command's words make no sense.
    #[error("{0}")]
    Usage(String),

    /// No connection to a server, or no answer.
    #[error(
        "{server} at {url} does not answer ({reason}): check the address and that the server runs"
    )]
    Unreachable {
        /// "Synapse" or "Tuwunel" or "the target".
        server: &'static str,
        /// The base URL that was tried.
        url: String,
        /// The innermost cause.
        reason: String,
    },

    /// A server took a request and gave no answer in time.
    #[error(
        "{server} did not answer {request} within {seconds} s: look at its log and its load, then try again"
    )]
    Slow {
        /// Which server.
        server: &'static str,
        /// Method and path.
        request: String,
        /// How long it had.
        seconds: u64,
    },

    /// A server does not accept the token.
    #[error("{server} refuses the token ({errcode}): {remedy}")]
    Refused {
        /// Which server.
        server: &'static str,
        /// The Matrix error code of the answer.
        errcode: String,
        /// What the operator does about it.
        remedy: &'static str,
    },

    /// A server answered with an error.
    #[error("{server} answered {status} to {request}: {errcode} {message}")]
    Answer {
        /// Which server.
        server: &'static str,
        /// Method and path, without query (which may hold tokens).
        request: String,
        /// HTTP status.
        status: u16,
        /// The Matrix error code, or `-`.
        errcode: String,
        /// The server's own words.
        message: String,
        /// From `retry_after_ms` or `Retry-After`.
        retry_after: Option<Duration>,
    },

    /// A server's answer doesn't have the expected shape.
    #[error(
        "{server} gave an answer to {request} that can't be read ({reason}): is this address really {server}?"
    )]
    Malformed {
        /// Which server.
        server: &'static str,
        /// Method and path.
        request: String,
        /// What was wrong.
        reason: String,
    },

    /// The bundle is damaged or not a bundle.
    #[error("bundle {path}: {reason}")]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it, naming the file inside and the remedy.
        reason: String,
    },

    /// Synapse's database can't be opened or read, or is not one that is known.
    #[error("Synapse's database ({place}): {reason}")]
    Database {
        /// A file, or `PostgreSQL <database> at <host>`; never with the password.
        place: String,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A bot's crypto store can't be found or read.
    #[error("crypto store {path}: {reason}")]
    BotStore {
        /// Its folder or file.
        path: PathBuf,
        /// What is wrong with it and what to do; nothing of what is in it.
        reason: String,
    },

    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// The ledger can't be used.
    #[error(
        "ledger {path}: {source}: see that the disk has space and the file is yours, then run the command again"
    )]
    Ledger {
        /// The database file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },

    /// Another job of this installation is running.
    #[error("another job is running ({0}): wait for its end, or `cancel` it")]
    Busy(String),

    /// Another bot of this installation is running.
    #[error("another `ferryman run` works in {0}: stop it first")]
    Running(PathBuf),

    /// Another login bridge of this installation is running.
    #[error("another `ferryman login-bridge` works in {0}: stop it first")]
    Bridging(PathBuf),

    /// Something on the target has to be set up first.
    #[error("{0}")]
    Target(String),

    /// Something on the target is set up so that nothing can be carried over: it ends a job.
    #[error("{0}")]
    Setup(String),

    /// The job was asked to stop.
    #[error("stopped: start the same command again to go on from here")]
    Stopped,
}

/// How to go on after a failure; steps ask this and never count attempts themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A passing fault: at once, a few times.
    Retry,
    /// The server named a waiting time.
    RetryAfter(Duration),
    /// A person has to change something.
    Operator,
    /// The same request will fail again.
    Never,
}

impl Error {
    /// A file's failure with its path.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// What to do after it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Answer {
                retry_after: Some(after),
                ..
            } => Class::RetryAfter(*after),
            Self::Answer { status: 429, .. } => Class::RetryAfter(Duration::from_secs(1)),
            Self::Unreachable { .. }
            | Self::Answer {
                status: 500..=599, ..
            } => Class::Retry,
            Self::Answer { .. } | Self::Slow { .. } | Self::Malformed { .. } | Self::Stopped => {
                Class::Never
            }
            Self::Config(_)
            | Self::Usage(_)
            | Self::Refused { .. }
            | Self::Bundle { .. }
            | Self::Database { .. }
            | Self::BotStore { .. }
            | Self::File { .. }
            | Self::Ledger { .. }
            | Self::Busy(_)
            | Self::Running(_)
            | Self::Bridging(_)
            | Self::Setup(_)
            | Self::Target(_) => Class::Operator,
        }
    }

    /// The process's exit code: a documented interface (`docs/commands.md`), never renumbered.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Answer { .. }
            | Self::Slow { .. }
            | Self::Malformed { .. }
            | Self::File { .. }
            | Self::Ledger { .. } => 1,
            Self::Usage(_) => 2,
            Self::Config(_) => 3,
            Self::Unreachable { .. } => 4,
            Self::Refused { .. } => 5,
            Self::Bundle { .. } => 6,
            Self::Setup(_) | Self::Target(_) => 7,
            Self::Busy(_) | Self::Running(_) | Self::Bridging(_) => 9,
            Self::Stopped => 10,
            Self::Database { .. } => 11,
            Self::BotStore { .. } => 13,
        }
    }
}

/// The exit code of a run that came to its end but left something undone or different.
pub const EXIT_INCOMPLETE: u8 = 8;

/// The exit code of a check that found warnings and no errors.
pub const EXIT_WARNINGS: u8 = 12;

//! What an export brought.

use std::path::PathBuf;

use serde::Serialize;

use crate::{bundle::SourceKind, job::Problem};

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportSummary {
    /// The finished bundle.
    pub bundle: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// How Synapse was read.
    pub source: SourceKind,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Timeline events.
    pub events: u64,
    /// Requests sent to Synapse (Admin API) or 0.
    pub requests: u64,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
    /// What this reader can never see, with how to get it.
    pub unseen: Vec<Problem>,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
    /// Whether it is a list of what there is, from which nothing can be imported.
    pub inventory: bool,
    /// Whether Synapse could be read to the end.
    pub complete: bool,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

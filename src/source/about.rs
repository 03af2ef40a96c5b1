//! What a reader says of the server before it reads.

use ruma::OwnedServerName;

use crate::{bundle::SourceKind, job::Problem};

/// The step of problems that are no fault of an export: what its reader can never see.
pub const NOT_VISIBLE: &str = "not visible";

/// The server, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// How it is read.
    pub source: SourceKind,
    /// Whose users and rooms these are.
    pub server_name: OwnedServerName,
    /// As Synapse says it itself; the database doesn't tell.
    pub synapse_version: Option<String>,
    /// The newest event's position in Synapse's event stream; only the database tells.
    pub stream_position: Option<u64>,
    /// What this reader can never see, with how to get it: in the report, but no fault of this export.
    pub unseen: Vec<Problem>,
    /// What somebody should look at: background updates that are not done, say.
    pub warnings: Vec<Problem>,
}

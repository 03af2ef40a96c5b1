//! One entry of the bundle's `media_refs.json`: a local media item.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

/// What Synapse knows of an upload. Previews of web pages and thumbnails are not among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef {
    /// The last part of its `mxc://` URI.
    pub media_id: String,
    /// Who uploaded it.
    pub user_id: Option<OwnedUserId>,
    /// MIME type, as the uploader said.
    pub media_type: Option<String>,
    /// File name, as the uploader said.
    pub upload_name: Option<String>,
    /// Bytes; none if it was reserved and never uploaded.
    pub length: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub created_ts: Option<u64>,
    /// SHA-256 of the content in lower-case hex, where the content was read or Synapse has it.
    pub sha256: Option<String>,
    /// The admin who took it out of sight.
    pub quarantined_by: Option<String>,
    /// Protected from quarantine.
    #[serde(default)]
    pub safe_from_quarantine: bool,
}

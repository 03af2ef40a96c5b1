//! One device in the bundle's `devices.json` (user → `{devices: […]}`).

use serde::{Deserialize, Serialize};

/// A device as Synapse's Admin API gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device.
    pub device_id: String,
    /// Its name, if it has one.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Address of the last request.
    #[serde(default)]
    pub last_seen_ip: Option<String>,
    /// Client of the last request.
    #[serde(default)]
    pub last_seen_user_agent: Option<String>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_seen_ts: Option<u64>,
}

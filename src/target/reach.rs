//! Does the target reach the resident, by its name and with its certificate, or another server?

use ruma::ServerName;

use super::admin_room::{AdminRoom, failure};
use crate::{Error, Result};

/// What the command's reply begins with when a server has answered (`src/admin/debug/commands.rs` of 1.4.6,
/// `src/admin/debug/ping.rs` of 1.9.0).
const ANSWERED: &str = "Got response which took";

impl AdminRoom {
    /// Lets the target ask the resident for its version.
    pub async fn reach(&self, resident: &ServerName) -> Result<()> {
        let reply = self.ping(resident).await?;
        if reply.contains("Ferryman") {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "the target does not reach the resident {resident} ({}): on the target's machine, put a line with Ferryman's address and {} into /etc/hosts, let the target trust the certificate (allow_invalid_tls_certificates = true), and restart the target",
            failure(&reply),
            resident.host()
        )))
    }

    /// Lets the target ask another server for its version.
    pub async fn reach_other(&self, server: &ServerName) -> Result<()> {
        let reply = self.ping(server).await?;
        if reply.contains(ANSWERED) {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "the target does not reach {server} by federation ({}): see that {server} resolves on the target's machine and that its federation port is open, and that the target has no `trusted_servers` or name resolution left from a move with the same name",
            failure(&reply)
        )))
    }

    async fn ping(&self, server: &ServerName) -> Result<String> {
        self.run(&format!("debug ping {server}")).await
    }
}

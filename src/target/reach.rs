//! Does the target reach the resident, by its name and with its certificate?

use ruma::ServerName;

use super::admin_room::{AdminRoom, failure};
use crate::{Error, Result};

impl AdminRoom {
    /// Lets the target ask the resident for its version.
    pub async fn reach(&self, resident: &ServerName) -> Result<()> {
        let reply = self.run(&format!("debug ping {resident}")).await?;
        if reply.contains("Ferryman") {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "the target does not reach the resident {resident} ({}): on the target's machine, put a line with Ferryman's address and {} into /etc/hosts, let the target trust the certificate (allow_invalid_tls_certificates = true), and restart the target",
            failure(&reply),
            resident.host()
        )))
    }
}

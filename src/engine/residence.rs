//! The resident at work: it listens, and hands out the keys of a bundle.

use std::{collections::BTreeMap, sync::Arc};

use ruma::OwnedServerName;

use super::Engine;
use crate::{
    Result,
    bundle::Bundle,
    migration::plan::{Mode, Plan},
    resident::{App, Identity, Notary, OldServer, Resident, server, tls},
};

/// The server that may join through the resident. An import's is the target, which has the old server's name.
#[derive(Debug, Clone)]
pub struct Joiner {
    /// Its name.
    pub name: OwnedServerName,
    /// Its own address, from which its key is read.
    pub url: String,
    /// Its own public keys by ID, if it has the old server's name: then it looks for them with the resident, too.
    pub keys: BTreeMap<String, String>,
    /// Whether it insists on the old server's keys as that server signed them, as a Synapse does.
    pub wants_signed_keys: bool,
}

/// A resident that listens; its port closes when this is dropped.
#[derive(Debug)]
pub struct Residence {
    /// Rooms are opened here.
    pub resident: Arc<Resident>,
    _listener: server::Listener,
}

impl Engine {
    /// The old server's own voice, if the operator lends its key and the target can take what it says.
    pub(super) fn old_server(
        &self,
        bundle: &Bundle,
        plan: &Plan,
        target: &str,
    ) -> Result<Option<OldServer>> {
        let path = self.config.synapse.signing_key_for_receipts.as_ref();
        let Some(path) = path.filter(|_| plan.target.replay && plan.mode != Mode::Federation)
        else {
            return Ok(None);
        };
        let name = self.config.server_name.clone();
        let keys = bundle.server_keys()?.remove(&name).unwrap_or_default();
        OldServer::load(path, name, &keys, Arc::clone(&self.clock), target).map(Some)
    }

    /// Lets the resident listen with a bundle's keys, for one joiner; it serves no room yet.
    pub async fn reside(&self, bundle: &Bundle, joiner: Joiner) -> Result<Residence> {
        let keys = bundle.server_keys()?;
        let ours = &self.config.server_name;
        let dir = self.private_dir("resident")?;
        let settings = &self.config.resident;
        let identity = Identity::load(settings.name.clone(), &dir.join("signing.key.der"))?;
        let notary = Notary::new(ours, &keys, joiner.keys, joiner.wants_signed_keys);
        let resident = Arc::new(Resident::new(identity, joiner.name, notary));
        let app = App::new(Arc::clone(&resident), Arc::clone(&self.clock), &joiner.url)?;
        let certificate = tls::load(settings, &dir).await?;
        Ok(Residence {
            resident,
            _listener: server::listen(app, settings.listen, certificate).await?,
        })
    }
}

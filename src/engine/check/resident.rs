//! The resident: it listens, a question of the target's arrives, and the target asks it for keys.

use std::time::Duration;

use super::{
    super::doctor,
    Found,
    target::{self, Reached},
};
use crate::{
    Error,
    engine::Engine,
    migration::check::What,
    resident::{Resident, probe},
};

/// A target that asks others first, and gets no answer from them, needs long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn look(engine: &Engine, target: Option<&Reached>, found: &mut Found) {
    let url = &engine.config.target.url;
    let listening = match doctor::listen(engine, url).await {
        Ok(listening) => Some(listening),
        // A running import holds the address itself; what arrives there can't be seen from here.
        Err(Error::Target(_)) if doctor::answers(engine).await => None,
        Err(error) => {
            found.add(What::ResidentNotListening {
                reason: error.to_string(),
            });
            return;
        }
    };
    let Some(admin) = target.and_then(|target| target.admin.as_ref()) else {
        // Without an admin room nobody can make the target ask; that is told already.
        return;
    };
    let name = engine.config.resident.name.clone();
    let resident = listening.as_ref().map(|(_, resident)| &**resident);
    if let Err(error) = admin.reach(&name).await {
        found.add(unreached(&error));
        return;
    }
    let Some(resident) = resident else {
        found.add(What::Resident { name });
        return;
    };
    if resident.version_queries() == 0 {
        found.add(What::ResidentElsewhere { name });
        return;
    }
    found.add(What::Resident { name });
    trust(resident, url, found).await;
}

fn unreached(error: &Error) -> What {
    let reason = error.to_string();
    if target::is_federation_off(&reason) {
        What::FederationOff
    } else {
        What::ResidentUnreachable { reason }
    }
}

async fn trust(resident: &Resident, target: &str, found: &mut Found) {
    let name = resident.identity.name.clone();
    match probe::probe(resident, target, PATIENCE).await {
        Ok(asked) if asked.notary => {
            if asked.itself {
                found.add(What::KeysAskedElsewhere);
            }
        }
        Ok(asked) if asked.ended => found.add(What::ResidentNotTrusted { name }),
        Ok(_) => found.add(What::ResidentTrustUnknown { name }),
        Err(error) => found.add(What::TargetUnusable {
            reason: error.to_string(),
        }),
    }
}

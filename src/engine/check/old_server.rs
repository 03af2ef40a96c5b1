//! The old server, as a target with another name sees it: rooms are joined through it, and it hears of these joins.

use super::{
    super::doctor,
    Found,
    target::{Reached, is_federation_off},
};
use crate::{Error, engine::Engine, migration::check::What};

pub(super) async fn look(engine: &Engine, target: Option<&Reached>, found: &mut Found) {
    // It listens in every import.
    if let Err(error) = doctor::listen(engine, &engine.config.target.url).await
        && !(matches!(error, Error::Target(_)) && doctor::answers(engine).await)
    {
        let reason = error.to_string();
        found.add(What::ResidentNotListening { reason });
    }
    // Without an admin room nobody can make the target ask; that is told already.
    let Some(admin) = target.and_then(|target| target.admin.as_ref()) else {
        return;
    };
    let name = engine.config.source_name().clone();
    found.add(match admin.reach_other(&name).await {
        Ok(()) => What::OldServer { name },
        Err(error) => {
            let reason = error.to_string();
            if is_federation_off(&reason) {
                What::FederationOff
            } else {
                What::OldServerUnreachable { reason }
            }
        }
    });
}

//! The target: reachable, its tokens, its version, the bot's rights.

use std::collections::BTreeMap;

use super::{super::doctor, Found};
use crate::{
    Error, Result,
    engine::Engine,
    migration::{check::What, plan::Abilities},
    model::abilities::Tried,
    target::{Target, admin_room::AdminRoom},
};

/// A target that answers.
pub(super) struct Reached {
    pub(super) target: Target,
    pub(super) abilities: Abilities,
    /// If the bot is an admin there.
    pub(super) admin: Option<AdminRoom>,
    /// Its own current keys.
    pub(super) keys: BTreeMap<String, String>,
    /// Its time, and ours then.
    pub(super) date: Option<(u64, u64)>,
}

pub(super) async fn look(engine: &Engine, found: &mut Found) -> Option<Reached> {
    let asked = asked(engine).await;
    let mut reached = match asked {
        Ok(reached) => reached,
        Err(error) => {
            found.add(fault(&error));
            return None;
        }
    };
    version(&reached.abilities, found);
    let target = reached.target.clone();
    for token in [doctor::bot(&target).await, doctor::puppets(&target).await] {
        if let Err(error) = token {
            found.add(fault(&error));
        }
    }
    if let Err(error) = target.ping().await {
        found.add(What::BotUnreachable {
            url: engine.config.bot.url.clone(),
            reason: error.to_string(),
        });
    }
    if reached.abilities.replay {
        match target.admin_room().await {
            Ok(room) => reached.admin = Some(room),
            Err(error) => found.add(What::TargetNotAdmin {
                reason: error.to_string(),
            }),
        }
    }
    Some(reached)
}

async fn asked(engine: &Engine) -> Result<Reached> {
    let target = engine.target()?.hurried();
    let abilities = target.abilities().await?;
    let keys = target.server_keys().await?;
    // It has just answered: a clock that can't be seen now is not looked at.
    let date = target.date().await.unwrap_or_default();
    Ok(Reached {
        target,
        abilities,
        keys,
        date: date.map(|date| (date, engine.clock.now_ms())),
        admin: None,
    })
}

fn fault(error: &Error) -> What {
    let reason = error.to_string();
    match error {
        Error::Unreachable { .. } | Error::Slow { .. } => What::TargetUnreachable { reason },
        _ if is_federation_off(&reason) => What::FederationOff,
        // A token that is another's is an error of the target's, too.
        Error::Refused { .. } | Error::Target(_) => What::TargetToken { reason },
        _ => What::TargetUnusable { reason },
    }
}

/// Tuwunel's words where `allow_federation = false`: it says them to every question of federation, also to that for its
/// version (1.4.6).
pub(super) fn is_federation_off(reason: &str) -> bool {
    reason.contains("Federation is disabled")
}

fn version(abilities: &Abilities, found: &mut Found) {
    let software = abilities.software.clone();
    found.add(match abilities.tried() {
        _ if !abilities.replay => What::TargetNotTuwunel { software },
        Tried::Yes => What::Target { software },
        Tried::TooOld => What::TargetTooOld { software },
        Tried::TooNew => What::TargetUntried { software },
    });
}

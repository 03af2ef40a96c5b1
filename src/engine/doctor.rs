//! Is the installation itself sound? Everything is looked at, also after something was found bad.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use super::Engine;
use crate::{
    Error, Result,
    http::{Http, Request},
    kept::{ControlRoom, device::BotDevice},
    migration::outcome::{Finding, Health},
    resident::{App, Identity, Notary, Resident, server, tls},
    source::admin_api,
    target::Target,
};

fn finding(check: &str, result: Result<String>) -> Finding {
    let (state, text) = match result {
        Ok(text) => (Health::Good, text),
        Err(error) => (Health::Bad, error.to_string()),
    };
    Finding {
        check: check.to_owned(),
        state,
        text,
    }
}

/// All checks.
pub(super) async fn run(engine: &Engine) -> Vec<Finding> {
    let version = synapse(engine).await;
    let said = version.map(|version| format!("Synapse {version} obeys the admin's token"));
    let mut findings = vec![finding("synapse", said)];
    let target = match engine.target() {
        Ok(target) => target.hurried(),
        Err(error) => {
            findings.push(finding("target", Err(error)));
            return findings;
        }
    };
    let abilities = target.abilities().await;
    let replay = abilities.as_ref().is_ok_and(|abilities| abilities.replay);
    let reachable = abilities.is_ok();
    findings.push(finding(
        "target",
        abilities.map(|abilities| abilities.software),
    ));
    if !reachable {
        return findings;
    }
    findings.push(finding("bot's token", bot(&target).await));
    findings.push(finding("puppets' token", puppets(&target).await));
    findings.push(ping(engine, &target).await);
    findings.push(if replay {
        finding("admin", target.admin_room().await.map(|room| format!("the bot is in {}", room.room_id())))
    } else {
        Finding {
            check: "admin".to_owned(),
            state: Health::Warning,
            text: "this target has no admin room: it can only stand in for Tuwunel and takes no history".to_owned(),
        }
    });
    findings.push(if engine.config.renames() {
        old_server(engine, &target, replay).await
    } else {
        resident(engine, &target, replay).await
    });
    findings.extend(control_room(&engine.config.data_dir));
    findings
}

/// Whether the control room is encrypted, and by which device an operator knows the bot there.
fn control_room(dir: &Path) -> Option<Finding> {
    let room = match ControlRoom::load(dir).transpose()? {
        Ok(room) => room,
        Err(error) => return Some(finding("control room", Err(error))),
    };
    let said = if room.is_encrypted() {
        BotDevice::load(dir).and_then(|device| {
            let whole = device.filter(|device| device.fingerprint.is_some());
            let device = whole.ok_or_else(|| {
                Error::Target(format!(
                    "{} is encrypted and the bot has no device: start `ferryman run`, which makes one",
                    room.room_id
                ))
            })?;
            Ok(format!(
                "{} is encrypted; the bot's device there is {}, with the fingerprint {}",
                room.room_id,
                device.device,
                device.shown_fingerprint()
            ))
        })
    } else {
        Ok(format!(
            "{} is not encrypted: whoever runs the target can read it",
            room.room_id
        ))
    };
    Some(finding("control room", said))
}

/// Synapse's version, if it obeys the token.
pub(super) async fn synapse(engine: &Engine) -> Result<String> {
    let synapse = &engine.config.synapse;
    let client = admin_api::Client::new(synapse)?.hurried();
    client.check_admin().await
}

/// The bot's account, if its token is its own.
pub(super) async fn bot(target: &Target) -> Result<String> {
    let user = target.bot_whoami().await?;
    if user == target.bot {
        Ok(format!("it is {user}"))
    } else {
        Err(Error::Target(format!(
            "the bot's token belongs to {user} instead of {}: hand the target the registration of this configuration",
            target.bot
        )))
    }
}

/// Whose the puppets' token is.
pub(super) async fn puppets(target: &Target) -> Result<String> {
    target
        .puppets_whoami()
        .await
        .map(|user| format!("it is {user}, and may act for every user"))
}

/// Only `ferryman run` listens, so silence is no fault of a command in a shell.
async fn ping(engine: &Engine, target: &Target) -> Finding {
    match target.ping().await {
        Ok(()) => finding(
            "ping",
            Ok(format!(
                "the target reaches the bot at {}",
                engine.config.bot.url
            )),
        ),
        Err(error) => Finding {
            check: "ping".to_owned(),
            state: Health::Warning,
            text: format!(
                "the target gets no answer from the bot at {}: start `ferryman run`; if it runs, correct bot.url and register the bot again ({error})",
                engine.config.bot.url
            ),
        },
    }
}

/// Whether the target, which has another name, reaches the old server: rooms are joined through it, without the resident.
async fn old_server(engine: &Engine, target: &Target, replay: bool) -> Finding {
    // It listens in every import.
    match listen(engine, target.url()).await {
        Err(Error::Target(_)) if answers(engine).await => {}
        Err(error) => return finding("resident", Err(error)),
        Ok(_) => {}
    }
    let name = engine.config.source_name();
    let admin = if replay {
        target.admin_room().await.ok()
    } else {
        None
    };
    match admin {
        Some(room) => finding(
            "old server",
            room.reach_other(name)
                .await
                .map(|()| format!("the target reaches {name}")),
        ),
        None => Finding {
            check: "old server".to_owned(),
            state: Health::Warning,
            text: format!(
                "whether the target reaches {name} can only be seen by an admin of Tuwunel"
            ),
        },
    }
}

/// Whether the resident answers, here and as the target sees it.
async fn resident(engine: &Engine, target: &Target, replay: bool) -> Finding {
    let _listener = match listen(engine, target.url()).await {
        Ok(listener) => Some(listener),
        // A running import holds the address itself.
        Err(Error::Target(_)) if answers(engine).await => None,
        Err(error) => return finding("resident", Err(error)),
    };
    let name = &engine.config.resident.name;
    if !replay {
        return finding(
            "resident",
            Ok(format!(
                "{name} listens on {}",
                engine.config.resident.listen
            )),
        );
    }
    let Ok(room) = target.admin_room().await else {
        return Finding {
            check: "resident".to_owned(),
            state: Health::Warning,
            text: format!(
                "{name} listens; whether the target reaches it is seen once the bot is an admin"
            ),
        };
    };
    let reached = room.reach(name).await;
    finding(
        "resident",
        reached.map(|()| format!("the target reaches {name}")),
    )
}

/// A resident without rooms, for a target at an address; it listens until the listener is dropped.
pub(super) async fn listen(
    engine: &Engine,
    target: &str,
) -> Result<(server::Listener, Arc<Resident>)> {
    let dir = engine.private_dir("resident")?;
    let identity = Identity::load(
        engine.config.resident.name.clone(),
        &dir.join("signing.key.der"),
    )?;
    let resident = Arc::new(Resident::new(
        identity,
        engine.config.server_name.clone(),
        Notary::default(),
    ));
    let app = App::new(Arc::clone(&resident), engine.clock.clone(), target)?;
    let certificate = tls::load(&engine.config.resident, &dir).await?;
    let listener = server::listen(app, engine.config.resident.listen, certificate).await?;
    Ok((listener, resident))
}

/// Whether a resident of this installation listens already.
pub(super) async fn answers(engine: &Engine) -> bool {
    let Ok(http) = Http::new(
        "the resident",
        &format!("https://{}", engine.config.resident.listen),
        None,
        "",
    ) else {
        return false;
    };
    let answer = http.trusting_any_certificate().map(|http| async move {
        http.send::<Value>(&Request::get("/_matrix/federation/v1/version").once())
            .await
    });
    match answer {
        Ok(answer) => answer
            .await
            .is_ok_and(|version| version["server"]["name"] == json!("Ferryman")),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_room_and_its_device() {
        let dir = tempfile::tempdir().unwrap();
        assert!(control_room(dir.path()).is_none());
        let mut lines = Vec::new();
        let room_id = "!c:ferry.test".to_owned();
        for encrypted in [Vec::new(), vec![room_id.clone()]] {
            let room = ControlRoom {
                room_id: room_id.clone(),
                encrypted: encrypted.into_iter().collect(),
            };
            room.save(dir.path()).unwrap();
            lines.push(control_room(dir.path()).unwrap().text);
        }
        let mut device = BotDevice::begin(dir.path()).unwrap();
        device.device = "FERRYMANBOTABCDEFGH".into();
        device.save(dir.path()).unwrap();
        lines.push(control_room(dir.path()).unwrap().text);
        let (store, _) = crate::kept::device::store(dir.path()).unwrap();
        std::fs::write(store.join("matrix-sdk-crypto.sqlite3"), "").unwrap();
        device.fingerprint = Some("q1w2E3r4".into());
        device.save(dir.path()).unwrap();
        lines.push(control_room(dir.path()).unwrap().text);
        insta::assert_snapshot!(lines.join("\n"), @r"
        !c:ferry.test is not encrypted: whoever runs the target can read it
        !c:ferry.test is encrypted and the bot has no device: start `ferryman run`, which makes one
        !c:ferry.test is encrypted and the bot has no device: start `ferryman run`, which makes one
        !c:ferry.test is encrypted; the bot's device there is FERRYMANBOTABCDEFGH, with the fingerprint q1w2 E3r4
        ");
    }
}

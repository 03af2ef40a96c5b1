//! The control room: the configured one, the remembered one, or a new one.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::{client::Client, store::Store};
use crate::{Error, Result, config::Config};

/// The remembered room's name in the store.
const FACT: &str = "control_room";

/// The state that makes a room an encrypted one.
const ENCRYPTION: &str = "m.room.encryption";

/// Between two looks for an invite that was not told.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Finds, joins or makes the room. With a configured room that the bot may not join yet, it waits for the invite.
pub async fn enter(
    client: &Client,
    store: &Store,
    config: &Config,
    news: &Arc<Notify>,
) -> Result<String> {
    match &config.bot.control_room {
        Some(configured) => wait_for(client, configured.as_str(), news).await,
        None => own(client, store, config).await,
    }
}

/// The only way of encryption that there is.
fn encryption() -> Value {
    json!({"algorithm": "m.megolm.v1.aes-sha2"})
}

async fn wait_for(client: &Client, configured: &str, news: &Arc<Notify>) -> Result<String> {
    let mut told = false;
    loop {
        match client.join(configured).await {
            Ok(room) => return Ok(room),
            Err(Error::Answer {
                status: 400..=404,
                errcode,
                ..
            }) => {
                if !told {
                    tracing::warn!(
                        "waiting: invite {} to the control room {configured} ({errcode})",
                        client.user()
                    );
                    told = true;
                }
            }
            Err(error) => return Err(error),
        }
        let _either = tokio::time::timeout(LOOK_AGAIN, news.notified()).await;
    }
}

async fn own(client: &Client, store: &Store, config: &Config) -> Result<String> {
    if let Some(room) = store.fact(FACT)? {
        let joined = client.joined_rooms().await?.contains(&room);
        if joined || client.join(&room).await.is_ok() {
            if config.bot.encrypted && client.state(&room, ENCRYPTION, "").await?.is_none() {
                client.set_state(&room, ENCRYPTION, &encryption()).await?;
                tracing::info!("the control room {room} is encrypted from now on");
            }
            return Ok(room);
        }
        tracing::warn!("the bot is no longer in its control room {room}: making a new one");
    }
    let mut powers = Map::new();
    powers.insert(client.user().to_owned(), json!(100));
    for operator in &config.operators {
        powers.insert(operator.to_string(), json!(100));
    }
    let mut initial_state = Vec::new();
    if config.bot.encrypted {
        initial_state.push(json!({"type": ENCRYPTION, "state_key": "", "content": encryption()}));
    }
    let room = client
        .create_room(&json!({
            "name": "Ferryman",
            "topic": "The move from Synapse to Tuwunel. !ferry help",
            "preset": "private_chat",
            "visibility": "private",
            // A version in which the creator has a power level like everybody, and that every target knows.
            "room_version": "11",
            "initial_state": initial_state,
            "power_level_content_override": {"users": powers},
        }))
        .await?;
    store.set_fact(FACT, &room)?;
    tracing::info!("made the control room {room}");
    Ok(room)
}

/// Invites the operators who have an account by now and are not in the room; none of this is fatal.
pub async fn invite_operators(client: &Client, room: &str, config: &Config) {
    for operator in &config.operators {
        let user = operator.as_str();
        let membership = match client.state(room, "m.room.member", user).await {
            Ok(content) => {
                content.and_then(|content| Some(content.get("membership")?.as_str()?.to_owned()))
            }
            Err(error) => {
                tracing::warn!("the membership of {user} can't be read: {error}");
                continue;
            }
        };
        // Who left or was removed is not called back.
        if membership.is_some() {
            continue;
        }
        let is_local = operator.server_name() == config.server_name;
        if is_local && !matches!(client.exists(user).await, Ok(true)) {
            tracing::info!(
                "{user} has no account on the target yet: invited as soon as it has one"
            );
            continue;
        }
        if let Err(error) = client.invite(room, user).await {
            tracing::warn!("{user} can't be invited: {error}");
        }
    }
}

#[cfg(test)]
mod tests;

//! The device's own sync: keys, other people's devices, members.

use std::{sync::Arc, time::Duration};

use matrix_sdk::{
    config::SyncSettings,
    ruma::api::client::{
        filter::{Filter, FilterDefinition, RoomEventFilter, RoomFilter},
        sync::sync_events::v3::Filter as SyncFilter,
    },
};

use super::{Own, failed, is_void};
use crate::{Error, Result};

/// The target holds a sync for so long if there is nothing new.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after one that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Nothing but the control room, and of that only what a device needs: messages come another way.
fn settings(own: &Own, timeout: Duration) -> SyncSettings {
    let mut room = RoomFilter::empty();
    room.rooms = Some(vec![own.room.clone()]);
    room.ephemeral = RoomEventFilter::ignore_all();
    room.account_data = RoomEventFilter::ignore_all();
    let mut filter = FilterDefinition::empty();
    filter.presence = Filter::ignore_all();
    filter.account_data = Filter::ignore_all();
    filter.room = room;
    SyncSettings::new()
        .timeout(timeout)
        .filter(SyncFilter::FilterDefinition(filter))
}

/// Uploads the device's keys, and has them signed where the target lets the bot do that alone.
pub(super) async fn first(own: &Own) -> Result<()> {
    once(own).await?;
    let encryption = own.sdk().encryption();
    if let Err(error) = encryption.bootstrap_cross_signing_if_needed(None).await {
        tracing::warn!(
            "the bot's device is not signed by an identity of the bot's, so clients may warn of it: {error}"
        );
    }
    Ok(())
}

/// One sync that doesn't wait.
pub(super) async fn once(own: &Own) -> Result<()> {
    match wait(own, Duration::ZERO).await {
        Err(error) if is_void(&error.1) => {
            own.renew(&error.0).await?;
            wait(own, Duration::ZERO).await
        }
        other => other,
    }
    .map_err(|(_, error)| failed("its sync", &error.to_string()))
}

/// An error comes with the client that it is about.
async fn wait(own: &Own, timeout: Duration) -> Result<(), (matrix_sdk::Client, matrix_sdk::Error)> {
    let sdk = own.sdk();
    match sdk.sync_once(settings(own, timeout)).await {
        Ok(answer) => {
            if !answer.to_device.is_empty() {
                own.news.notify_one();
            }
            Ok(())
        }
        Err(error) => Err((sdk, error)),
    }
}

/// Syncs until it is aborted.
pub(super) async fn forever(own: Arc<Own>) {
    let mut told = false;
    loop {
        let failure: Error = match wait(&own, LONGEST).await {
            Ok(()) => {
                own.health.device(true);
                told = false;
                continue;
            }
            Err((sdk, error)) if is_void(&error) => match own.renew(&sdk).await {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err((_, error)) => failed("its sync", &error.to_string()),
        };
        own.health.device(false);
        if !told {
            tracing::warn!("{failure}");
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

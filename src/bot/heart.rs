//! The heartbeat: whether the target still answers the bot.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::client::Client;
use crate::{clock::Clock, monitor::health::Health};

/// Between two beats.
const PAUSE: Duration = Duration::from_secs(15);

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// Beats for ever.
pub(super) async fn beat(client: &Client, health: &Health, clock: &Arc<dyn Clock>) -> Infallible {
    let client = client.hurried();
    loop {
        let said = match timeout(PATIENCE, client.whoami()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        let is_news = health.heartbeat(said.is_ok(), clock.now_ms());
        match said {
            Err(reason) if is_news => tracing::warn!("the target is away: {reason}"),
            Ok(()) if is_news => tracing::info!("the target is there again"),
            _ => {}
        }
        sleep(PAUSE).await;
    }
}

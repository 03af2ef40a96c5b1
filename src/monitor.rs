//! What machines ask of a running `ferryman run`, and what it tells systemd. Nothing here changes anything.

use std::sync::Arc;

use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Error, Result, engine::Engine, operation::Board};

mod facts;
pub mod health;
mod listener;
pub mod metrics;
mod systemd;

#[cfg(test)]
mod tests;

use health::Health;

/// What is watched.
#[derive(Clone)]
pub struct Monitor {
    /// What the bot says of itself.
    pub health: Arc<Health>,
    /// The installation, for its ledger and its list of orders.
    pub engine: Engine,
    /// The job that runs in this process.
    pub board: Board,
}

/// The watching; it ends with the value.
pub struct Watching {
    health: Arc<Health>,
    tasks: Vec<JoinHandle<()>>,
}

impl Monitor {
    /// Listens where `metrics.listen` says, if it says anything, and tells systemd, if it started us.
    pub async fn begin(self) -> Result<Watching> {
        let health = Arc::clone(&self.health);
        let mut tasks = Vec::new();
        if let Some(address) = self.engine.config.metrics.listen {
            let socket = TcpListener::bind(address).await.map_err(|error| {
                Error::Config(format!(
                    "metrics.listen: {address} can't be used ({error}): stop what listens there, or choose another"
                ))
            })?;
            tracing::info!("health and metrics on {address}");
            let router = listener::router(self.clone());
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(socket, router).await {
                    tracing::error!("the listener of health and metrics has ended: {error}");
                }
            }));
        }
        if systemd::listens() {
            tasks.push(tokio::spawn(systemd::tell(self)));
        }
        Ok(Watching { health, tasks })
    }
}

impl Watching {
    /// The bot ends, because somebody asked it to.
    pub fn stopping(&self) {
        self.health.stopping();
        systemd::stopping();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

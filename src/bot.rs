//! The application service.
use crate::{Result, engine::Engine};
use std::future::Future;
/// Runs the bot until `stop` comes.
pub async fn run(_engine: Engine, stop: impl Future<Output = ()>) -> Result<()> {
    stop.await;
    Ok(())
}

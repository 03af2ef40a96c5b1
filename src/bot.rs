//! The application service: listener, self-test, control room, and the worker that obeys.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

use crate::{
    Error, Result,
    config::Config,
    engine::Engine,
    monitor::{Monitor, health::Health},
    operation::{Operation, Runner, Surface, lock::RunLock, watch::Pace},
    report::{self, notice},
};

mod answers;
pub mod client;
pub mod control_room;
mod decide;
pub mod encryption;
mod hearing;
mod heart;
pub mod listener;
mod orders;
pub mod rights;
pub mod self_test;
pub mod store;
mod talk;
mod telling;
pub mod voice;
pub mod worker;

use client::Client;
use encryption::{Cipher, Device};
use listener::Listener;
use store::Store;
use voice::{Open, Voice};
use worker::Worker;

/// The pause before the second try of a request.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The pause before a message that could not be sent is sent again.
const AGAIN: Duration = Duration::from_secs(5);

/// What ends before this shows no progress at all.
const FIRST_SIGN: Duration = Duration::from_millis(700);

/// Without news, progress is shown so often.
const QUIET: Duration = Duration::from_mins(1);

/// Runs the bot until `stop` comes, or until something makes it impossible.
pub async fn run(engine: Engine, stop: impl Future<Output = ()>) -> Result<()> {
    let config = Arc::clone(&engine.config);
    let _only = RunLock::take(&config.data_dir)?;
    let runner = Operation::new(engine.clone(), Surface::Room);
    let health = Arc::<Health>::default();
    let monitor = Monitor {
        health: Arc::clone(&health),
        engine: engine.clone(),
        board: Arc::clone(runner.board()),
    };
    let watching = monitor.begin().await?;
    let store = Store::open(&config.data_dir)?;
    store.prune(engine.clock.now_ms())?;
    let news = Arc::new(Notify::new());
    let (stopping, stopped) = watch::channel(false);
    let socket = TcpListener::bind(config.bot.listen).await.map_err(|error| {
        Error::Config(format!(
            "bot.listen: {} can't be used ({error}): stop what listens there, or choose another",
            config.bot.listen
        ))
    })?;
    tracing::info!("listening on {}", config.bot.listen);
    let router = listener::router(Listener {
        store: store.clone(),
        hs_token: Arc::new(engine.tokens.bot_hs.clone()),
        bot_id: config.bot_id().into(),
        news: Arc::clone(&news),
        clock: Arc::clone(&engine.clock),
        health: Arc::clone(&health),
    });
    let mut closing = stopped.clone();
    let server = tokio::spawn(async move {
        axum::serve(socket, router)
            .with_graceful_shutdown(async move {
                let _gone = closing.changed().await;
            })
            .await
    });
    let work = live((engine, runner), store, (news, health), stopped);
    tokio::pin!(work, stop);
    let result = tokio::select! {
        result = &mut work => result,
        () = stop => {
            tracing::info!("stopping");
            watching.stopping();
            let _gone = stopping.send(true);
            work.await
        }
    };
    let _gone = stopping.send(true);
    // A connection that a homeserver keeps open is no reason to stay.
    let _either = tokio::time::timeout(Duration::from_secs(2), server).await;
    result
}

/// Self-test, control room, work.
async fn live(
    (engine, runner): (Engine, Operation),
    store: Store,
    (news, health): (Arc<Notify>, Arc<Health>),
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let config = Arc::clone(&engine.config);
    let clock = Arc::clone(&engine.clock);
    let client = Client::new(
        &config.target.url,
        engine.tokens.bot_as.clone(),
        &config.bot_id(),
        FIRST_PAUSE,
    )?;
    let prepared = async {
        let found = self_test::run(&client, &config, clock.now_ms()).await?;
        for warning in &found.warnings {
            tracing::warn!("{warning}");
        }
        let room = control_room::enter(&client, &store, &config, &news).await?;
        let device = opener(&client, &config, &room, (&news, &health));
        let voice = Voice::new(&client, &room, &config.data_dir, device)?;
        if !voice.follow().await? && config.bot.encrypted {
            return Err(Error::Target(format!(
                "bot.encrypted asks for an encrypted control room, and {room} is not: turn on its encryption"
            )));
        }
        control_room::invite_operators(&client, &room, &config).await;
        let ready = report::bot::ready(&found.software, &found.warnings);
        let txn = format!("ferryman-ready-{}", clock.now_ms());
        voice.send(&txn, &notice::content(&ready)).await?;
        tracing::info!("ready in {room}, with {}", found.software);
        Ok::<_, Error>(voice)
    };
    let voice = tokio::select! {
        voice = prepared => voice?,
        _ = stop.changed() => return Ok(()),
    };
    health.entered();
    let heart = (client.clone(), Arc::clone(&clock));
    let every = config.bot.edit_every;
    let worker = Worker {
        runner,
        client,
        store,
        config,
        clock,
        health: Arc::clone(&health),
        room: voice.room().to_owned(),
        voice,
        news,
        pace: Pace {
            first: FIRST_SIGN,
            every,
            quiet: QUIET.max(every),
        },
        running: std::sync::Mutex::default(),
        stopping: watch::Sender::default(),
        again: AGAIN,
    };
    tokio::select! {
        ended = Arc::new(worker).work(stop) => ended,
        never = heart::beat(&heart.0, &health, &heart.1) => match never {},
    }
}

/// What makes the bot's device once it is needed.
fn opener(
    client: &Client,
    config: &Arc<Config>,
    room: &str,
    (news, health): (&Arc<Notify>, &Arc<Health>),
) -> Arc<Open> {
    let (client, config, room) = (client.clone(), Arc::clone(config), room.to_owned());
    let (news, health) = (Arc::clone(news), Arc::clone(health));
    Arc::new(move || {
        let (client, config, room) = (client.clone(), Arc::clone(&config), room.clone());
        let (news, health) = (Arc::clone(&news), Arc::clone(&health));
        Box::pin(async move {
            let device = Device::open(&client, &config, &room, (&news, &health)).await?;
            Ok(Arc::new(device) as Arc<dyn Cipher>)
        })
    })
}

#[cfg(test)]
mod tests;

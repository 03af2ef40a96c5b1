//! The shell's side: the same commands as in the room, with exit codes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use args::{Cli, Order};
use serde_json::json;

use crate::{
    Error, Result,
    bot_keys::cross_check,
    clock::{Clock, SystemClock},
    command::{CARRYING, Command},
    config::{
        Tokens,
        load::{self, Loaded},
    },
    engine::Engine,
    operation::{
        Answer, Operation, Surface,
        bot_keys::{Alone, needs_configuration},
        lock::{BridgeLock, running},
    },
    report,
};

mod answer;
pub mod args;
pub mod lines;
pub mod logging;
mod manual;
mod shared;
pub mod signals;
mod terminal;

/// Does what the command line says; the number is the process's exit code.
pub async fn run(cli: Cli) -> Result<u8> {
    let path = cli.config.or_else(|| {
        std::env::var_os("FERRYMAN_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    let json = cli.json;
    match cli.command {
        Order::Demo(_) | Order::Run | Order::LoginBridge(_) if json => Err(Error::Usage(
            "demo, run and login-bridge have no lines of JSON: leave --json out".to_owned(),
        )),
        Order::Demo(demo) => crate::demo::run(&demo).await,
        Order::Completions(wanted) => {
            let text = manual::completions(wanted.shell);
            Ok(answer::end(json, &answer::as_it_is(text.trim_end())))
        }
        Order::Man(man) => {
            let pages = manual::write(&man.out)?;
            Ok(answer::end(
                json,
                &Answer::of(report::manual::written(pages, &man.out)),
            ))
        }
        Order::SledRows => tokio::task::block_in_place(cross_check::serve).map(|()| 0),
        // Help must work before there is a configuration.
        Order::Shared(Command::Help(help)) => {
            let name = help.name();
            let text = crate::command::help::text(args::declaration(), name.as_deref())?;
            Ok(answer::end(json, &answer::as_it_is(&text)))
        }
        Order::CheckConfig => {
            let loaded = load::load(path.as_deref(), load::environment())?;
            let text = report::config::text(&loaded.settings, &loaded.warnings);
            let settings = loaded.settings.iter();
            let data = settings
                .map(|(key, value, from)| json!({"key": key, "value": value, "from": from}))
                .collect();
            let answer = Answer {
                data: Some(data),
                ..answer::as_it_is(&text)
            };
            Ok(answer::end(json, &answer))
        }
        Order::Registration(registration) => {
            let config = loaded(path.as_deref())?.config;
            let written = crate::registration::write(&config, registration.force)?;
            let text = report::registration::markdown(&written, &config);
            Ok(answer::end(json, &Answer::of(text)))
        }
        Order::Run => {
            let config = loaded(path.as_deref())?.config;
            let tokens = Tokens::load(&config.data_dir)?;
            crate::bot::run(engine(config, tokens), signals::stop()).await?;
            Ok(0)
        }
        Order::LoginBridge(bridge) => {
            let config = loaded(path.as_deref())?.config;
            let _lock = BridgeLock::take(&config.data_dir)?;
            // It would find half of the accounts.
            let job = running(&config.data_dir);
            if let Some(job) = job.filter(|job| CARRYING.contains(&job.name.as_str())) {
                return Err(Error::Busy(job.told()));
            }
            let tokens = Tokens::load_or_random(&config.data_dir)?;
            let engine = engine(config, tokens);
            let opened = engine.login_bridge(bridge.bundle, bridge.days).await?;
            let text = report::login_bridge::opened(&opened, &engine.config);
            answer::say(&report::plain::plain(&text));
            let ended = opened.bridge.run(signals::stop()).await?;
            answer::say(&report::plain::plain(&report::login_bridge::ended(&ended)));
            Ok(0)
        }
        // Bots live on any homeserver.
        Order::Shared(Command::BotKeys(order)) if !needs_configuration(&order)? => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let alone = Alone::new(Arc::clone(&clock));
            shared::run(&alone, Command::BotKeys(order), &clock, json).await
        }
        Order::Shared(command) => {
            let config = match (loaded(path.as_deref()), &command) {
                (Err(Error::Config(text)), Command::BotKeys(_)) => {
                    return Err(Error::Config(format!(
                        "say where the bot's account is, with --homeserver, or give a configuration whose application service acts as the bot: {text}"
                    )));
                }
                (loaded, _) => loaded?.config,
            };
            let tokens = if command.needs_tokens() {
                Tokens::load(&config.data_dir)?
            } else {
                Tokens::load_or_random(&config.data_dir)?
            };
            let engine = engine(config, tokens);
            let clock = Arc::clone(&engine.clock);
            let operation = Operation::new(engine, Surface::Shell);
            shared::run(&operation, command, &clock, json).await
        }
    }
}

fn loaded(path: Option<&Path>) -> Result<Loaded> {
    let loaded = load::load(path, load::environment())?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded)
}

fn engine(config: crate::config::Config, tokens: Tokens) -> Engine {
    Engine::new(Arc::new(config), Arc::new(tokens), Arc::new(SystemClock))
}

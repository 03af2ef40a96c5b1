//! The log: on standard error, as much as `FERRYMAN_LOG` or `RUST_LOG` says.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::terminal::AboveBar;
use crate::{Error, Result};

/// Starts it. The bot and the login bridge tell what they do; the other commands only what is wrong.
/// What goes wrong with the bot's device is told in our own words, so its library is silent.
pub fn start(is_service: bool) -> Result<()> {
    let default = if is_service {
        "warn,matrix_sdk=off,matrix_sdk_base=error,matrix_sdk_crypto=error,ferryman=info"
    } else {
        "warn"
    };
    let asked = ["FERRYMAN_LOG", "RUST_LOG"].iter().find_map(|name| {
        Some((
            name,
            std::env::var(name).ok().filter(|text| !text.is_empty())?,
        ))
    });
    let filter = match asked {
        None => EnvFilter::new(default),
        Some((name, text)) => EnvFilter::try_new(&text).map_err(|error| {
            Error::Config(format!(
                "{name} can't be read ({error}): write it as info, or as warn,ferryman=debug"
            ))
        })?,
    };
    // A second start, as in tests, keeps the first one's settings.
    let _already = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| AboveBar)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
    Ok(())
}

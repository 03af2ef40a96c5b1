//! The start: versions → account → whoami → ping → admin rights. The first failure ends it, with its remedy.

use super::client::Client;
use crate::{Error, Result, config::Config};

/// What the start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `Tuwunel 1.9.0`.
    pub software: String,
    /// What works, but somebody should know.
    pub warnings: Vec<String>,
}

/// Goes through all steps.
pub async fn run(client: &Client, config: &Config, now_ms: u64) -> Result<Found> {
    let client = &client.hurried();
    client.versions().await?;
    account(client, config).await?;
    let mut found = Found {
        software: client
            .software()
            .await
            .unwrap_or_else(|| "unknown server software".to_owned()),
        warnings: Vec::new(),
    };
    ping(client, config, now_ms, &mut found).await?;
    if found.software.to_lowercase().starts_with("tuwunel") {
        admin(client, config).await?;
    } else {
        found.warnings.push(format!(
            "the target is {}, not Tuwunel: it takes accounts and joins, but no history",
            found.software
        ));
    }
    Ok(found)
}

async fn account(client: &Client, config: &Config) -> Result<()> {
    let bot = config.bot_id();
    let said = match client.register(&config.bot.localpart).await {
        Ok(()) => client.whoami().await,
        Err(error) => Err(error),
    };
    match said {
        Ok(user) if user == bot => Ok(()),
        Ok(user) => Err(Error::Target(format!(
            "the target takes the bot for {user}, not {bot}: check server_name and bot.localpart, then register again what `ferryman registration --force` writes"
        ))),
        Err(Error::Answer { errcode, .. })
            if matches!(
                errcode.as_str(),
                "M_EXCLUSIVE" | "M_FORBIDDEN" | "M_INVALID_USERNAME"
            ) =>
        {
            Err(Error::Target(format!(
                "the registered bot is not {bot} ({errcode}): check server_name and bot.localpart, then register again what `ferryman registration --force` writes"
            )))
        }
        Err(error) => Err(error),
    }
}

async fn ping(client: &Client, config: &Config, now_ms: u64, found: &mut Found) -> Result<()> {
    let url = &config.bot.url;
    let Err(error) = client.ping(&format!("ferryman-{now_ms}")).await else {
        return Ok(());
    };
    let Error::Answer {
        status,
        errcode,
        message,
        ..
    } = &error
    else {
        return Err(error);
    };
    Err(Error::Target(match (*status, errcode.as_str()) {
        (404 | 405, "M_UNRECOGNIZED" | "-") => {
            found.warnings.push(
                "the target can't be asked whether it reaches the bot; if commands stay unanswered, check bot.url".to_owned(),
            );
            return Ok(());
        }
        (_, "M_URL_NOT_SET") => format!(
            "the bot is registered without a url: register ferryman.yaml, which has {url}"
        ),
        (403, _) => "the bot's token belongs to another registration: register ferryman.yaml under its own id".to_owned(),
        (_, "M_BAD_STATUS") => stranger(url),
        // Tuwunel 1.4.6 has no code of its own for it.
        _ if message.contains("403 Forbidden") => stranger(url),
        _ => format!(
            "the target does not reach the bot ({errcode} {message}): the registered url must be bot.url ({url}), and lead to bot.listen ({})",
            config.bot.listen
        ),
    }))
}

fn stranger(url: &str) -> String {
    format!(
        "the target reaches {url}, but is not let in: it has another hs_token, so register ferryman.yaml again, or something else listens there"
    )
}

async fn admin(client: &Client, config: &Config) -> Result<()> {
    let alias = format!("#admins:{}", config.server_name);
    let bot = config.bot_id();
    let Some(room) = client.resolve(&alias).await? else {
        return Err(Error::Target(format!(
            "the target has no admin room {alias}: check server_name; if that is right, create the room or set its alias again"
        )));
    };
    if client.joined_rooms().await?.contains(&room) || client.join(&room).await.is_ok() {
        return Ok(());
    }
    Err(Error::Target(format!(
        "{bot} is no admin of the target: send `!admin users make-user-admin {bot}` in {alias}, then start again"
    )))
}

#[cfg(test)]
mod tests;

//! From the words of an order to what is done for each bot.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ruma::{OwnedUserId, UserId};

use super::Asker;
use crate::{
    Error, Result,
    bot_keys::{
        account::Door,
        errand::Errand,
        key_backup::enable::Wanted,
        list::{self, Listed, secret},
    },
    command::bot_keys::{BotKeys, Reading, Step, Who, storage},
    operation::Surface,
    secret::SecretString,
};

/// All but what every file system takes.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'=')
    .remove(b':');

/// The folder of all bots' folders, where a configuration has one.
const FOLDER: &str = "bot-keys";

/// The application service that acts as bots.
#[derive(Debug, Clone)]
pub struct Service {
    /// The target's base URL.
    pub homeserver: String,
    /// The application service's token.
    pub token: SecretString,
}

/// What an installation says of bots.
#[derive(Debug, Clone)]
pub struct Known {
    /// The list of the configuration.
    pub list: Option<PathBuf>,
    /// Who acts as bots that have no token.
    pub service: Option<Service>,
    /// Where the files of all go.
    pub data_dir: Option<PathBuf>,
    /// Who asks.
    pub surface: Surface,
}

impl Known {
    /// Where there is no configuration.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            list: None,
            service: None,
            data_dir: None,
            surface: Surface::Shell,
        }
    }
}

/// Whether an order of the shell's needs the configuration: the list in it, or the application service.
pub fn needs_configuration(order: &BotKeys) -> Result<bool> {
    let Some(who) = order.who() else {
        return Ok(false);
    };
    // Its folder of data is where the files of bots go that are named.
    let is_named = who.list.is_some() || !who.bots.is_empty();
    let needs_folder = is_named && who.into.is_none();
    let Some(door) = order.door() else {
        return Ok(needs_folder || who.list.is_none() && is_named && !who.place.is_given());
    };
    match &who.list {
        Some(list) => {
            let bots = list::read(list)?;
            Ok(needs_folder || bots.iter().any(|bot| bot.homeserver.is_none()))
        }
        None => Ok(door.homeserver.is_none()),
    }
}

/// What is done for each bot that an order is for. What is wrong with one bot of a list is for that one alone.
pub(super) fn errands(order: &BotKeys, known: &Known, asker: &Asker) -> Result<Vec<OfBot>> {
    let Some(who) = order.who() else {
        return Ok(Vec::new());
    };
    if let Some(path) = chosen_list(order, who, known)? {
        let bots = of_list(&list::read(&path)?, &who.bots, &path)?;
        for_one_only(order, &bots)?;
        not_beside_a_list(order)?;
        let base = who.into.clone();
        let base = base.or_else(|| known.data_dir.as_ref().map(|dir| dir.join(FOLDER)));
        let base = base.ok_or_else(|| {
            Error::Usage("say where the bots' files go: name a folder with --into".to_owned())
        })?;
        let of_bot = |bot: Listed| (Some(bot.user.clone()), listed(order, bot, &base, known));
        return Ok(bots.into_iter().map(of_bot).collect());
    }
    let errand = single(order, who, known, asker)?;
    Ok(vec![(errand.user.clone(), Ok(errand))])
}

/// A bot, as far as it is known, and what is done for it.
pub(super) type OfBot = (Option<OwnedUserId>, Result<Errand>);

/// The list that is meant: nothing where a bot is described by options.
fn chosen_list(order: &BotKeys, who: &Who, known: &Known) -> Result<Option<PathBuf>> {
    let has_own_door = order.door().is_some_and(|door| door.homeserver.is_some());
    match known.surface {
        Surface::Room => known.list.clone().map(Some).ok_or_else(|| {
            Error::Usage(
                "there is no list of bots: write one (docs/bots.md), and name it as bot_keys.list in the configuration"
                    .to_owned(),
            )
        }),
        Surface::Shell => {
            if let Some(list) = &who.list {
                return Ok(Some(list.clone()));
            }
            let is_described = who.place.is_given() || has_own_door;
            Ok(known.list.clone().filter(|_| !is_described))
        }
    }
}

fn of_list(all: &[Listed], wanted: &[OwnedUserId], path: &Path) -> Result<Vec<Listed>> {
    if wanted.is_empty() {
        return Ok(all.to_vec());
    }
    wanted
        .iter()
        .map(|user| {
            let bot = all.iter().find(|bot| bot.user == *user);
            bot.cloned().ok_or_else(|| {
                Error::Usage(format!(
                    "{user} is not in the list of bots {}: add it there",
                    path.display()
                ))
            })
        })
        .collect()
}

/// An error where an option would say once more, for all bots, what the list says of each.
fn not_beside_a_list(order: &BotKeys) -> Result<()> {
    let reading = order.reading().and_then(|it| it.store_passphrase.as_ref());
    let recovery = order.recovery();
    let given = [
        (
            reading.is_some(),
            "--store-passphrase",
            "store_passphrase_file",
        ),
        (
            recovery.is_some_and(|it| it.recovery_key.is_some()),
            "--recovery-key",
            "recovery_key_file",
        ),
        (
            recovery.is_some_and(|it| it.recovery_passphrase.is_some()),
            "--recovery-passphrase",
            "recovery_passphrase_file",
        ),
        (
            order.door().is_some_and(|it| it.token_file.is_some()),
            "--token-file",
            "token_file",
        ),
    ];
    match given.into_iter().find(|(is_given, ..)| *is_given) {
        Some((_, option, field)) => Err(Error::Usage(format!(
            "{option} is not taken beside a list: write {field} into the list"
        ))),
        None => Ok(()),
    }
}

/// An error where several bots would have to share what an option names.
fn for_one_only(order: &BotKeys, bots: &[Listed]) -> Result<()> {
    let option = match &order.step {
        Step::DeleteDevice(_) if bots.len() > 1 => {
            return Err(Error::Usage(
                "delete-device is for one bot at a time: name it".to_owned(),
            ));
        }
        Step::Extract(step) => [
            step.output.as_ref().map(|_| "--output"),
            step.failed_output.as_ref().map(|_| "--failed-output"),
            step.export.as_ref().map(|_| "--export"),
        ]
        .into_iter()
        .flatten()
        .next(),
        _ => order.keys().map(|_| "--keys"),
    };
    match option {
        Some(option) if bots.len() > 1 => Err(Error::Usage(format!(
            "{option} is for one bot at a time: name the bot, or leave it out"
        ))),
        _ => Ok(()),
    }
}

/// A bot as the list describes it.
fn listed(order: &BotKeys, bot: Listed, base: &Path, known: &Known) -> Result<Errand> {
    let door = match (&bot.homeserver, &bot.token_file) {
        _ if order.door().is_none() => None,
        (Some(homeserver), Some(token)) => Some(Door::Token {
            homeserver: homeserver.clone(),
            token: secret(token)?,
        }),
        _ => by_service(known),
    };
    let passphrase = match &bot.store_passphrase_file {
        Some(file) if order.reading().is_some() => Some(secret(file)?),
        _ => None,
    };
    let recovery = match (&bot.recovery_key_file, &bot.recovery_passphrase_file) {
        _ if order.recovery().is_none() => None,
        (Some(file), _) => Some((secret(file)?, false)),
        (None, Some(file)) => Some((secret(file)?, true)),
        (None, None) => None,
    };
    Ok(Errand {
        folder: base.join(folder_of(&bot.user)),
        storage: storage(bot.storage, bot.store),
        user: Some(bot.user),
        passphrase,
        door,
        wanted: wanted(order, recovery),
        ..bare(order)
    })
}

/// A bot as options and variables describe it.
fn single(order: &BotKeys, who: &Who, known: &Known, asker: &Asker) -> Result<Errand> {
    let user = match &*who.bots {
        [] => None,
        [user] => Some(user.clone()),
        _ => {
            return Err(Error::Usage(
                "several bots need a list that says where each one's storage is: name it with --list"
                    .to_owned(),
            ));
        }
    };
    let door = match order.door() {
        None => None,
        Some(door) => match &door.homeserver {
            Some(homeserver) => {
                let question = "access token of the bot";
                let file = door.token_file.as_deref();
                let token = asker.secret(file, "ACCESS_TOKEN", "--token-file", question)?;
                let token = token.ok_or_else(|| {
                    Error::Usage(
                        "the bot's access token is missing: give it in the variable ACCESS_TOKEN or a file with --token-file"
                            .to_owned(),
                    )
                })?;
                let homeserver = homeserver.clone();
                Some(Door::Token { homeserver, token })
            }
            None => by_service(known).filter(|_| user.is_some()),
        },
    };
    let passphrase = match order.reading() {
        None => None,
        Some(Reading {
            store_passphrase, ..
        }) => asker.secret(
            store_passphrase.as_deref(),
            "STORE_PASSPHRASE",
            "--store-passphrase",
            "passphrase of the store",
        )?,
    };
    let recovery = match order.recovery() {
        None => None,
        Some(recovery) => {
            let key = asker.secret(
                recovery.recovery_key.as_deref(),
                "RECOVERY_KEY",
                "--recovery-key",
                "recovery key",
            )?;
            let phrase = || {
                asker.secret(
                    recovery.recovery_passphrase.as_deref(),
                    "RECOVERY_PHRASE",
                    "--recovery-passphrase",
                    "passphrase of the secret storage",
                )
            };
            match key {
                Some(key) if recovery.recovery_passphrase.is_none() => Some((key, false)),
                _ => phrase()?.map(|phrase| (phrase, true)),
            }
        }
    };
    let folder = match (&who.into, &known.data_dir, &user) {
        (Some(into), ..) => into.clone(),
        (None, Some(dir), Some(user)) => dir.join(FOLDER).join(folder_of(user)),
        (None, ..) => ".".into(),
    };
    Ok(Errand {
        user,
        storage: who.place.storage(),
        folder,
        passphrase,
        door,
        wanted: wanted(order, recovery),
        ..bare(order)
    })
}

fn by_service(known: &Known) -> Option<Door> {
    known.service.as_ref().map(|service| Door::Service {
        homeserver: service.homeserver.clone(),
        token: service.token.clone(),
    })
}

fn wanted(order: &BotKeys, secret: Option<(SecretString, bool)>) -> Wanted {
    let (secret, is_passphrase) = secret.map_or((None, false), |(secret, is)| (Some(secret), is));
    Wanted {
        new_version: order.recovery().is_some_and(|it| it.new_version),
        secret,
        is_passphrase,
        ..Wanted::default()
    }
}

/// What is the same for every bot of an order.
fn bare(order: &BotKeys) -> Errand {
    let failed = match &order.step {
        Step::Extract(step) => step.failed_output.clone(),
        _ => None,
    };
    Errand {
        user: None,
        storage: storage(PathBuf::new(), None),
        folder: PathBuf::new(),
        passphrase: None,
        skip_errors: order.reading().is_some_and(|it| it.skip_errors),
        other_account: order.door().is_some_and(|it| it.other_account),
        cross_check: order.reading().is_some_and(|it| it.cross_check),
        extracted: order.keys().map(Path::to_owned),
        failed,
        door: None,
        wanted: Wanted::default(),
        sample: order.sample(),
    }
}

/// `@bot:example.org`: two bots never have the same.
fn folder_of(user: &UserId) -> String {
    utf8_percent_encode(user.as_str(), IN_NAMES).to_string()
}

#[cfg(test)]
mod tests;

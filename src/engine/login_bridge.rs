//! The login bridge's start: its vault, filled once from a bundle and from what its import has left.

use std::{collections::BTreeSet, path::PathBuf};

use ruma::UserId;

use super::{Engine, blocking, ledger_id};
use crate::{
    Error, Result,
    bundle::Bundle,
    ledger::{Ledger, Step},
    login_bridge::{
        self, Bridge, Parts,
        vault::{About, Account, VERSION, Vault},
    },
    migration::{accounts::how, passwords::Passwords},
    secret::SecretString,
    source::homeserver_yaml::HomeserverYaml,
};

/// An open bridge, and what there is to say about it.
pub struct Opened {
    /// It listens.
    pub bridge: Bridge,
    /// The hashes that were left out, if the vault was made now.
    pub filled: Option<Filled>,
    /// Whether anything said what the pepper is, or that there is none.
    pub pepper_known: bool,
    /// The bundle's file name.
    pub bundle: String,
}

/// What became of a bundle's hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filled {
    /// Of accounts that Ferryman did not make, or whose random password is not there any more.
    pub others: u64,
    /// That are none of bcrypt's.
    pub unusable: u64,
}

impl Engine {
    /// Opens the login bridge: with the vault that is there, or with one that is filled from `bundle` (default: the
    /// newest). `days` wins over the configuration.
    pub async fn login_bridge(&self, bundle: Option<PathBuf>, days: Option<u32>) -> Result<Opened> {
        self.private_dir("login-bridge")?;
        let path = login_bridge::vault_path(&self.config.data_dir);
        let (pepper, pepper_known) = self.pepper()?;
        let vault = Vault::open(&path)?;
        let (vault, filled) = match (vault, bundle) {
            (Some(vault), None) => (vault, None),
            (None, bundle) => {
                let (vault, filled) = self.fill(bundle).await?;
                (vault, Some(filled))
            }
            (Some(vault), Some(bundle)) => {
                let bundle = self.open(Some(bundle)).await?;
                let keys = login_bridge::target_keys(&self.config.target.url).await?;
                if vault.about().migration != ledger_id(&bundle, &keys) {
                    return Err(Error::Usage(format!(
                        "the login bridge has begun with {}: leave --bundle out, or remove {} to begin anew",
                        vault.about().bundle,
                        path.display()
                    )));
                }
                (vault, None)
            }
        };
        let bundle = vault.about().bundle.clone();
        let bridge = Bridge::open(Parts {
            config: &self.config,
            passwords: self.passwords_of(&bundle)?,
            vault,
            pepper,
            days: days.or(self.config.login_bridge.days),
            clock: self.clock.clone(),
        })
        .await?;
        Ok(Opened {
            bridge,
            filled,
            pepper_known,
            bundle,
        })
    }

    /// The pepper, and whether it is known that there is none.
    fn pepper(&self) -> Result<(Option<SecretString>, bool)> {
        if let Some(pepper) = &self.config.login_bridge.pepper {
            return Ok((Some(pepper.clone()), true));
        }
        match &self.config.synapse.homeserver_yaml {
            Some(path) => Ok((HomeserverYaml::read(path)?.pepper, true)),
            None => Ok((None, false)),
        }
    }

    async fn fill(&self, bundle: Option<PathBuf>) -> Result<(Vault, Filled)> {
        let bundle = self.open(bundle).await?;
        let keys = login_bridge::target_keys(&self.config.target.url).await?;
        let about = About {
            version: VERSION,
            made_ms: self.clock.now_ms(),
            migration: ledger_id(&bundle, &keys),
            bundle: bundle.name(),
            target_keys: login_bridge::key_texts(&keys),
        };
        let ledger = self.ledger(&about.migration)?;
        let passwords = self.passwords_of(&about.bundle)?;
        let path = login_bridge::vault_path(&self.config.data_dir);
        blocking(move || {
            let (accounts, filled) = accounts(&bundle, &ledger, &passwords)?;
            Ok((Vault::make(&path, &about, &accounts)?, filled))
        })
        .await
    }

    /// The import's file of random passwords.
    fn passwords_of(&self, bundle: &str) -> Result<PathBuf> {
        Ok(self.private_dir("passwords")?.join(format!("{bundle}.csv")))
    }
}

/// The accounts that can be moved.
fn accounts(
    bundle: &Bundle,
    ledger: &Ledger,
    passwords: &std::path::Path,
) -> Result<(Vec<Account>, Filled)> {
    let wrong = |reason: &str| Error::Bundle {
        path: bundle.path().to_owned(),
        reason: reason.to_owned(),
    };
    let hashes = bundle.password_hashes()?.ok_or_else(|| {
        wrong("it has no password hashes: export from the database with --include-password-hashes, and import that bundle")
    })?;
    let made: BTreeSet<_> = ledger
        .done_as(Step::Account, how::CREATED)?
        .into_iter()
        .collect();
    if made.is_empty() {
        return Err(wrong(
            "none of its accounts was made on this target: import it first, or name the one that was imported with --bundle",
        ));
    }
    let mut passwords = Passwords::read(passwords)?;
    let mut filled = Filled::default();
    let mut accounts = Vec::new();
    for (user, hash) in hashes {
        if !login_bridge::is_hash(&hash) || !is_writable(&user) {
            filled.unusable += 1;
        } else if let Some(password) = passwords.remove(&user)
            && made.contains(user.as_str())
        {
            accounts.push(Account {
                user,
                hash,
                password,
            });
        } else {
            filled.others += 1;
        }
    }
    if accounts.is_empty() {
        return Err(wrong(
            "there is no account with a password hash and a random password of its import: look whether data/passwords still has the file of this bundle",
        ));
    }
    Ok((accounts, filled))
}

/// Whether an ID can stand in the vault's line.
fn is_writable(user: &UserId) -> bool {
    user.as_str()
        .chars()
        .all(|c| !c.is_whitespace() && !c.is_control())
}

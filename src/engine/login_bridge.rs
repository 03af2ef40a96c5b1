//! The login bridge's start: its vault, filled once from a bundle and from what its import has left.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

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
fn accounts(bundle: &Bundle, ledger: &Ledger, file: &Path) -> Result<(Vec<Account>, Filled)> {
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
    let mut passwords = Passwords::read(file)?;
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
        return Err(wrong(&format!(
            "none of its accounts has both a password hash and a random password that is still in {}: put that file back as the import has left it",
            file.display()
        )));
    }
    Ok((accounts, filled))
}

/// Whether an ID can stand in the vault's line.
fn is_writable(user: &UserId) -> bool {
    user.as_str()
        .chars()
        .all(|c| !c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use ruma::user_id;
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;
    use crate::{
        bundle::{BundleWriter, Origin, SourceKind, UserRecord},
        clock::FixedClock,
        config::{Tokens, sample},
        ledger::Outcome,
        model::wanted::Wanted,
    };

    const HASH: &str = "$2b$04$0PHk/1MtERiAFocLf.LxKuwIqP3/sUmi6MMaho.W9JsNn0fFg1c2K";

    /// ann was there before, bob and eve were made, dan's hash is none.
    fn bundle(path: &Path, hashes: bool) {
        let origin = Origin {
            source: SourceKind::Database,
            synapse_version: None,
            server_name: "ferry.test".try_into().unwrap(),
            exported_ts: 7,
            stream_position: None,
            wanted: Wanted {
                password_hashes: hashes,
                ..Wanted::default()
            },
        };
        let mut writer = BundleWriter::create(path, origin).unwrap();
        for (user, hash) in [
            ("@ann:ferry.test", HASH),
            ("@bob:ferry.test", HASH),
            ("@dan:ferry.test", "plain"),
            ("@eve:ferry.test", HASH),
        ] {
            let user = serde_json::from_value(json!({ "user_id": user })).unwrap();
            let mut record = UserRecord::new(user);
            record.password_hash = Some(hash.into());
            writer.user(&record).unwrap();
        }
        writer
            .finish(&|_, _| String::new(), &mut |_, _| {})
            .unwrap();
    }

    async fn engine(dir: &Path, server: &MockServer) -> Engine {
        let keys = json!({ "server_name": "ferry.test", "verify_keys": { "ed25519:t": { "key": "abc" } } });
        Mock::given(matchers::path("/_matrix/key/v2/server"))
            .respond_with(ResponseTemplate::new(200).set_body_json(keys))
            .mount(server)
            .await;
        let mut config = sample(dir);
        config.target.url = server.uri();
        let port = crate::lab::names::free_port().unwrap();
        config.login_bridge.listen = ([127, 0, 0, 1], port).into();
        Engine::new(
            Arc::new(config),
            Arc::new(Tokens::load_or_random(dir).unwrap()),
            Arc::new(FixedClock(1_000)),
        )
    }

    /// What the import of a bundle leaves.
    fn imported(engine: &Engine, name: &str) -> PathBuf {
        let ledger = engine.ledger(&format!("{name} 7 abc")).unwrap();
        let passwords = engine.passwords_of(name).unwrap();
        let made = Passwords::open(&passwords).unwrap();
        for (user, outcome) in [
            (user_id!("@ann:ferry.test"), how::ADOPTED),
            (user_id!("@bob:ferry.test"), how::CREATED),
            (user_id!("@dan:ferry.test"), how::CREATED),
            (user_id!("@eve:ferry.test"), how::CREATED),
        ] {
            ledger
                .record(Step::Account, user, &Outcome::Done(outcome))
                .unwrap();
            if outcome == how::CREATED {
                made.of(user).unwrap();
            }
        }
        passwords
    }

    async fn refusal(engine: &Engine, bundle: &Path, dir: &Path) -> String {
        let error = engine.login_bridge(Some(bundle.to_owned()), None).await;
        let error = error.err().expect("a refusal").to_string();
        error.replace(&*dir.to_string_lossy(), "DIR")
    }

    #[tokio::test]
    async fn the_vault_has_who_was_made_and_is_filled_once() {
        let dir = tempfile::tempdir().unwrap();
        let server = MockServer::start().await;
        let engine = engine(dir.path(), &server).await;
        let (good, other) = (dir.path().join("good"), dir.path().join("other"));
        bundle(&good, true);
        bundle(&other, true);
        let passwords = imported(&engine, "good");
        imported(&engine, "other");
        let opened = engine.login_bridge(Some(good.clone()), None).await.unwrap();
        assert_eq!(
            opened.filled,
            Some(Filled {
                others: 1,
                unusable: 1
            })
        );
        assert_eq!(
            (opened.bridge.count().waiting, opened.pepper_known),
            (2, false)
        );
        insta::assert_snapshot!(
            crate::report::plain::plain(&crate::report::login_bridge::opened(&opened, &engine.config))
                .replace(&engine.config.login_bridge.listen.to_string(), "ADDRESS"),
            @r"
        The login bridge listens on ADDRESS for 2 accounts.

        - bundle: `good`; 0 accounts moved already
        - every client counts as the proxy itself: set `login_bridge.address_header` to the header in which the proxy names the client's address
        - the hashes are in a vault of their own now; the bundle has them, too: delete it, or keep it where nobody else comes
        - left alone: 1 hash of accounts that Ferryman did not make, or whose random password is gone
        - of no use: 1 hash that bcrypt has not made: these people need a new password
        - no pepper is known: if `homeserver.yaml` has `password_config.pepper`, set `synapse.homeserver_yaml` or `login_bridge.pepper`, or no password will be right
        "
        );
        drop(opened);
        // The bundle is not needed any more, and neither is the file.
        fs::remove_dir_all(&good).unwrap();
        fs::remove_file(passwords).unwrap();
        let opened = engine.login_bridge(None, None).await.unwrap();
        assert_eq!((opened.bridge.count().waiting, opened.filled), (2, None));
        drop(opened);
        insta::assert_snapshot!(
            refusal(&engine, &other, dir.path()).await,
            @"the login bridge has begun with good: leave --bundle out, or remove DIR/login-bridge/vault to begin anew"
        );
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let server = MockServer::start().await;
        let engine = engine(dir.path(), &server).await;
        let (good, bare) = (dir.path().join("good"), dir.path().join("bare"));
        bundle(&good, true);
        bundle(&bare, false);
        insta::assert_snapshot!(
            refusal(&engine, &bare, dir.path()).await,
            @"bundle DIR/bare: it has no password hashes: export from the database with --include-password-hashes, and import that bundle"
        );
        insta::assert_snapshot!(
            refusal(&engine, &good, dir.path()).await,
            @"bundle DIR/good: none of its accounts was made on this target: import it first, or name the one that was imported with --bundle"
        );
        fs::remove_file(imported(&engine, "good")).unwrap();
        insta::assert_snapshot!(
            refusal(&engine, &good, dir.path()).await,
            @"bundle DIR/good: none of its accounts has both a password hash and a random password that is still in DIR/passwords/good.csv: put that file back as the import has left it"
        );
    }
}

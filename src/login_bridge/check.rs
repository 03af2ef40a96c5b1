//! A password against Synapse's hash of it, as Synapse does it (`handlers/auth.py`, `validate_hash`): the password in
//! NFKC, the pepper behind it, the first 72 bytes of both, bcrypt.

use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio::sync::{Semaphore, SemaphorePermit};
use unicode_normalization::UnicodeNormalization;

use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString, random_token},
};

/// What bcrypt looks at.
const BCRYPT_BYTES: usize = 72;

/// Synapse's own default of `bcrypt_rounds`.
const USUAL_COST: u32 = 12;

/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a text can be a hash of Synapse's: `$2b$12$` and 53 characters.
pub(super) fn is_bcrypt(hash: &str) -> bool {
    cost(hash).is_some_and(|cost| (4..=31).contains(&cost))
        && hash.len() == 60
        && hash
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'.' | b'/'))
        && hash.starts_with("$2")
}

fn cost(hash: &str) -> Option<u32> {
    hash.split('$').nth(2)?.parse().ok()
}

/// Checks passwords, no more at a time than there are processors.
pub(super) struct Checker {
    pepper: Option<SecretString>,
    /// The hash of a password that nobody has, for whoever has no hash: the check takes its time all the same.
    nobodys: SecretString,
    turns: Semaphore,
}

/// The right to one check.
pub(super) struct Turn<'a> {
    checker: &'a Checker,
    _permit: SemaphorePermit<'a>,
}

impl Checker {
    /// With Synapse's pepper and with the hashes that will be checked, whose highest cost is that of the hash of nobody.
    pub(super) async fn new(
        pepper: Option<SecretString>,
        hashes: impl Iterator<Item = &str>,
    ) -> Result<Self> {
        let cost = hashes.filter_map(cost).max().unwrap_or(USUAL_COST);
        let nobodys = blocking(move || bcrypt::hash(random_token().expose_secret(), cost))
            .await?
            .map_err(|error| {
                Error::Target(format!(
                    "no hash can be made ({error}): report this as a bug"
                ))
            })?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            pepper,
            nobodys: nobodys.into(),
            turns: Semaphore::new(processors),
        })
    }

    /// Waits for a turn; `None` if there are too many before this one.
    pub(super) async fn turn(&self) -> Option<Turn<'_>> {
        let permit = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        Some(Turn {
            checker: self,
            // The semaphore is never closed.
            _permit: permit.ok()?.ok()?,
        })
    }
}

impl Turn<'_> {
    /// Whether the password is the one of the hash; without a hash never, in the same time.
    pub(super) async fn fits(
        self,
        password: &SecretString,
        hash: Option<&SecretString>,
    ) -> Result<bool> {
        let bytes = hashed_bytes(password, self.checker.pepper.as_ref());
        let any = hash.is_some();
        let hash = hash.unwrap_or(&self.checker.nobodys).clone();
        let right =
            blocking(move || bcrypt::verify(bytes.as_slice(), hash.expose_secret())).await?;
        Ok(any && right.unwrap_or(false))
    }
}

/// Some tenths of a second of one processor's time.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::Target(format!(
            "a password's check stopped ({error}): report this as a bug"
        ))
    })
}

/// What Synapse hands to bcrypt.
fn hashed_bytes(password: &SecretString, pepper: Option<&SecretString>) -> Zeroizing<Vec<u8>> {
    let normal: Zeroizing<String> = Zeroizing::new(password.expose_secret().nfkc().collect());
    let pepper = pepper.map_or("", |pepper| pepper.expose_secret());
    // With room for all of it: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(normal.len() + pepper.len()));
    bytes.extend_from_slice(normal.as_bytes());
    bytes.extend_from_slice(pepper.as_bytes());
    bytes.truncate(BCRYPT_BYTES);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fits(password: &str, pepper: Option<&str>, hash: &str) -> bool {
        assert!(is_bcrypt(hash));
        let checker = Checker::new(pepper.map(Into::into), [hash].into_iter())
            .await
            .unwrap();
        let turn = checker.turn().await.unwrap();
        turn.fits(&password.into(), Some(&hash.into()))
            .await
            .unwrap()
    }

    /// The hashes were made as Synapse 1.163.2 makes them, with Python's bcrypt 5.0.0.
    #[tokio::test]
    async fn synapses_hashes_are_understood() {
        let pepper = Some("pepper");
        let long = format!("{}\u{e9}y", "x".repeat(71));
        let cases = [
            (
                "correct horse",
                None,
                "$2b$04$AuRCzFwT80YaTrQh2fwjL.H9PVZF3hOGjqV8w/oUwU7viL39KRjsq",
            ),
            (
                "correct horse",
                pepper,
                "$2b$04$0PHk/1MtERiAFocLf.LxKuwIqP3/sUmi6MMaho.W9JsNn0fFg1c2K",
            ),
            (
                "correct horse",
                pepper,
                "$2a$04$U3LXnHMFvr1U.ugE5BzVKedxPhX6bg86i4fIIgzKvqGg9m36NU5TK",
            ),
            // Composed, decomposed and compatible characters.
            (
                "e\u{301}\u{2460} \u{fb01}sh",
                pepper,
                "$2b$04$xiro3j/IWf.u76UKyvOKVer4cgjDiP.zM6rMoURugpy.cggJLHCOK",
            ),
            (
                "\u{e9}1 fish",
                pepper,
                "$2b$04$xiro3j/IWf.u76UKyvOKVer4cgjDiP.zM6rMoURugpy.cggJLHCOK",
            ),
            // The 72nd byte is the first half of a letter, and the pepper is out of reach.
            (
                &long,
                pepper,
                "$2b$04$EZBKxooplPWw.MkUYUKBXOwqN63GqHOqHyK.lF2Emb5/xh98NGObi",
            ),
            // Only a part of the pepper is within reach.
            (
                &"p".repeat(68),
                pepper,
                "$2b$04$KYZPaPp.JHmH74P06s3c7uMZ/fYTbo9BA9P5cbSS/vnpEv45Sh0hm",
            ),
        ];
        for (password, pepper, hash) in cases {
            assert!(fits(password, pepper, hash).await, "{password}");
            let other = format!("a{password}");
            assert!(!fits(&other, pepper, hash).await, "{other}");
        }
        let (_, _, peppered) = cases[1];
        assert!(!fits("correct horse", None, peppered).await);
        assert!(!fits("correct horse", Some("salt"), peppered).await);
    }

    #[tokio::test]
    async fn nobodys_hash_is_checked_but_never_right() {
        let cost_five = "$2b$05$AuRCzFwT80YaTrQh2fwjL.H9PVZF3hOGjqV8w/oUwU7viL39KRjsq";
        let checker = Checker::new(None, [cost_five].into_iter()).await.unwrap();
        assert_eq!(cost(checker.nobodys.expose_secret()), Some(5));
        let turn = checker.turn().await.unwrap();
        assert!(!turn.fits(&"x".into(), None).await.unwrap());
    }

    #[test]
    fn what_is_no_hash_is_seen() {
        for bad in [
            "",
            "$2b$12$short",
            "$argon2id$v=19$m=1",
            "plain",
            "$2b$99$AuRCzFwT80YaTrQh2fwjL.H9PVZF3hOGjqV8w/oUwU7viL39KRjsq",
        ] {
            assert!(!is_bcrypt(bad), "{bad}");
        }
    }
}

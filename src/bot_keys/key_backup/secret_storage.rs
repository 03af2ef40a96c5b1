//! The bot's secret storage, in which clients look for the key of its backup: `m.megolm_backup.v1` of its account data,
//! encrypted with the key that `m.secret_storage.default_key` names (spec: "Secrets").

use matrix_sdk_crypto::{
    secret_storage::{AesHmacSha2EncryptedData, SecretStorageKey},
    store::types::BackupDecryptionKey,
};
use ruma::{
    events::{
        EventContentFromType, secret::request::SecretName,
        secret_storage::key::SecretStorageKeyEventContent,
    },
    serde::{Base64, base64::Standard},
};
use serde_json::{Value, json, value::to_raw_value};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    bot_keys::account::Account,
    http::{Request, encode},
    secret::{ExposeSecret, SecretString, random_name},
};

const DEFAULT_KEY: &str = "m.secret_storage.default_key";
const ALGORITHM: &str = "m.secret_storage.v1.aes-hmac-sha2";
const BACKUP: &str = "m.megolm_backup.v1";

/// The key that opens a secret storage, and what the account data says about it.
pub struct Opened {
    key: SecretStorageKey,
}

impl Opened {
    /// Whether its key is the same as a backup's.
    #[must_use]
    pub fn is(&self, backup: &BackupDecryptionKey) -> bool {
        let key = Zeroizing::new(self.key.to_base58());
        let key = BackupDecryptionKey::from_base58(&key);
        key.is_ok_and(|key| key.as_bytes() == backup.as_bytes())
    }
}

/// What is there.
pub enum Found {
    /// No secret storage.
    Nothing,
    /// One that nothing which was given opens.
    Closed,
    /// One that is open.
    Open(Box<Opened>),
}

/// The key of a new secret storage that a backup's recovery key opens: the same bytes.
pub fn key_of(backup: &BackupDecryptionKey) -> Result<SecretStorageKey> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::Usage(format!(
            "a key can't be made ({error}): report this as a fault"
        ))
    };
    let kind = format!("m.secret_storage.key.{}", random_name());
    let described = |about: &Value| {
        let about = to_raw_value(about).map_err(|error| wrong(&error))?;
        let about = SecretStorageKeyEventContent::from_parts(&kind, &about);
        let about = about.map_err(|error| wrong(&error))?;
        SecretStorageKey::from_account_data(&backup.to_base58(), about)
            .map_err(|error| wrong(&error))
    };
    let bare = described(&json!({"algorithm": ALGORITHM}))?;
    // By which clients see whether they were given the right key (spec: "m.secret_storage.v1.aes-hmac-sha2").
    let check = bare.encrypt(vec![0; 32], &SecretName::from(""));
    let mut about = serde_json::to_value(check).map_err(|error| wrong(&error))?;
    if let Some(fields) = about.as_object_mut() {
        fields.remove("ciphertext");
        fields.insert("algorithm".to_owned(), ALGORITHM.into());
    }
    described(&about)
}

impl Account {
    async fn account_data(&self, kind: &str) -> Result<Option<Value>> {
        self.find(Request::get(self.path(kind))).await
    }

    async fn set_account_data(&self, kind: &str, content: &Value) -> Result<()> {
        let request = Request::put(self.path(kind), content);
        self.ask::<Value>(request).await.map(drop)
    }

    fn path(&self, kind: &str) -> String {
        let user = encode(self.user.as_str());
        let kind = encode(kind);
        format!("/_matrix/client/v3/user/{user}/account_data/{kind}")
    }

    /// Opens the secret storage with a recovery key or a passphrase. A wrong one is an error.
    pub async fn secret_storage(&self, input: Option<&SecretString>) -> Result<Found> {
        let default = self.account_data(DEFAULT_KEY).await?;
        let id = default.as_ref().and_then(|it| it.get("key")?.as_str());
        let Some(id) = id else {
            return Ok(Found::Nothing);
        };
        let kind = format!("m.secret_storage.key.{id}");
        let Some(about) = self.account_data(&kind).await? else {
            return Ok(Found::Nothing);
        };
        let Some(input) = input else {
            return Ok(Found::Closed);
        };
        let damaged = |reason: String| {
            Error::Usage(format!(
                "the bot's secret storage can't be read ({reason}): set it up anew with a client"
            ))
        };
        let about = to_raw_value(&about).map_err(|error| damaged(error.to_string()))?;
        let about = SecretStorageKeyEventContent::from_parts(&kind, &about)
            .map_err(|error| damaged(error.to_string()))?;
        let key = SecretStorageKey::from_account_data(input.expose_secret().trim(), about);
        let key = key.map_err(|_wrong| {
            Error::Usage(
                "neither the recovery key nor the passphrase of the bot's secret storage is what was given: give the right one, or none"
                    .to_owned(),
            )
        })?;
        Ok(Found::Open(Box::new(Opened { key })))
    }

    /// Sets up a secret storage that this key opens; nobody has another.
    pub async fn make_secret_storage(&self, key: SecretStorageKey) -> Result<Opened> {
        let about = serde_json::to_value(key.event_content()).map_err(|error| {
            Error::Usage(format!(
                "a key can't be written ({error}): report this as a fault"
            ))
        })?;
        let kind = format!("m.secret_storage.key.{}", key.key_id());
        self.set_account_data(&kind, &about).await?;
        let default = json!({ "key": key.key_id() });
        self.set_account_data(DEFAULT_KEY, &default).await?;
        Ok(Opened { key })
    }

    /// The backup's key out of the secret storage, if it is there.
    pub async fn stored_backup_key(&self, opened: &Opened) -> Result<Option<BackupDecryptionKey>> {
        let Some(secret) = self.account_data(BACKUP).await? else {
            return Ok(None);
        };
        let sealed = secret
            .get("encrypted")
            .and_then(|it| it.get(opened.key.key_id()));
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let damaged = || {
            Error::Usage(format!(
                "{BACKUP} in the bot's secret storage can't be decrypted: somebody else has written it; begin a new version with --new-version"
            ))
        };
        let sealed: AesHmacSha2EncryptedData =
            serde_json::from_value(sealed.clone()).map_err(|_| damaged())?;
        let text = opened.key.decrypt(&sealed, &SecretName::from(BACKUP));
        let text = Zeroizing::new(text.map_err(|_| damaged())?);
        let text = std::str::from_utf8(&text).map_err(|_| damaged())?;
        let bytes = Base64::<Standard>::parse(text.trim()).map_err(|_| damaged())?;
        let bytes = bytes.as_bytes().try_into().map_err(|_| damaged())?;
        Ok(Some(BackupDecryptionKey::from_bytes(bytes)))
    }

    /// Puts the backup's key into the secret storage, in place of a former one.
    pub async fn store_backup_key(&self, opened: &Opened, key: &BackupDecryptionKey) -> Result<()> {
        let text = Base64::<Standard, _>::new(key.as_bytes().as_slice()).encode();
        let sealed = opened
            .key
            .encrypt(text.into_bytes(), &SecretName::from(BACKUP));
        let sealed = serde_json::to_value(sealed).map_err(|error| {
            Error::Usage(format!(
                "a key can't be written ({error}): report this as a fault"
            ))
        })?;
        let content = json!({"encrypted": {opened.key.key_id(): sealed}});
        self.set_account_data(BACKUP, &content).await
    }
}

//! Signatures of a backup's `auth_data` (spec: "Server-side key backups" and "Signing JSON"): by them clients see that the
//! backup was made by the user, and may go on using it.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, DeviceId, UserId,
    signatures::{JsonError, sign_json},
};
use serde_json::{Value, json};
use vodozemac::Ed25519PublicKey;

use crate::{
    Error, Result,
    bot_keys::{
        account::Account,
        ed25519,
        signer::{Signer, Signers},
    },
    http::Request,
};

const QUERY: &str = "/_matrix/client/v3/keys/query";

/// What was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// With its `signatures`, which may be empty.
    pub auth_data: Value,
    /// The IDs of the keys that signed: `ed25519:DEVICE`, `ed25519:<master key>`.
    pub by: Vec<String>,
}

impl Account {
    /// Signs the `auth_data` of a backup with the user's keys, of the devices only with `device`, if one is given. A key
    /// signs only where the homeserver publishes it now: nobody can check a signature of a device that is gone, or of a
    /// former identity.
    pub async fn sign(
        &self,
        auth_data: Value,
        signers: &Signers,
        device: Option<&DeviceId>,
    ) -> Result<Signed> {
        let mut object: CanonicalJsonObject =
            serde_json::from_value(auth_data).map_err(|error| unsigned(&error))?;
        object
            .entry("signatures".to_owned())
            .or_insert_with(|| CanonicalJsonValue::Object(CanonicalJsonObject::new()));
        let signers: Vec<&Signer> = signers.of(&self.user, device).collect();
        let published = if signers.is_empty() {
            Value::Null
        } else {
            let body = json!({"device_keys": {self.user.as_str(): []}});
            self.ask(Request::post(QUERY, &body)).await?
        };
        let mut by = Vec::new();
        for signer in signers {
            if key_of(&published, &self.user, signer) == Some(signer.public_key()) {
                sign_json(self.user.as_str(), signer, &mut object)
                    .map_err(|error: JsonError| unsigned(&error))?;
                by.push(signer.key_id().to_string());
            }
        }
        let auth_data = serde_json::to_value(object).map_err(|error| unsigned(&error))?;
        Ok(Signed { auth_data, by })
    }
}

/// The key that the homeserver publishes for this device, or as this master key.
fn key_of(published: &Value, user: &UserId, signer: &Signer) -> Option<Ed25519PublicKey> {
    let of_user = |name: &str| published.get(name)?.get(user.as_str());
    let about = match signer.device() {
        Some(device) => of_user("device_keys")?.get(device.as_str())?,
        None => of_user("master_keys")?,
    };
    let key = about.get("keys")?.get(signer.key_id().as_str())?;
    ed25519::public_key(key.as_str()?).ok()
}

fn unsigned(error: &dyn std::fmt::Display) -> Error {
    Error::Usage(format!(
        "the backup can't be signed ({error}): report this as a fault"
    ))
}

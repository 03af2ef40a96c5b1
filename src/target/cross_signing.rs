//! Users' public cross-signing keys, as each of them sees and uploads their own.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{Anything, Target};
use crate::{Result, http::Request};

/// What a user sees of some users' keys: by user ID, in the shape of `POST /_matrix/client/v3/keys/query`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SeenKeys {
    /// Identities, with the signatures that the asking user may see.
    #[serde(default)]
    pub master_keys: BTreeMap<OwnedUserId, Value>,
    /// What signs devices.
    #[serde(default)]
    pub self_signing_keys: BTreeMap<OwnedUserId, Value>,
    /// The asking user's own.
    #[serde(default)]
    pub user_signing_keys: BTreeMap<OwnedUserId, Value>,
}

impl Target {
    /// Some users' keys as one of them sees them.
    pub async fn cross_signing(
        &self,
        asks: &UserId,
        about: impl IntoIterator<Item = &UserId>,
    ) -> Result<SeenKeys> {
        let about = about.into_iter().map(|user| (user.to_string(), json!([])));
        let about: serde_json::Map<_, _> = about.collect();
        let request = Request::post(
            "/_matrix/client/v3/keys/query",
            &json!({ "device_keys": about }),
        );
        self.puppets_http.send(&Self::as_user(request, asks)).await
    }

    /// Uploads a user's first three keys as they are: master, self-signing, user-signing. No server asks for a password
    /// where there were none; the same ones once more change nothing.
    pub async fn upload_cross_signing(&self, user: &UserId, keys: [&RawValue; 3]) -> Result<()> {
        let [master, own, others] = keys.map(RawValue::get);
        let body = format!(
            r#"{{"master_key":{master},"self_signing_key":{own},"user_signing_key":{others}}}"#
        );
        let path = "/_matrix/client/v3/keys/device_signing/upload";
        let request = Request::post(path, &Value::Null).text(body);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Uploads a user's signatures of others' keys: user → public key → the key with the signatures.
    pub async fn upload_signatures(&self, user: &UserId, signed: &Value) -> Result<()> {
        let request = Request::post("/_matrix/client/v3/keys/signatures/upload", signed);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }
}

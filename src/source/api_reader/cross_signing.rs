//! A user's cross-signing keys, and whom they have verified.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde_json::{Value, value::RawValue};

use crate::{
    Result,
    model::cross_signing::CrossSigning,
    source::{
        admin_api::{Client, Keys, Who},
        intake::Intake,
    },
};

/// Users whose keys are asked for at once.
pub(super) const TOGETHER: usize = 500;

type Signatures = BTreeMap<String, BTreeMap<String, String>>;

/// As the user. `others` are all who have a master key, the user among them.
pub(super) async fn of(
    client: &Client,
    who: &Who,
    user: &UserId,
    others: &[OwnedUserId],
    to: &Intake,
) -> Result<CrossSigning> {
    let own = user.to_owned();
    let keys = client.keys(who, [&own], false).await?;
    let mut found = public(user, &keys);
    found.user_signing_key = raw(keys.user_signing_keys.get(user.as_str()));
    if found.user_signing_key.is_none() {
        // Nobody can be verified without that key.
        return Ok(found);
    }
    for some in others.chunks(TOGETHER) {
        to.check()?;
        let keys = client.keys(who, some, false).await?;
        for other in some.iter().filter(|other| *other != user) {
            let signed = keys
                .master_keys
                .get(other.as_str())
                .map(|key| signatures(user, key))
                .unwrap_or_default();
            if !signed.is_empty() {
                found.signed_users.insert(other.clone(), signed);
            }
        }
    }
    Ok(found)
}

/// What everybody sees: without the user-signing key, and without the signatures that came after the key.
pub(super) fn public(user: &UserId, keys: &Keys) -> CrossSigning {
    CrossSigning {
        master_key: raw(keys.master_keys.get(user.as_str())),
        self_signing_key: raw(keys.self_signing_keys.get(user.as_str())),
        ..CrossSigning::default()
    }
}

/// The key's own public half → key that signed → signature, of one signer.
fn signatures(signer: &UserId, key: &Value) -> Signatures {
    let made: BTreeMap<String, String> =
        serde_json::from_value(key["signatures"][signer.as_str()].clone()).unwrap_or_default();
    let public = key["keys"]
        .as_object()
        .and_then(|keys| keys.values().next()?.as_str());
    match public {
        Some(public) if !made.is_empty() => BTreeMap::from([(public.to_owned(), made)]),
        _ => BTreeMap::new(),
    }
}

/// Sorted by name, whatever order Synapse keeps: the same from its API and from its database.
fn raw(key: Option<&Value>) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(key?).ok()
}

//! Whom each user has verified: their signatures of others' identities, once those are there.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, ServerName, UserId};
use serde_json::{Value, json};

use super::{how, identities, same};
use crate::{
    Error, Result,
    bundle::OfUser,
    job::Phase,
    ledger::{Entry, Outcome, Step},
    migration::context::{Each, Import},
    model::cross_signing::CrossSigning,
    target::cross_signing::SeenKeys,
};

/// What a failure is a problem of.
pub const NAME: &str = "verified people";

/// One user at a time: Tuwunel reads a key, adds a signature and writes it back, without a lock, so that of two signatures
/// of one person's key one would be lost (`sign_key`).
const IN_FLIGHT: usize = 1;

/// Uploads the signatures of all whose identity was carried.
pub async fn run(import: &Import) -> Result<()> {
    let is_about = |user: &UserId| import.is_about(|things| things.has_signer(user));
    let users = identities::carried(import, is_about);
    let each = Each {
        phase: Phase::Signatures,
        name: NAME,
        step: Step::Signatures,
        total: users.len(),
        events: None,
        in_flight: IN_FLIGHT,
    };
    let work = users.into_iter().map(|user| {
        let subject = user.to_string();
        (subject, async move { one(import, &user).await })
    });
    import.each(each, work).await
}

async fn one(import: &Import, user: &UserId) -> Result<()> {
    import.job.turn().await?;
    let ledger = &import.ledger;
    let is_named = import.names(|things| things.has_user(user));
    if ledger.is_done(Step::Signatures, user)? && !is_named {
        return Ok(());
    }
    let identity = ledger.entry(Step::Identity, user)?;
    let Some(identity) = identity.filter(Entry::is_done) else {
        return Ok(());
    };
    if identity.detail != how::CARRIED {
        // What an earlier run has left can't be signed any more: they have other keys by now.
        return settle(import, user, Some(how::THEIRS));
    }
    let keys: CrossSigning = import.bundle.of_user(OfUser::CrossSigning, user)?;
    let signed = made(&keys, user.server_name());
    for other in signed.keys() {
        // Their identity failed: with it, the next import brings this, too.
        if import.can_act(other) && !ledger.is_done(Step::Identity, other)? {
            return settle(import, user, None);
        }
    }
    if is_named {
        ledger.again(Step::Signatures, user)?;
    }
    let seen = || {
        import
            .target
            .cross_signing(user, signed.keys().map(AsRef::as_ref))
    };
    if !signed.is_empty() {
        let missing = missing(user, &signed, &seen().await?);
        if !missing.is_empty() {
            import
                .target
                .upload_signatures(user, &json!(missing))
                .await?;
            let left = self::missing(user, &signed, &seen().await?);
            if let Some(other) = left.keys().next() {
                return Err(Error::Target(format!(
                    "the target does not keep that they have verified {other}: import again, or tell them to verify each other again"
                )));
            }
        }
    }
    ledger.record(Step::Signatures, user, &Outcome::Done(how::CARRIED))
}

/// Nothing is to be done here by now; what was begun and is not done must not be asked for again and again for that. Without
/// `how`, it waits for somebody, as if it had never been begun.
fn settle(import: &Import, user: &UserId, how: Option<&'static str>) -> Result<()> {
    let ledger = &import.ledger;
    let entry = ledger.entry(Step::Signatures, user)?;
    match (entry.is_some_and(|entry| !entry.is_done()), how) {
        (true, Some(how)) => ledger.record(Step::Signatures, user, &Outcome::Done(how)),
        (true, None) => ledger.forget(Step::Signatures, user),
        (false, _) => Ok(()),
    }
}

/// By user, by public key: who signed, and the signature.
pub(super) type Signed = BTreeMap<OwnedUserId, BTreeMap<String, BTreeMap<String, String>>>;

/// What the user has signed of people of their own server, with the key that is carried. Asked about others, the target
/// would ask their servers.
pub(super) fn made(keys: &CrossSigning, server: &ServerName) -> Signed {
    let by: Option<Value> = keys
        .user_signing_key
        .as_ref()
        .and_then(|key| serde_json::from_str(key.get()).ok());
    let by = by.as_ref().and_then(same::public).unwrap_or_default();
    let by = format!("ed25519:{by}");
    let mut made = Signed::new();
    let here = keys.signed_users.iter();
    for (other, signed) in here.filter(|(other, _)| other.server_name() == server) {
        for (public, signatures) in signed {
            if let Some(signature) = signatures.get(&by) {
                made.entry(other.clone()).or_default().insert(
                    public.clone(),
                    BTreeMap::from([(by.clone(), signature.clone())]),
                );
            }
        }
    }
    made
}

/// The signatures that the target has not, each with the key that it signs, as the target has it. What it doesn't have of
/// somebody, nobody can sign there.
fn missing(
    user: &UserId,
    signed: &Signed,
    seen: &SeenKeys,
) -> BTreeMap<OwnedUserId, BTreeMap<String, Value>> {
    let mut missing: BTreeMap<OwnedUserId, BTreeMap<String, Value>> = BTreeMap::new();
    for (other, signed) in signed {
        let Some(there) = seen.master_keys.get(other) else {
            continue;
        };
        for (public, signatures) in signed {
            if same::public(there) != Some(public) || has(there, user, signatures) {
                continue;
            }
            let mut key = there.clone();
            key["signatures"] = json!({ user.as_str(): signatures });
            missing
                .entry(other.clone())
                .or_default()
                .insert(public.clone(), key);
        }
    }
    missing
}

/// Whether a key has all of a user's signatures.
pub(super) fn has(key: &Value, user: &UserId, signatures: &BTreeMap<String, String>) -> bool {
    let there = &key["signatures"][user.as_str()];
    signatures
        .iter()
        .all(|(by, signature)| there[by] == signature.as_str())
}

#[cfg(test)]
mod tests {
    use ruma::{owned_user_id, server_name, user_id};

    use super::*;

    #[test]
    fn only_what_can_be_signed_and_is_not_yet_is_uploaded() {
        let signed = |public: &str| {
            BTreeMap::from([(
                public.to_owned(),
                BTreeMap::from([("ed25519:usk".to_owned(), "by-usk".to_owned())]),
            )])
        };
        let key = json!({ "keys": { "ed25519:usk": "usk" } });
        let keys = CrossSigning {
            user_signing_key: Some(serde_json::value::to_raw_value(&key).unwrap()),
            signed_users: [
                (owned_user_id!("@b:x"), signed("b")),
                (owned_user_id!("@c:x"), signed("c")),
                (owned_user_id!("@d:x"), signed("former")),
                (owned_user_id!("@e:elsewhere"), signed("e")),
                (
                    owned_user_id!("@f:x"),
                    BTreeMap::from([(
                        "f".to_owned(),
                        BTreeMap::from([("ed25519:former".to_owned(), "s".to_owned())]),
                    )]),
                ),
            ]
            .into(),
            ..CrossSigning::default()
        };
        let key = |public: &str, signatures: Value| json!({ "usage": ["master"], "keys": { format!("ed25519:{public}"): public }, "signatures": signatures });
        let seen = SeenKeys {
            master_keys: [
                (
                    owned_user_id!("@b:x"),
                    key("b", json!({ "@b:x": { "ed25519:b": "own" } })),
                ),
                (
                    owned_user_id!("@c:x"),
                    key("c", json!({ "@a:x": { "ed25519:usk": "by-usk" } })),
                ),
                (owned_user_id!("@d:x"), key("d", json!({}))),
            ]
            .into(),
            ..SeenKeys::default()
        };
        let signed = made(&keys, server_name!("x"));
        assert_eq!(signed.len(), 3);
        insta::assert_json_snapshot!(missing(user_id!("@a:x"), &signed, &seen), @r#"
        {
          "@b:x": {
            "b": {
              "keys": {
                "ed25519:b": "b"
              },
              "signatures": {
                "@a:x": {
                  "ed25519:usk": "by-usk"
                }
              },
              "usage": [
                "master"
              ]
            }
          }
        }
        "#);
    }
}

//! Whom each user has verified: their signatures of others' identities, once those are there.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde_json::{Value, json};

use super::{how, identities, same};
use crate::{
    Result,
    bundle::OfUser,
    job::Phase,
    ledger::{Outcome, Step},
    migration::context::{Each, Import},
    model::cross_signing::CrossSigning,
    target::cross_signing::SeenKeys,
};

/// Users at once.
const IN_FLIGHT: usize = 8;

/// Uploads the signatures of all whose identity was carried.
pub async fn run(import: &Import) -> Result<()> {
    let users = identities::carried(import);
    let each = Each {
        phase: Phase::Signatures,
        name: "verified people",
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
    import.job.check()?;
    let ledger = &import.ledger;
    let identity = ledger.entry(Step::Identity, user)?;
    let is_carried = identity.is_some_and(|entry| entry.is_done() && entry.detail == how::CARRIED);
    if ledger.is_done(Step::Signatures, user)? || !is_carried {
        return Ok(());
    }
    let keys: CrossSigning = import.bundle.of_user(OfUser::CrossSigning, user)?;
    if !keys.signed_users.is_empty() {
        let others = keys.signed_users.keys().map(AsRef::as_ref);
        let seen = import.target.cross_signing(user, others).await?;
        let missing = missing(user, &keys, &seen);
        if !missing.is_empty() {
            import
                .target
                .upload_signatures(user, &json!(missing))
                .await?;
        }
    }
    ledger.record(Step::Signatures, user, &Outcome::Done(how::CARRIED))
}

/// The signatures that the target has not, each with the key that it signs, as the target has it. Whose key it doesn't
/// know, such as that of a user of another server, nobody can sign there.
fn missing(
    user: &UserId,
    keys: &CrossSigning,
    seen: &SeenKeys,
) -> BTreeMap<OwnedUserId, BTreeMap<String, Value>> {
    let mut missing: BTreeMap<OwnedUserId, BTreeMap<String, Value>> = BTreeMap::new();
    for (other, signed) in &keys.signed_users {
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
    use ruma::{owned_user_id, user_id};

    use super::*;

    #[test]
    fn only_what_can_be_signed_and_is_not_yet_is_uploaded() {
        let signed = |public: &str| {
            BTreeMap::from([(
                public.to_owned(),
                BTreeMap::from([("ed25519:usk".to_owned(), "by-usk".to_owned())]),
            )])
        };
        let keys = CrossSigning {
            signed_users: [
                (owned_user_id!("@b:x"), signed("b")),
                (owned_user_id!("@c:x"), signed("c")),
                (owned_user_id!("@d:x"), signed("former")),
                (owned_user_id!("@e:elsewhere"), signed("e")),
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
        insta::assert_json_snapshot!(missing(user_id!("@a:x"), &keys, &seen), @r#"
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

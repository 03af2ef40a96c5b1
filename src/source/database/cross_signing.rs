//! `e2e_cross_signing_keys` and `e2e_cross_signing_signatures`: a user's identity, and whom they have verified.

use std::collections::BTreeMap;

use ruma::OwnedUserId;
use serde_json::{Map, Value, value::to_raw_value};

use super::{
    Database,
    batch::{Batch, text},
    device_keys::sign,
};
use crate::{Result, bundle::UserRecord};

/// A user's keys by kind.
type Keys = BTreeMap<String, Map<String, Value>>;

/// The latest key of each kind with the user's own signatures, and the user's signatures of others.
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let mut all: BTreeMap<String, Keys> = BTreeMap::new();
    let list = batch.list();
    // Former keys stay in the table: a later row takes the place of the one before.
    let sql = format!(
        "SELECT user_id, keytype, keydata FROM e2e_cross_signing_keys WHERE user_id IN {list} ORDER BY stream_id"
    );
    batch.each(database, "cross-signing keys", &sql, |user, row| {
        let kind = text(row, 1, "kind")?;
        let keys = all.entry(user.user.user_id.to_string()).or_default();
        // An unreadable key must not leave the former one in its place.
        keys.remove(kind);
        let key = serde_json::from_str(text(row, 2, "key")?)
            .map_err(|error| format!("the {kind} key is no JSON object ({error})"))?;
        keys.insert(kind.to_owned(), key);
        Ok(())
    })?;
    let sql = format!(
        "SELECT user_id, target_user_id, target_device_id, key_id, signature FROM e2e_cross_signing_signatures \
         WHERE user_id IN {list}"
    );
    batch.each(database, "cross-signing keys", &sql, |user, row| {
        let (target, signed) = (text(row, 1, "signed user")?, text(row, 2, "signed key")?);
        let (key_id, signature) = (text(row, 3, "key ID")?, text(row, 4, "signature")?);
        let own = user.user.user_id.as_str();
        if target == own {
            let keys = all.get_mut(own).into_iter().flat_map(BTreeMap::values_mut);
            for key in keys.filter(|key| is(key, signed)) {
                sign(key, own, key_id, signature);
            }
            return Ok(());
        }
        let target = OwnedUserId::try_from(target)
            .map_err(|error| format!("it has signed {target:?}, which is no user ID ({error})"))?;
        let signed_users = user.cross_signing.signed_users.entry(target).or_default();
        let signatures = signed_users.entry(signed.to_owned()).or_default();
        signatures.insert(key_id.to_owned(), signature.to_owned());
        Ok(())
    })?;
    batch.settle("cross-signing keys", |user| {
        let keys = all.remove(user.user.user_id.as_str()).unwrap_or_default();
        keys.into_iter()
            .filter_map(|(kind, key)| put(user, &kind, &key).err())
            .collect()
    });
    Ok(())
}

/// Whether an object is about this public key: signatures name what they sign by it.
fn is(key: &Map<String, Value>, public: &str) -> bool {
    let keys = key.get("keys").and_then(Value::as_object);
    keys.is_some_and(|keys| keys.values().any(|key| key == public))
}

fn put(user: &mut UserRecord, kind: &str, key: &Map<String, Value>) -> Result<(), String> {
    let to = &mut user.cross_signing;
    let place = match kind {
        "master" => &mut to.master_key,
        "self_signing" => &mut to.self_signing_key,
        "user_signing" => &mut to.user_signing_key,
        _ => return Err(format!("there is a key of the unknown kind {kind:?}")),
    };
    *place = Some(to_raw_value(key).map_err(|error| error.to_string())?);
    Ok(())
}

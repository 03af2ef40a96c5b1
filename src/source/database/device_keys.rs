//! `e2e_device_keys_json`: the devices' identity keys, with the signatures that are kept in another table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, value::to_raw_value};

use super::{
    Database,
    batch::{Batch, text},
};
use crate::Result;

/// In the shape of `POST /_matrix/client/v3/keys/query` without `unsigned`, the self-signing key's signature included
/// (`storage/databases/main/end_to_end_keys.py`, `get_e2e_device_keys_and_signatures`).
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let mut keys: BTreeMap<(String, String), Map<String, Value>> = BTreeMap::new();
    let list = batch.list();
    let sql = format!(
        "SELECT d.user_id, d.device_id, k.key_json FROM devices d JOIN e2e_device_keys_json k \
         ON k.user_id = d.user_id AND k.device_id = d.device_id WHERE NOT d.hidden AND d.user_id IN {list}"
    );
    batch.each(database, "device keys", &sql, |user, row| {
        let device = text(row, 1, "device ID")?;
        let mut key: Map<String, Value> = serde_json::from_str(text(row, 2, "key")?)
            .map_err(|error| format!("the keys of {device} are no JSON object ({error})"))?;
        key.remove("unsigned");
        keys.insert((user.user.user_id.to_string(), device.to_owned()), key);
        Ok(())
    })?;
    let sql = format!(
        "SELECT user_id, target_device_id, key_id, signature FROM e2e_cross_signing_signatures \
         WHERE user_id = target_user_id AND user_id IN {list}"
    );
    batch.each(database, "device keys", &sql, |user, row| {
        let name = user.user.user_id.to_string();
        let target = (name, text(row, 1, "signed key")?.to_owned());
        if let Some(key) = keys.get_mut(&target) {
            sign(
                key,
                &target.0,
                text(row, 2, "key ID")?,
                text(row, 3, "signature")?,
            );
        }
        Ok(())
    })?;
    let mut keys = keys.into_iter().peekable();
    batch.settle("device keys", |user| {
        let mut faults = Vec::new();
        while let Some(((_, device), key)) =
            keys.next_if(|((name, _), _)| name == user.user.user_id.as_str())
        {
            match to_raw_value(&key) {
                Ok(key) => drop(user.device_keys.insert(device, key)),
                Err(error) => faults.push(format!("{device} can't be written ({error})")),
            }
        }
        faults
    });
    Ok(())
}

/// Puts a signature into a key object.
pub(super) fn sign(key: &mut Map<String, Value>, user: &str, key_id: &str, signature: &str) {
    let mut at = key;
    for name in ["signatures", user] {
        let below = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if !below.is_object() {
            *below = Value::Object(Map::new());
        }
        let Value::Object(below) = below else { return };
        at = below;
    }
    at.insert(key_id.to_owned(), signature.into());
}

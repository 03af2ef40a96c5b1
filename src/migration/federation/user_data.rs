//! What users keep for themselves, with the new IDs in it. No I/O.

use std::collections::BTreeMap;

use ruma::UserId;
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::new_ids::NewIds;
use crate::{
    Error, Result,
    model::{account_data::AccountData, push_rules::PushRules},
};

/// Old accounts stay ignored, too: what they have said stays where it is.
const IGNORED: &str = "m.ignored_user_list";

/// Puts new IDs in; secrets of an encryption identity are taken out, for that belongs to the old ID.
pub fn moved(
    data: &mut AccountData,
    rules: &mut PushRules,
    ids: &NewIds,
    comes: &impl Fn(&UserId) -> bool,
) -> Result<()> {
    let _stays_behind = data.take_secrets();
    for (kind, content) in &mut data.global {
        rewrite(kind, content, ids, comes)?;
    }
    for data in data.rooms.values_mut() {
        all(data, ids, comes)?;
    }
    let mut value = serde_json::to_value(&*rules).map_err(failed)?;
    ids.rewrite(&mut value, comes);
    *rules = serde_json::from_value(value).map_err(failed)?;
    Ok(())
}

fn all(
    data: &mut BTreeMap<String, Box<RawValue>>,
    ids: &NewIds,
    comes: &impl Fn(&UserId) -> bool,
) -> Result<()> {
    data.iter_mut()
        .try_for_each(|(kind, content)| rewrite(kind, content, ids, comes))
}

/// What names nobody of the old server stays as it is written.
fn rewrite(
    kind: &str,
    content: &mut Box<RawValue>,
    ids: &NewIds,
    comes: &impl Fn(&UserId) -> bool,
) -> Result<()> {
    let Ok(before) = serde_json::from_str::<Value>(content.get()) else {
        return Ok(());
    };
    let mut value = before.clone();
    ids.rewrite(&mut value, comes);
    if value == before {
        return Ok(());
    }
    if kind == IGNORED
        && let (Some(new), Some(old)) = (ignored(&mut value), before["ignored_users"].as_object())
    {
        new.extend(old.clone());
    }
    *content = to_raw_value(&value).map_err(failed)?;
    Ok(())
}

fn ignored(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.get_mut("ignored_users")?.as_object_mut()
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: serde_json::Error) -> Error {
    Error::Target(format!(
        "their data can't be written with new user IDs ({error}): report this as a bug"
    ))
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_named_anew_and_secrets_stay_behind() {
        let data = json!({
            "global": {
                "m.direct": { "@ben:old.test": ["!a:old.test"], "@far:far.test": ["!b:old.test"] },
                "m.ignored_user_list": { "ignored_users": { "@bad:old.test": {} } },
                "m.secret_storage.default_key": { "key": "k" },
                "m.cross_signing.master": {}, "m.megolm_backup.v1": {},
                "org.x": { "n":  1.0 },
            },
            "rooms": { "!a:old.test": { "m.tag": { "tags": { "m.favourite": {} } }, "org.x": { "by": "@ben:old.test" } } },
        });
        let rules = json!({ "sender": [{ "rule_id": "@ben:old.test", "actions": [] }] });
        let mut data: AccountData = serde_json::from_str(&data.to_string()).unwrap();
        let mut rules: PushRules = serde_json::from_value(rules).unwrap();
        let ids = NewIds::between(server_name!("old.test"), server_name!("new.test"));
        moved(&mut data, &mut rules, &ids, &|_| true).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&data).unwrap(), @r###"{"global":{"m.direct":{"@ben:new.test":["!a:old.test"],"@far:far.test":["!b:old.test"]},"m.ignored_user_list":{"ignored_users":{"@bad:new.test":{},"@bad:old.test":{}}},"org.x":{"n":1.0}},"rooms":{"!a:old.test":{"m.tag":{"tags":{"m.favourite":{}}},"org.x":{"by":"@ben:new.test"}}}}"###);
        insta::assert_snapshot!(serde_json::to_string(&rules).unwrap(), @r###"{"sender":[{"actions":[],"rule_id":"@ben:new.test"}]}"###);
    }
}

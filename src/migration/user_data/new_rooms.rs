//! What users keep about rooms that were made anew: with the new IDs, and without what was read there.

use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::Theirs;
use crate::{Error, Result, migration::local::anew::Anew, model::push_rules::PushRules};

impl Theirs {
    /// Puts the rooms' new IDs in the place of the old ones. The events that were read are not there any more.
    pub(super) fn in_new_rooms(&mut self, anew: &Anew) -> Result<()> {
        if anew.is_empty() {
            return Ok(());
        }
        self.read.receipts.retain(|room, _| !anew.has(room));
        self.read.markers.retain(|room, _| !anew.has(room));
        for content in self.account_data.global.values_mut() {
            rewrite(content, anew)?;
        }
        let rooms = std::mem::take(&mut self.account_data.rooms);
        for (room, mut data) in rooms {
            for content in data.values_mut() {
                rewrite(content, anew)?;
            }
            // Of one that is not there yet nobody knows the ID.
            if let Some(id) = anew.id(&room) {
                self.account_data.rooms.insert(id.to_owned(), data);
            }
        }
        let mut rules = serde_json::to_value(&self.push_rules).map_err(failed)?;
        anew.rewrite(&mut rules);
        self.push_rules = serde_json::from_value::<PushRules>(rules).map_err(failed)?;
        Ok(())
    }

    /// A room that it names and that is to be made anew, but is not there yet.
    pub(super) fn unmade(&self, anew: &Anew) -> Option<String> {
        if anew.is_empty() {
            return None;
        }
        let data = &self.account_data;
        let rooms = data.rooms.iter();
        let contents = rooms.flat_map(|(_, data)| data.values());
        let in_contents = data.global.values().chain(contents).find_map(|content| {
            let value: Value = serde_json::from_str(content.get()).ok()?;
            anew.unmade(&value).map(str::to_owned)
        });
        let in_rules = || {
            let rules = serde_json::to_value(&self.push_rules).ok()?;
            anew.unmade(&rules).map(str::to_owned)
        };
        let by_room = || {
            let mut rooms = data.rooms.keys();
            rooms.find_map(|room| anew.is_unmade(room.as_str()).map(str::to_owned))
        };
        in_contents.or_else(by_room).or_else(in_rules)
    }
}

/// What names none of them stays as it is written.
fn rewrite(content: &mut Box<RawValue>, anew: &Anew) -> Result<()> {
    let Ok(before) = serde_json::from_str::<Value>(content.get()) else {
        return Ok(());
    };
    let mut value = before.clone();
    anew.rewrite(&mut value);
    if value != before {
        *content = to_raw_value(&value).map_err(failed)?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: serde_json::Error) -> Error {
    Error::Target(format!(
        "their data can't be written with new room IDs ({error}): report this as a bug"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::migration::user_data::receipts::Read;

    #[test]
    fn rooms_are_named_anew_in_everything_of_a_user() {
        let data = json!({
            "global": { "m.direct": { "@ben:x": ["!a:x", "!b:x"] }, "org.x": { "n":  1.0 } },
            "rooms": { "!a:x": { "m.tag": { "tags": { "m.favourite": {} } } } },
        });
        let rules = json!({
            "room": [{ "rule_id": "!a:x", "actions": [] }],
            "override": [{ "rule_id": "x", "conditions": [{ "kind": "event_match", "key": "room_id", "pattern": "!a:x" }] }],
        });
        let mut theirs = Theirs {
            account_data: serde_json::from_str(&data.to_string()).unwrap(),
            push_rules: serde_json::from_value(rules).unwrap(),
            read: Read {
                receipts: [("!a:x", vec![]), ("!b:x", vec![])]
                    .map(|(room, read)| (room.try_into().unwrap(), read))
                    .into(),
                markers: [("!a:x".try_into().unwrap(), "$e".to_owned())].into(),
            },
        };
        let unmade = Anew::sample(&[("!a:x", "")]);
        assert_eq!(theirs.unmade(&unmade).as_deref(), Some("!a:x"));
        let anew = Anew::sample(&[("!a:x", "!new:x")]);
        assert_eq!(theirs.unmade(&anew), None);
        theirs.in_new_rooms(&anew).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&theirs.account_data).unwrap(), @r#"{"global":{"m.direct":{"@ben:x":["!new:x","!b:x"]},"org.x":{"n":1.0}},"rooms":{"!new:x":{"m.tag":{"tags":{"m.favourite":{}}}}}}"#);
        insta::assert_snapshot!(serde_json::to_string(&theirs.push_rules).unwrap(), @r#"{"override":[{"conditions":[{"key":"room_id","kind":"event_match","pattern":"!new:x"}],"rule_id":"x"}],"room":[{"actions":[],"rule_id":"!new:x"}]}"#);
        assert_eq!(
            theirs
                .read
                .receipts
                .keys()
                .map(|room| room.as_str())
                .collect::<Vec<_>>(),
            ["!b:x"]
        );
        assert!(theirs.read.markers.is_empty());
    }
}

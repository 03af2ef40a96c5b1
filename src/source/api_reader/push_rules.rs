//! A user's own push rules, and the default ones that they changed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{model::push_rules::PushRules, source::push_defaults};

/// From all rules by kind, as Synapse gives them.
pub(super) fn of(mut served: BTreeMap<String, Vec<Value>>) -> PushRules {
    let mut kind = |kind: &str| {
        let rules = served.remove(kind).unwrap_or_default();
        rules.into_iter().filter_map(kept).collect()
    };
    PushRules {
        override_: kind("override"),
        content: kind("content"),
        room: kind("room"),
        sender: kind("sender"),
        underride: kind("underride"),
    }
}

fn kept(rule: Value) -> Option<Value> {
    if rule["default"] != true {
        return Some(rule);
    }
    let id = rule["rule_id"].as_str()?;
    let (enabled, actions) = (rule["enabled"] == true, &rule["actions"]);
    (!push_defaults::is_default(id, enabled, actions))
        .then(|| push_defaults::changed(id, enabled, actions))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_rules_stay_whole_and_changed_ones_lose_their_conditions() {
        let own = json!({"rule_id": "ferry", "default": false, "enabled": true, "pattern": "f*", "actions": ["notify"]});
        let rule = |enabled: bool| {
            json!({"rule_id": ".m.rule.message", "default": true, "enabled": enabled, "actions": ["notify"],
                "conditions": [{"kind": "event_match", "key": "type", "pattern": "m.room.message"}]})
        };
        let served = BTreeMap::from([
            ("content".to_owned(), vec![own.clone()]),
            ("underride".to_owned(), vec![rule(false), rule(true)]),
        ]);
        let rules = of(served);
        assert_eq!(rules.content, [own]);
        assert_eq!(
            rules.underride,
            [
                json!({"rule_id": ".m.rule.message", "default": true, "enabled": false, "actions": ["notify"]})
            ]
        );
        assert!(rules.override_.is_empty());
    }
}

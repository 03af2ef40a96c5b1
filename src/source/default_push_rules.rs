//! The push rules that every user of Synapse's has, to tell which ones a user has changed.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::push_rules::meaning::Actions;

/// As Synapse 1.163 has them without experimental features (`rust/src/push/base_rules.rs`), in order of priority.
const RULES: &str = include_str!("default_push_rules.json");

/// The rule that comes before a user's own; all others come after.
const FIRST: &str = "global/override/.m.rule.master";

/// A default rule.
#[derive(Debug, Clone)]
pub struct DefaultRule {
    /// `global/<kind>/<rule>`.
    pub id: String,
    /// Whether it comes before a user's own rules of its kind.
    pub is_first: bool,
    /// In the shape of `GET /_matrix/client/v3/pushrules/`, as long as nobody has changed it.
    pub rule: Map<String, Value>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(flatten)]
    rule: Map<String, Value>,
}

/// A user's default rules. Their own ID and name are in some of them.
#[must_use]
pub fn of(user_id: &str, localpart: &str) -> Vec<DefaultRule> {
    let listed: Vec<Listed> = serde_json::from_str(RULES).unwrap_or_default();
    listed
        .into_iter()
        .map(|Listed { id, mut rule }| {
            fill(&mut rule, user_id, localpart);
            for condition in rule
                .get_mut("conditions")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if let Value::Object(condition) = condition {
                    fill(condition, user_id, localpart);
                }
            }
            let unknown = DefaultRule::unknown(&id);
            rule.extend(unknown.rule);
            DefaultRule {
                is_first: id == FIRST,
                rule,
                id,
            }
        })
        .collect()
}

/// `push/clientformat.py`, `_convert_type_to_value`.
fn fill(rule: &mut Map<String, Value>, user_id: &str, localpart: &str) {
    for name in ["pattern", "value"] {
        let of = rule.remove(&format!("{name}_type"));
        let value = match of.as_ref().and_then(Value::as_str) {
            Some("user_id") => user_id,
            Some("user_localpart") => localpart,
            _ => continue,
        };
        rule.insert(name.to_owned(), value.into());
    }
}

impl DefaultRule {
    /// One of which nothing is known but its ID.
    #[must_use]
    pub fn unknown(id: &str) -> Self {
        let name = id.rsplit('/').next().unwrap_or(id);
        let rule = Map::from_iter([
            ("rule_id".to_owned(), name.into()),
            ("default".to_owned(), true.into()),
        ]);
        Self {
            id: id.to_owned(),
            is_first: false,
            rule,
        }
    }

    /// The rule as its user has it.
    #[must_use]
    pub fn with(mut self, actions: Option<Value>, enabled: Option<bool>) -> Map<String, Value> {
        if let Some(actions) = actions {
            self.rule.insert("actions".to_owned(), actions);
        }
        if let Some(enabled) = enabled {
            self.rule.insert("enabled".to_owned(), enabled.into());
        }
        self.rule
    }

    /// The same, but nothing if that is how the server made it.
    #[must_use]
    pub fn changed(
        self,
        actions: Option<Value>,
        enabled: Option<bool>,
    ) -> Option<(Self, Map<String, Value>)> {
        let rule = self.clone().with(actions, enabled);
        (!self.is_meant_by(&rule)).then_some((self, rule))
    }

    /// Whether a rule of this ID is as the server made it: on or off like it, and doing the same.
    #[must_use]
    pub fn is_meant_by(&self, rule: &Map<String, Value>) -> bool {
        let actions = |rule: &Map<String, Value>| rule.get("actions").map(Actions::of);
        self.rule.get("enabled") == rule.get("enabled") && actions(&self.rule) == actions(rule)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_is_read_and_filled() {
        let rules = of("@anna:ferry.test", "anna");
        assert_eq!(rules.len(), 19);
        assert!(rules[0].is_first && rules.iter().filter(|rule| rule.is_first).count() == 1);
        let mention = rules
            .iter()
            .find(|rule| rule.id.ends_with(".m.rule.is_user_mention"))
            .unwrap();
        insta::assert_json_snapshot!(mention.rule, @r#"
        {
          "actions": [
            "notify",
            {
              "set_tweak": "highlight"
            },
            {
              "set_tweak": "sound",
              "value": "default"
            }
          ],
          "conditions": [
            {
              "key": "content.m\\.mentions.user_ids",
              "kind": "event_property_contains",
              "value": "@anna:ferry.test"
            }
          ],
          "default": true,
          "enabled": true,
          "rule_id": ".m.rule.is_user_mention"
        }
        "#);
        let name = rules
            .iter()
            .find(|rule| rule.id.ends_with(".m.rule.contains_user_name"))
            .unwrap();
        assert_eq!(name.rule["pattern"], "anna");
    }

    #[test]
    fn what_says_the_same_is_the_default() {
        let rules = of("@anna:ferry.test", "anna");
        let default = |id: &str| rules.iter().find(|rule| rule.id.ends_with(id)).unwrap();
        let message = default(".m.rule.message");
        let is_meant = |default: &DefaultRule, enabled: bool, actions: &Value| {
            let rule = json!({ "enabled": enabled, "actions": actions });
            default.is_meant_by(rule.as_object().unwrap())
        };
        for same in [
            json!(["notify", {"set_tweak": "highlight", "value": false}]),
            json!(["notify"]),
            json!([{"set_tweak": "highlight", "value": false}, "notify", "coalesce"]),
        ] {
            assert!(is_meant(message, true, &same), "{same}");
            assert!(!is_meant(message, false, &same), "{same}");
        }
        for other in [
            json!([]),
            json!(["dont_notify"]),
            json!(["notify", {"set_tweak": "highlight"}]),
            json!(["notify", {"set_tweak": "sound", "value": "ding"}]),
        ] {
            assert!(!is_meant(message, true, &other), "{other}");
        }
        let master = default(".m.rule.master");
        assert!(is_meant(master, false, &json!(["dont_notify"])));
        assert!(!is_meant(master, true, &json!([])));
    }

    #[test]
    fn an_unchanged_rule_is_left_out() {
        let message = || {
            let mut rules = of("@anna:ferry.test", "anna").into_iter();
            rules
                .find(|rule| rule.id.ends_with(".m.rule.message"))
                .unwrap()
        };
        assert!(message().changed(None, None).is_none());
        let same = message().rule["actions"].clone();
        assert!(message().changed(Some(same), Some(true)).is_none());
        let (_, rule) = message().changed(None, Some(false)).unwrap();
        assert_eq!(rule["enabled"], false);
        let (_, rule) = message().changed(Some(Value::Array(vec![])), None).unwrap();
        assert_eq!(rule["actions"], Value::Array(vec![]));
    }
}

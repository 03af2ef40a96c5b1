//! What a push rule says, however its server writes it.

use serde_json::{Value, json};

/// What is done: older versions of Synapse, newer ones and Tuwunel write the same differently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actions {
    notify: bool,
    highlight: bool,
    /// Everything else, sorted.
    others: Vec<String>,
}

impl Actions {
    /// From a rule's `actions`.
    #[must_use]
    pub fn of(actions: &Value) -> Self {
        let mut meaning = Self {
            notify: false,
            highlight: false,
            others: Vec::new(),
        };
        for action in actions.as_array().into_iter().flatten() {
            match (action.as_str(), action["set_tweak"].as_str()) {
                (Some("notify"), _) => meaning.notify = true,
                // Deprecated ones that say nothing.
                (Some("dont_notify" | "coalesce"), _) => {}
                (_, Some("highlight")) => {
                    meaning.highlight = action.get("value") != Some(&json!(false));
                }
                _ => meaning.others.push(action.to_string()),
            }
        }
        meaning.others.sort();
        meaning
    }
}

/// When and what: two rules with equal bodies do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    conditions: Vec<Value>,
    pattern: Option<String>,
    actions: Actions,
}

impl Body {
    /// From a rule as `GET /pushrules/` shows it.
    #[must_use]
    pub fn of(rule: &Value) -> Self {
        let conditions = rule["conditions"].as_array();
        Self {
            conditions: conditions.into_iter().flatten().map(condition).collect(),
            pattern: rule["pattern"].as_str().map(str::to_owned),
            actions: Actions::of(&rule["actions"]),
        }
    }
}

/// `==2` members and `2` members are the same.
fn condition(condition: &Value) -> Value {
    let mut condition = condition.clone();
    let count = condition["is"]
        .as_str()
        .and_then(|is| is.strip_prefix("=="));
    if let Some(count) = count.map(str::to_owned) {
        condition["is"] = count.into();
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words() {
        let body = |rule| Body::of(&rule);
        let two = |is| json!([{ "kind": "room_member_count", "is": is }]);
        let quiet = json!(["notify", { "set_tweak": "highlight", "value": false }]);
        assert_eq!(
            body(json!({ "conditions": two("==2"), "actions": quiet, "enabled": true })),
            body(json!({ "conditions": two("2"), "actions": ["notify"], "enabled": false }))
        );
        assert_eq!(
            body(json!({ "actions": ["dont_notify"] })),
            body(json!({ "actions": [], "conditions": [] }))
        );
        assert_ne!(
            body(json!({ "conditions": two("<2"), "actions": [] })),
            body(json!({ "conditions": two("2"), "actions": [] }))
        );
        assert_ne!(
            body(json!({ "pattern": "a", "actions": [] })),
            body(json!({ "pattern": "b", "actions": [] }))
        );
    }
}

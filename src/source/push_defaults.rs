//! Synapse's default push rules: what a user has who changed none.

use serde_json::{Value, json};

/// Rule, whether it is on, and its actions: as Synapse 1.163 gives them to a new user.
///
/// Source: `GET /_matrix/client/v3/pushrules/` of such a user; the specification has the same but for `.im.vector.jitsi`.
fn defaults() -> [(&'static str, bool, Value); 19] {
    let silent = json!({"set_tweak": "highlight", "value": false});
    let highlight = json!({"set_tweak": "highlight"});
    let sound = json!({"set_tweak": "sound", "value": "default"});
    let ring = json!({"set_tweak": "sound", "value": "ring"});
    let quiet = json!(["notify", silent]);
    let loud = json!(["notify", sound, silent]);
    let mention = json!(["notify", highlight, sound]);
    let marked = json!(["notify", highlight]);
    let none = json!([]);
    [
        (".m.rule.master", false, none.clone()),
        (".m.rule.suppress_notices", true, none.clone()),
        (
            ".m.rule.invite_for_me",
            true,
            json!(["notify", silent, sound]),
        ),
        (".m.rule.member_event", true, none.clone()),
        (".m.rule.is_user_mention", true, mention.clone()),
        (".m.rule.contains_display_name", true, mention.clone()),
        (".m.rule.is_room_mention", true, marked.clone()),
        (".m.rule.roomnotif", true, marked.clone()),
        (".m.rule.tombstone", true, marked),
        (".m.rule.reaction", true, none.clone()),
        (".m.rule.room.server_acl", true, none.clone()),
        (".m.rule.suppress_edits", true, none),
        (".m.rule.contains_user_name", true, mention),
        (".m.rule.call", true, json!(["notify", ring, silent])),
        (".m.rule.encrypted_room_one_to_one", true, loud.clone()),
        (".m.rule.room_one_to_one", true, loud),
        (".m.rule.message", true, quiet.clone()),
        (".m.rule.encrypted", true, quiet.clone()),
        (".im.vector.jitsi", true, quiet),
    ]
}

/// Whether a default rule is on, and its actions, where the user changed neither. None for a rule that isn't known.
pub fn default(rule_id: &str) -> Option<(bool, Value)> {
    let (_, enabled, actions) = defaults().into_iter().find(|(id, ..)| *id == rule_id)?;
    Some((enabled, actions))
}

/// A default rule in the bundle, where the user changed it: what can be changed, and its name.
///
/// Its conditions are the same on every server, and not said again.
pub fn changed(rule_id: &str, enabled: bool, actions: &Value) -> Value {
    json!({ "rule_id": rule_id, "default": true, "enabled": enabled, "actions": actions })
}

/// Whether a default rule is as the server made it. One that isn't known (of an experiment, say) counts as such while
/// it is on.
pub fn is_default(rule_id: &str, enabled: bool, actions: &Value) -> bool {
    default(rule_id).map_or(enabled, |(was_enabled, were)| {
        enabled == was_enabled && meaning(actions) == meaning(&were)
    })
}

/// Notify or not, highlight or not, and the other tweaks: older versions of Synapse write the same differently.
fn meaning(actions: &Value) -> (bool, bool, Vec<String>) {
    let (mut notify, mut highlight, mut tweaks) = (false, false, Vec::new());
    for action in actions.as_array().into_iter().flatten() {
        match (action.as_str(), action["set_tweak"].as_str()) {
            (Some("notify"), _) => notify = true,
            // Deprecated ones that say nothing.
            (Some("dont_notify" | "coalesce"), _) => {}
            (_, Some("highlight")) => highlight = action.get("value") != Some(&json!(false)),
            _ => tweaks.push(action.to_string()),
        }
    }
    tweaks.sort();
    (notify, highlight, tweaks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_the_default() {
        let rule = ".m.rule.message";
        for same in [
            json!(["notify", {"set_tweak": "highlight", "value": false}]),
            json!(["notify"]),
            json!([{"set_tweak": "highlight", "value": false}, "notify", "coalesce"]),
        ] {
            assert!(is_default(rule, true, &same), "{same}");
            assert!(!is_default(rule, false, &same), "{same}");
        }
        for other in [
            json!([]),
            json!(["dont_notify"]),
            json!(["notify", {"set_tweak": "highlight"}]),
            json!(["notify", {"set_tweak": "sound", "value": "ding"}]),
        ] {
            assert!(!is_default(rule, true, &other), "{other}");
        }
        assert!(is_default(".m.rule.master", false, &json!(["dont_notify"])));
        assert!(!is_default(".m.rule.master", true, &json!([])));
    }

    #[test]
    fn a_rule_that_is_not_known_counts_as_the_servers_while_it_is_on() {
        assert!(is_default(".org.example", true, &json!(["notify"])));
        assert!(!is_default(".org.example", false, &json!(["notify"])));
    }
}

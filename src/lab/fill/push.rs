//! Push rules of one's own, changed default rules, and pushers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Town;
use crate::lab::{
    Result,
    client::{Client, v3},
};

/// Nobody listens on port 9: a push is tried and fails.
const GATEWAY: &str = "http://127.0.0.1:9/_matrix/push/v1/notify";

/// One user's changes of the rules that the server begins with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushRules {
    /// Rules of the user's own.
    pub own: Vec<PushRule>,
    /// Kind, rule ID, and whether it was switched on or off.
    pub enabled: Vec<(&'static str, String, bool)>,
    /// Kind, ID and new actions of default rules.
    pub actions: Vec<(&'static str, String, Value)>,
}

/// A rule as sent; its `rule_id`, `default: false` and `enabled` come in the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PushRule {
    /// `override`, `content`, `room`, `sender` or `underride`.
    pub kind: &'static str,
    /// Its name; a room's or a user's ID for those two kinds.
    pub rule_id: String,
    /// Actions, and conditions or pattern.
    pub body: Value,
}

/// By user ID: rules, and pushers as `/pushers/set` took them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Push {
    /// Changed rules.
    pub rules: BTreeMap<String, PushRules>,
    /// All pushers.
    pub pushers: BTreeMap<String, Vec<Value>>,
}

/// Carol has changed everything; Bob, one switch.
pub(super) async fn push(town: &Town, rooms: &BTreeMap<&'static str, String>) -> Result<Push> {
    let (bob, carol) = (town.who("bob"), town.who("carol"));
    let of_carol = rules_of_carol(town, rooms);
    apply(carol, &of_carol).await?;
    let of_bob = PushRules {
        enabled: vec![("underride", ".m.rule.message".to_owned(), false)],
        ..PushRules::default()
    };
    apply(bob, &of_bob).await?;
    let http = |key: &str| {
        json!({
            "kind": "http",
            "app_id": "org.example.app",
            "app_display_name": "Example app",
            "device_display_name": "Telefon 📱",
            "pushkey": key,
            "lang": "de",
            "profile_tag": "",
            "data": { "url": GATEWAY, "format": "event_id_only", "org.example": { "n": 1 } },
        })
    };
    let email = json!({
        "kind": "email",
        "app_id": "m.email",
        "app_display_name": "Email notifications",
        "device_display_name": "carol@example.org",
        "pushkey": "carol@example.org",
        "lang": "en",
        "profile_tag": "",
        "data": {},
    });
    let pushers = BTreeMap::from([
        (bob.user_id().to_owned(), vec![http("key of bob")]),
        (
            carol.user_id().to_owned(),
            vec![http("key/of+carol="), email],
        ),
    ]);
    for client in [bob, carol] {
        for pusher in &pushers[client.user_id()] {
            client.post(&v3(&["pushers", "set"]), pusher).await?;
        }
    }
    Ok(Push {
        rules: [
            (bob.user_id().to_owned(), of_bob),
            (carol.user_id().to_owned(), of_carol),
        ]
        .into(),
        pushers,
    })
}

fn rules_of_carol(town: &Town, rooms: &BTreeMap<&'static str, String>) -> PushRules {
    let sound = json!(["notify", { "set_tweak": "sound", "value": "ding" }]);
    let rule = |kind, rule_id: &str, body| PushRule {
        kind,
        rule_id: rule_id.to_owned(),
        body,
    };
    let pattern = json!({ "kind": "event_match", "key": "content.body", "pattern": "Fähre*" });
    PushRules {
        own: vec![
            rule(
                "override",
                "org.example.ferry ⛴",
                json!({ "conditions": [pattern], "actions": sound }),
            ),
            rule(
                "override",
                "never",
                json!({ "conditions": [], "actions": [] }),
            ),
            rule(
                "content",
                "lunch",
                json!({ "pattern": "Mittag*", "actions": sound }),
            ),
            rule("room", &rooms["harbour"], json!({ "actions": [] })),
            rule("sender", town.id("mallory"), json!({ "actions": [] })),
            rule(
                "underride",
                "few",
                json!({
                    "conditions": [{ "kind": "room_member_count", "is": "<4" }],
                    "actions": ["notify"],
                }),
            ),
        ],
        enabled: vec![
            ("override", "never".to_owned(), false),
            ("override", ".m.rule.roomnotif".to_owned(), false),
            ("override", ".m.rule.master".to_owned(), false),
        ],
        actions: vec![("underride", ".m.rule.encrypted".to_owned(), sound.clone())],
    }
}

async fn apply(client: &Client, rules: &PushRules) -> Result<()> {
    let path = |parts: &[&str]| v3(&[&["pushrules", "global"], parts].concat());
    for rule in &rules.own {
        client
            .put(&path(&[rule.kind, &rule.rule_id]), &rule.body)
            .await?;
    }
    for (kind, id, enabled) in &rules.enabled {
        let body = json!({ "enabled": enabled });
        client.put(&path(&[kind, id, "enabled"]), &body).await?;
    }
    for (kind, id, actions) in &rules.actions {
        let body = json!({ "actions": actions });
        client.put(&path(&[kind, id, "actions"]), &body).await?;
    }
    Ok(())
}

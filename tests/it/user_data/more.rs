//! What the ordinary fill of a source lacks.

use ferryman::{
    demo::stage::Stage,
    lab::{client::v3, fill::ODD},
};
use serde_json::json;

/// Rules of each kind in an order that is not that of their making, odd names, an ignored user.
pub(super) async fn keep(stage: &Stage) {
    let filled = &stage.filled;
    let rooms = ["lobby", "harbour", "plaza", "vault"];
    for name in ["dave", ODD] {
        let client = filled.user(name);
        let rule = async |kind: &str, id: &str, query: &str, body| {
            let path = v3(&["pushrules", "global", kind, id]);
            client.put(&format!("{path}{query}"), &body).await.unwrap();
        };
        let quiet = json!({ "actions": ["dont_notify"] });
        let count = |is: &str| json!({ "conditions": [{ "kind": "room_member_count", "is": is }], "actions": ["notify", { "set_tweak": "highlight", "value": false }] });
        for id in ["one", "two", "three", "four é/ö".trim_end_matches("/ö")] {
            rule("override", id, "", count("==2")).await;
            rule("underride", id, "", count(">=3")).await;
            rule(
                "content",
                id,
                "",
                json!({ "pattern": id, "actions": ["notify", { "set_tweak": "highlight" }] }),
            )
            .await;
        }
        for room in rooms {
            rule("room", filled.room(room), "", quiet.clone()).await;
        }
        for user in ["alice", "bob", "erin"] {
            rule("sender", filled.user(user).user_id(), "", quiet.clone()).await;
        }
        rule("override", "between", "?after=three", count("2")).await;
        rule(
            "content",
            "before",
            "?before=one",
            json!({ "pattern": "x", "actions": [] }),
        )
        .await;
        for (kind, id, enabled) in [
            ("override", "two", false),
            ("sender", filled.user("bob").user_id(), false),
            ("override", ".m.rule.master", true),
            ("override", ".m.rule.suppress_notices", false),
            ("underride", ".m.rule.message", false),
        ] {
            let path = v3(&["pushrules", "global", kind, id, "enabled"]);
            client
                .put(&path, &json!({ "enabled": enabled }))
                .await
                .unwrap();
        }
        for (kind, id) in [
            ("underride", ".m.rule.room_one_to_one"),
            ("override", ".m.rule.is_user_mention"),
        ] {
            let path = v3(&["pushrules", "global", kind, id, "actions"]);
            client
                .put(&path, &json!({ "actions": ["notify"] }))
                .await
                .unwrap();
        }
        let field = v3(&["profile", client.user_id(), "m.tz"]);
        client
            .put(&field, &json!({ "m.tz": "Europe/Zürich" }))
            .await
            .unwrap();
        let field = v3(&["profile", client.user_id(), "org.example.pronouns"]);
        let value = json!([{ "language": "en", "summary": "they" }, 1.5, null]);
        client
            .put(&field, &json!({ "org.example.pronouns": value }))
            .await
            .unwrap();
        let ignored = json!({ "ignored_users": { filled.user("mallory").user_id(): {} } });
        client
            .set_account_data("m.ignored_user_list", &ignored)
            .await
            .unwrap();
        client
            .set_account_data("a/b?c#d%e", &json!({ "x": [null, { "y": "\u{0}" }] }))
            .await
            .unwrap();
    }
}

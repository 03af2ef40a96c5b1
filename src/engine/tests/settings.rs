//! What belongs to each user alone.

use serde_json::{Value, json};

use super::super::Asked;
use super::{
    sample::{ANNA, BEN},
    stage::{Source, Stage},
};

const HARBOUR: &str = "!harbour:ferry.test";

fn key<const N: usize>(parts: [&str; N]) -> [String; N] {
    parts.map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_has_their_own() {
    let source = Source::new();
    let stage = Stage::new(&source);
    // Ben has been there before: what he has of his own stays beside what comes.
    let own = json!({ "tags": { "u.own": {}, "u.x": { "order": 1 } } });
    let of_ben = key([BEN, HARBOUR, "m.tag"]);
    stage
        .world()
        .settings
        .account_data
        .insert(of_ben.clone(), own);
    let rule = |id: &str| json!({ "rule_id": id, "default": false, "enabled": true, "pattern": id, "actions": ["notify"] });
    let rules = vec![rule("a"), rule("own"), rule("b")];
    stage
        .world()
        .settings
        .push_rules
        .insert(key([BEN, "content"]), rules);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!(summary.user_data, 3);
    {
        let world = stage.world();
        let settings = &world.settings;
        let last = source.room(HARBOUR).last().to_string();
        for user in [ANNA, BEN] {
            let of = |room, kind| &settings.account_data[&key([user, room, kind])];
            assert_eq!(of("", "org.example/x"), &json!({ "n": 1.5 }));
            assert_eq!(of(HARBOUR, "m.fully_read"), &json!({ "event_id": last }));
            assert_eq!(settings.receipts[&key([user, HARBOUR, "m.read"])], last);
            let master = &settings.push_rules[&key([user, "override"])];
            assert_eq!(master[0]["enabled"], true);
        }
        // What was read up to an event that isn't there is left out.
        assert_eq!(settings.receipts.len(), 3);
        let rules = |user| -> Vec<(&Value, &Value)> {
            let rules = settings.push_rules[&key([user, "content"])].iter();
            rules
                .map(|rule| (&rule["rule_id"], &rule["enabled"]))
                .collect()
        };
        let (on, off) = (&json!(true), &json!(false));
        let [a, b, c, own] = ["a", "b", "c", "own"].map(|id| json!(id));
        assert_eq!(rules(ANNA), [(&c, on), (&a, off), (&b, on)]);
        assert_eq!(rules(BEN), [(&c, on), (&a, off), (&own, on), (&b, on)]);
        assert_eq!(
            settings.account_data[&of_ben],
            json!({ "tags": { "m.favourite": { "order": 0.5 }, "u.own": {}, "u.x": {} } })
        );
    }
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let counts = verification
        .user_data
        .parts()
        .map(|(name, part)| (name, part.equal, part.expected, part.known.len()));
    assert_eq!(
        counts,
        [
            ("profile fields", 0, 0, 0),
            ("account data", 6, 6, 0),
            ("push rules", 8, 8, 0),
            ("receipts", 5, 6, 1),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn private_receipts_without_a_place_are_known() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().settings.refuses_private = true;
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let known = verification.user_data.receipts.known.join("\n");
    let first = source.room(HARBOUR).events[0].0.to_string();
    insta::assert_snapshot!(known.replace(&first, "FIRST"), @r"
    @anna:ferry.test: the receipt m.read.private at FIRST in !harbour:ferry.test: that event came as backfill, where the target has no place for it
    @ben:ferry.test: the receipt m.read.private at $gone in !harbour:ferry.test: that event is not there
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_come_leaves_the_one_that_was_there() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let rule = |id: &str, pattern: &str| json!({ "rule_id": id, "default": false, "enabled": true, "pattern": pattern, "actions": ["notify"] });
    let key = key([BEN, "content"]);
    let rules = vec![rule("a", "older"), rule("b", "b")];
    stage.world().settings.push_rules.insert(key.clone(), rules);
    stage.world().settings.refused.push("a");
    let (summary, _) = stage.import().await;
    // Anna's rule is refused, too; she had none.
    assert_eq!(summary.problems.len(), 2);
    let world = stage.world();
    let rules = world.settings.push_rules[&key].iter();
    let rules: Vec<_> = rules
        .map(|rule| (&rule["rule_id"], &rule["pattern"]))
        .collect();
    let [a, b, c, older] = ["a", "b", "c", "older"].map(|text| json!(text));
    assert_eq!(rules, [(&c, &c), (&a, &older), (&b, &b)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_the_passwords_if_that_is_asked_for() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let asked = Asked {
        passwords_for_nobody: true,
        ..Asked::default()
    };
    let summary = stage.import_as(asked).await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.accounts_created, summary.passwords), (2, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_and_the_rest_is_there() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().settings.refused.push("m.direct");
    let (summary, _) = stage.import().await;
    let told: Vec<_> = summary
        .problems
        .iter()
        .map(|problem| (&*problem.step, &*problem.subject))
        .collect();
    assert_eq!(told, [("settings", ANNA), ("settings", BEN)]);
    insta::assert_snapshot!(summary.problems[0].reason, @"not all of their settings came over: the account data m.direct (M_BAD_JSON not this one); import again, or tell the user to set them by hand");
    assert_eq!(summary.user_data, 1);
    let verification = stage.verify().await;
    insta::assert_snapshot!(verification.user_data.account_data.differences.join("\n"), @r"
    @anna:ferry.test: the account data m.direct is missing
    @ben:ferry.test: the account data m.direct is missing
    ");

    stage.world().settings.refused.clear();
    let (summary, _) = stage.import().await;
    assert_eq!((summary.problems.len(), summary.user_data), (0, 3));
    assert!(stage.verify().await.is_good());
}

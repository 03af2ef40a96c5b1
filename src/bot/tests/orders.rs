//! Orders that change a server, and who may give them.

use serde_json::{Value, json};
use wiremock::{Mock, ResponseTemplate, matchers::path_regex};

use super::*;
use crate::operation::lock;

const ANNA: &str = "@anna:ferry.test";
const BEN: &str = "@ben:ferry.test";

fn body(message: &Value) -> &str {
    message["body"].as_str().unwrap()
}

/// The preview of Anna's import, and its code.
async fn ordered(stage: &Stage) -> (Value, String) {
    stage.hears("$order", ANNA, "!ferry import --admins");
    let preview = stage.said(1).await.remove(0);
    let code = preview["ferryman.code"].as_str().unwrap().to_owned();
    stage.waits(&code).await;
    (preview, code)
}

fn reaction(to: &str, key: &str) -> Value {
    let relation = json!({"rel_type": "m.annotation", "event_id": to, "key": key});
    json!({"type": "m.reaction", "content": {"m.relates_to": relation}})
}

impl Stage {
    /// The last thing said, once so many were.
    async fn last(&self, count: usize) -> String {
        let said = self.said(count).await;
        body(said.last().unwrap()).to_owned()
    }

    fn confirmed(&self) -> Vec<Option<[u8; 32]>> {
        self.runner.confirmed.lock().unwrap().clone()
    }

    /// Waits until an order is kept that has just been shown.
    async fn waits(&self, code: &str) {
        while self.store.waiting_as(code).unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the imports that are wanted.
    async fn imports(&self, count: usize) {
        for _ in 0..200 {
            if self.confirmed().len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} imports", self.confirmed().len());
    }

    /// The state of the room.
    async fn state(&self, kind: &str, content: Value) {
        Mock::given(path_regex(format!("/state/{kind}/")))
            .respond_with(ResponseTemplate::new(200).set_body_json(content))
            .with_priority(1)
            .mount(&self.server)
            .await;
    }
}

#[tokio::test]
async fn what_changes_a_server_is_shown_first() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let (preview, code) = ordered(&stage).await;
    insta::assert_snapshot!(body(&preview).replace(&code, "CODE"), @r"
    Plan of import
    This changes the target. To begin the `import`, react with ✅ or send `!ferry confirm CODE` within 10 minutes; ❌ drops it.
    ");
    assert_eq!(stage.confirmed(), []);
    stage.hears(
        "$yes",
        ANNA,
        &format!("!ferry confirm {}", code.to_lowercase()),
    );
    stage.imports(1).await;
    assert_eq!(stage.confirmed(), [Some([7; 32])]);
    let requests = stage.server.received_requests().await.unwrap();
    let reactions = requests
        .iter()
        .filter(|it| it.url.path().contains("/send/m.reaction/"));
    let keys: Vec<String> = reactions
        .map(|it| {
            it.body_json::<Value>().unwrap()["m.relates_to"]["key"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(keys, ["⏳", "✅", "❌", "⏳"]);
    stage.stop().await;
}

#[tokio::test]
async fn a_reaction_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let (_, _) = ordered(&stage).await;
    let preview = "$ferryman-%24order-preview";
    stage.hears_event("$other", ANNA, &reaction("$something", "✅"));
    stage.hears_event("$no", ANNA, &reaction(preview, "❌"));
    insta::assert_snapshot!(stage.last(2).await, @"Dropped; nothing was done.");
    // It is dropped.
    stage.hears_event("$late", ANNA, &reaction(preview, "✅"));
    stage.hears("$again", ANNA, "!ferry import");
    let shown = stage.said(3).await.remove(2);
    stage.waits(shown["ferryman.code"].as_str().unwrap()).await;
    stage.hears_event(
        "$yes",
        ANNA,
        &reaction("$ferryman-%24again-preview", "✅\u{fe0f}"),
    );
    stage.imports(1).await;
    stage.stop().await;
}

#[tokio::test]
async fn a_code_is_its_owners_counts_once_and_not_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    let (_, code) = ordered(&first).await;
    let confirm = format!("!ferry confirm {code}");
    first.hears("$1", ANNA, "!ferry confirm ZZZZZ");
    let mut lines = vec![first.last(2).await];
    first.hears("$2", BEN, &confirm);
    lines.push(first.last(3).await);
    first.stop().await;
    // It is known after a restart.
    let second = stage(dir.path()).await;
    second
        .hands
        .0
        .fetch_add(10 * 60 * 1000 + 1, Ordering::Relaxed);
    second.hears("$3", ANNA, &confirm);
    lines.push(second.last(1).await);
    second.hears("$4", ANNA, &confirm);
    lines.push(second.last(2).await);
    assert_eq!(second.confirmed(), []);
    let lines = lines.join("\n").replace(&code, "CODE");
    insta::assert_snapshot!(lines, @r"
    ✗ no order waits under the code ZZZZZ: each counts once, and a newer order of yours takes the place of the last; send the order again
    ✗ this is the order of @anna:ferry.test: only they can confirm it
    ✗ the order import --admins has waited for more than 10 min and was not carried out: send it again
    ✗ no order waits under the code CODE: each counts once, and a newer order of yours takes the place of the last; send the order again
    ");
    second.stop().await;
}

#[tokio::test]
async fn reactions_to_one_preview_are_answered_each() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    ordered(&stage).await;
    let preview = "$ferryman-%24order-preview";
    stage.hears_event("$no", BEN, &reaction(preview, "❌"));
    let mut lines = vec![stage.last(2).await];
    stage.hears_event("$yes", BEN, &reaction(preview, "✅"));
    lines.push(stage.last(3).await);
    stage.hears_event("$mine", ANNA, &reaction(preview, "❌"));
    lines.push(stage.last(4).await);
    insta::assert_snapshot!(lines.join("\n"), @r"
    ✗ this is the order of @anna:ferry.test: only they can confirm it
    ✗ this is the order of @anna:ferry.test: only they can confirm it
    Dropped; nothing was done.
    ");
    let requests = stage.server.received_requests().await.unwrap();
    let mut sent: Vec<_> = requests.iter().map(|it| it.url.path()).collect();
    let all = sent.len();
    sent.sort_unstable();
    sent.dedup();
    let looks = |path: &&&str| path.contains("/state/");
    let once = sent.iter().filter(|path| !looks(path)).count();
    let more_than_once = requests
        .iter()
        .filter(|it| it.url.path().contains("/state/"));
    assert_eq!(
        once,
        all - more_than_once.count(),
        "each is a transaction of its own"
    );
    let answered: Vec<_> = stage.said(4).await;
    for answer in &answered[1..] {
        assert_eq!(answer["m.relates_to"]["m.in_reply_to"]["event_id"], preview);
    }
    assert!(stage.store.cut_off().unwrap().is_empty());
    stage.stop().await;
}

#[tokio::test]
async fn what_is_in_the_way_does_not_use_up_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let (_, code) = ordered(&stage).await;
    let job = lock::JobLock::take(dir.path(), "export", "the shell").unwrap();
    stage.hears("$1", ANNA, &format!("!ferry confirm {code}"));
    let mut lines = vec![stage.last(2).await];
    drop(job);
    Mock::given(path_regex("/state/m.room.join_rules/"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"join_rule": "public"})))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&stage.server)
        .await;
    stage.hears_event("$2", ANNA, &reaction("$ferryman-%24order-preview", "✅"));
    lines.push(stage.last(3).await);
    insta::assert_snapshot!(lines.join("\n"), @r"
    ✗ another job is running (export, ordered by the shell): wait for its end, or `cancel` it
    ✗ anybody may enter or read this room: make it invite-only, and its history visible to members alone, then send the order again
    ");
    assert_eq!(stage.confirmed(), []);
    stage.hears("$3", ANNA, &format!("!ferry confirm {code}"));
    stage.imports(1).await;
    stage.stop().await;
}

#[tokio::test]
async fn an_order_that_is_confirmed_while_the_bot_stops_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let (_, code) = ordered(&stage).await;
    let nothing =
        ResponseTemplate::new(404).set_body_json(json!({"errcode": "M_NOT_FOUND", "error": ""}));
    // The look at the room is still under way when the bot is stopped.
    Mock::given(path_regex("/state/m.room.join_rules/"))
        .respond_with(nothing.set_delay(Duration::from_millis(300)))
        .with_priority(1)
        .mount(&stage.server)
        .await;
    stage.hears("$1", ANNA, &format!("!ferry confirm {code}"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage.stopping.send(true).unwrap();
    insta::assert_snapshot!(
        stage.last(2).await,
        @"✗ Ferryman is being stopped, so nothing was begun: confirm it again when it is back"
    );
    assert_eq!(stage.confirmed(), []);
    assert!(stage.store.waiting_as(&code).unwrap().is_some());
    stage.work.await.unwrap().unwrap();
    assert!(stage.store.cut_off().unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_is_heard_while_an_answer_is_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    Mock::given(path_regex("/send/m.room.message/"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .with_priority(1)
        .mount(&stage.server)
        .await;
    stage.hears("$1", ANNA, "!ferry dance");
    stage.said(1).await;
    stage.stopping.send(true).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), stage.work).await;
    ended.unwrap().unwrap().unwrap();
    // The answer is not known to have arrived: it is given at the next start.
    assert_eq!(stage.store.unsent(0).unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_told_so_and_the_order_waits_on() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    let (_, code) = ordered(&first).await;
    let mut event = reaction("$ferryman-%24order-preview", "✅");
    event["room_id"] = json!(ROOM);
    event["sender"] = json!(ANNA);
    event["event_id"] = json!("$yes");
    event["origin_server_ts"] = json!(NOW);
    first.stop().await;
    let store = Store::open(dir.path()).unwrap();
    store
        .accept("late", &[("$yes".into(), event.to_string())], NOW + 60_000)
        .unwrap();
    let second = later_stage(dir.path(), NOW + 60_000).await;
    insta::assert_snapshot!(
        second.last(1).await,
        @"Ferryman was not running when this was sent, so it was not run. Send it again if you still want it."
    );
    assert_eq!(second.confirmed(), []);
    second.hears("$again", ANNA, &format!("!ferry confirm {code}"));
    second.imports(1).await;
    second.stop().await;
}

#[tokio::test]
async fn what_was_cut_off_before_it_began_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    let (_, code) = ordered(&first).await;
    Mock::given(path_regex("/state/m.room.join_rules/"))
        .respond_with(ResponseTemplate::new(404).set_delay(Duration::from_secs(9)))
        .with_priority(1)
        .mount(&first.server)
        .await;
    first.hears("$order2", ANNA, "!ferry import");
    first.hears("$1", ANNA, &format!("!ferry confirm {code}"));
    let begun = || {
        let cuts = first.store.cut_off().unwrap();
        cuts.into_iter().map(|cut| cut.event_id).collect::<Vec<_>>()
    };
    while begun() != ["$order2", "$1"] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.work.abort();
    let second = stage(dir.path()).await;
    let said = second.said(2).await;
    let lines: Vec<_> = said.iter().map(body).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Ferryman was restarted before it had shown what this order would do. Nothing was begun; send it again.
    Ferryman was restarted before the confirmed order began. Nothing was done; confirm it again.
    ");
    second.hears("$2", ANNA, &format!("!ferry confirm {code}"));
    second.imports(1).await;
    second.stop().await;
}

#[tokio::test]
async fn a_confirmed_order_runs_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    let (_, code) = ordered(&first).await;
    first.stop().await;
    let second = stage(dir.path()).await;
    let confirm = format!("!ferry confirm {code}");
    second.hears("$1", ANNA, &confirm);
    second.hears("$2", ANNA, &confirm);
    second.hears_event("$3", ANNA, &reaction("$ferryman-%24order-preview", "✅"));
    second.imports(1).await;
    second.hears("$4", ANNA, "!ferry status");
    let answered = |said: &[Value]| said.iter().any(|it| body(it) == "answer to status");
    while !answered(&second.said(1).await) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    second.imports(1).await;
    second.stop().await;
}

#[tokio::test]
async fn the_room_says_who_may() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage
        .state("m.room.join_rules", json!({"join_rule": "public"}))
        .await;
    stage.hears("$1", ANNA, "!ferry import");
    let mut lines = vec![stage.last(1).await];
    stage.hears("$2", ANNA, "!ferry plan");
    lines.push(stage.last(2).await);
    stage
        .state("m.room.join_rules", json!({"join_rule": "invite"}))
        .await;
    stage
        .state("m.room.member", json!({"membership": "leave"}))
        .await;
    stage.hears("$3", ANNA, "!ferry plan");
    lines.push(stage.last(3).await);
    insta::assert_snapshot!(lines.join("\n"), @r"
    ✗ anybody may enter or read this room: make it invite-only, and its history visible to members alone, then send the order again
    answer to plan
    ✗ you are not in the control room any more: enter it and send the order again
    ");
    assert_eq!(stage.confirmed(), []);
    let audit = audit(dir.path());
    insta::assert_snapshot!(audit, @r"
    @anna:ferry.test: import: refused: anybody may enter or read this room: make it invite-only, and its history visible to members alone, then send the order again
    @anna:ferry.test: plan: refused: you are not in the control room any more: enter it and send the order again
    ");
    stage.stop().await;
}

/// Who, what, and how it ended.
fn audit(dir: &Path) -> String {
    let entries = crate::audit::newest(dir, 9).unwrap();
    let line = |entry: &crate::audit::Entry| {
        let (outcome, _) = entry.end.clone().unwrap();
        format!("{}: {}: {outcome}", entry.by, entry.order)
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

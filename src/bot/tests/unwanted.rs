//! Whatever is no order of an operator, here and now, has no effect; and each has its answer, or its silence.

use serde_json::{Value, json};

use super::*;

const ANNA: &str = "@anna:ferry.test";
const BEN: &str = "@ben:ferry.test";
const EVA: &str = "@eva:ferry.test";

fn message(body: &str) -> Value {
    json!({"type": "m.room.message", "content": {"msgtype": "m.text", "body": body}})
}

/// A message with other fields in its content.
fn with(body: &str, fields: &Value) -> Value {
    let mut event = message(body);
    for (field, value) in fields.as_object().unwrap() {
        event["content"][field] = value.clone();
    }
    event
}

fn reaction(to: &str, key: &str) -> Value {
    let relation = json!({"rel_type": "m.annotation", "event_id": to, "key": key});
    json!({"type": "m.reaction", "content": {"m.relates_to": relation}})
}

/// Name, whose, and the event. `CODE` is that of Anna's waiting order.
type Case = (&'static str, &'static str, Value);

const PREVIEW: &str = "$ferryman-%24order-preview";

/// Codes and reactions that confirm nothing.
fn confirming_nothing() -> Vec<Case> {
    let preview = PREVIEW;
    vec![
        ("a stranger's order", EVA, message("!ferry import")),
        ("a stranger's second order", EVA, message("!ferry export")),
        ("a stranger's code", EVA, message("!ferry confirm CODE")),
        ("a stranger's reaction", EVA, reaction(preview, "✅")),
        (
            "the bot itself",
            "@ferryman:ferry.test",
            message("!ferry import"),
        ),
        (
            "another operator's code",
            BEN,
            message("!ferry confirm CODE"),
        ),
        ("another operator's reaction", BEN, reaction(preview, "✅")),
        ("another operator drops it", BEN, reaction(preview, "❌")),
        ("a wrong code", ANNA, message("!ferry confirm 00000")),
        ("a code with a tail", ANNA, message("!ferry confirm CODEX")),
        ("no code", ANNA, message("!ferry confirm")),
        ("two codes", ANNA, message("!ferry confirm CODE CODE")),
        ("a pattern for a code", ANNA, message("!ferry confirm '%'")),
        ("another reaction", ANNA, reaction(preview, "👍")),
        (
            "a reaction to something else",
            ANNA,
            reaction("$order", "✅"),
        ),
        (
            "a reaction that is none",
            ANNA,
            json!({"type": "m.reaction", "content": {"m.relates_to": "✅"}}),
        ),
    ]
}

/// Words that order nothing.
fn ordering_nothing() -> Vec<Case> {
    let replace = json!({"rel_type": "m.replace", "event_id": "$order"});
    vec![
        (
            "an edit",
            ANNA,
            with(
                "* !ferry confirm CODE",
                &json!({
                    "m.relates_to": replace, "m.new_content": {"msgtype": "m.text", "body": "!ferry confirm CODE"},
                }),
            ),
        ),
        (
            "a notice",
            ANNA,
            with("!ferry confirm CODE", &json!({"msgtype": "m.notice"})),
        ),
        (
            "an emote",
            ANNA,
            with("!ferry confirm CODE", &json!({"msgtype": "m.emote"})),
        ),
        (
            "an image's caption",
            ANNA,
            with("!ferry confirm CODE", &json!({"msgtype": "m.image"})),
        ),
        (
            "a quotation",
            ANNA,
            with(
                "> !ferry confirm CODE\n\nreally?",
                &json!({
                    "m.relates_to": {"m.in_reply_to": {"event_id": "$order"}},
                }),
            ),
        ),
        (
            "a state event",
            ANNA,
            json!({
                "type": "m.room.message", "state_key": "", "content": {"msgtype": "m.text", "body": "!ferry confirm CODE"},
            }),
        ),
        (
            "a body that is no text",
            ANNA,
            json!({"type": "m.room.message", "content": {"msgtype": "m.text", "body": ["!ferry"]}}),
        ),
        (
            "a text inside a sentence",
            ANNA,
            message("what does !ferry import do?"),
        ),
        ("other letters", ANNA, message("!FERRY import")),
        ("a look-alike", ANNA, message("!fеrry import")),
        (
            "64 KiB",
            ANNA,
            message(&format!("!ferry import --bundle {}", "x".repeat(64 * 1024))),
        ),
        (
            "control characters",
            ANNA,
            message("!ferry imp\u{0}ort\u{7} --admins"),
        ),
        (
            "a mark that turns the line",
            ANNA,
            message("!ferry \u{202e}import"),
        ),
        ("an open quote", ANNA, message("!ferry import 'x")),
        (
            "a path elsewhere",
            ANNA,
            message("!ferry import --bundle ../../etc/passwd"),
        ),
        ("an ID that is none", ANNA, message("!ferry user @@@")),
        ("a command that isn't", ANNA, message("!ferry run")),
        ("HTML", ANNA, message("!ferry <b>import</b>")),
    ]
}

#[tokio::test]
async fn what_is_unwanted_has_no_effect() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.hears("$order", ANNA, "!ferry import");
    let preview = stage.said(1).await.remove(0);
    let code = preview["ferryman.code"].as_str().unwrap().to_owned();
    while stage.store.waiting_as(&code).unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut lines = Vec::new();
    let mut count = 1;
    let cases = confirming_nothing().into_iter().chain(ordering_nothing());
    for (number, (name, sender, event)) in cases.enumerate() {
        let event: Value = serde_json::from_str(&event.to_string().replace("CODE", &code)).unwrap();
        stage.hears_event(&format!("$case-{number}"), sender, &event);
        // Its answer, if it has one, comes before that to the next order.
        stage.hears(&format!("$after-{number}"), ANNA, "!ferry status");
        let after = format!("$after-{number}");
        let said = loop {
            let said = stage.said(count + 1).await;
            let is_last = |it: &Value| it["m.relates_to"]["m.in_reply_to"]["event_id"] == after;
            if said.iter().any(is_last) {
                break said;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // What the two commands' tasks say may come in either order.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let all = stage.said(said.len()).await;
        let answers = all[count..]
            .iter()
            .filter(|it| it["body"] != "answer to status");
        let answers: Vec<_> = answers
            .map(|it| it["body"].as_str().unwrap().to_owned())
            .collect();
        let answers = match answers.as_slice() {
            [] => "(silence)".to_owned(),
            answers => answers
                .join(" | ")
                .replace(&code, "CODE")
                .replace('\n', " / "),
        };
        let shown: String = answers.chars().take(160).collect();
        lines.push(format!("{name}: {shown}"));
        count = all.len();
    }
    assert!(lines.len() >= 30);
    let ran = stage.runner.ran.lock().unwrap().clone();
    assert!(
        ran.iter().all(|name| ["status", "user"].contains(name)),
        "{ran:?}"
    );
    // The order still waits, unharmed.
    assert!(stage.store.waiting_as(&code).unwrap().is_some());
    insta::assert_snapshot!(lines.join("\n"), @r"
    a stranger's order: Sorry, `@eva:ferry.test`: only Ferryman's operators can give it orders. An operator can add you to `operators` in its configuration.
    a stranger's second order: (silence)
    a stranger's code: (silence)
    a stranger's reaction: (silence)
    the bot itself: (silence)
    another operator's code: ✗ this is the order of @anna:ferry.test: only they can confirm it
    another operator's reaction: ✗ this is the order of @anna:ferry.test: only they can confirm it
    another operator drops it: ✗ this is the order of @anna:ferry.test: only they can confirm it
    a wrong code: ✗ no order waits under the code 00000: each counts once, and a newer order of yours takes the place of the last; send the order again
    a code with a tail: ✗ no order waits under the code CODEX: each counts once, and a newer order of yours takes the place of the last; send the order again
    no code: ✗ the following required arguments were not provided: <CODE>: `!ferry help` explains every command
    two codes: ✗ unexpected argument 'CODE' found: `!ferry help` explains every command /  / confirm CODE CODE /         ^^^^^
    a pattern for a code: ✗ no order waits under the code %: each counts once, and a newer order of yours takes the place of the last; send the order again
    another reaction: (silence)
    a reaction to something else: (silence)
    a reaction that is none: (silence)
    an edit: (silence)
    a notice: (silence)
    an emote: (silence)
    an image's caption: (silence)
    a quotation: (silence)
    a state event: (silence)
    a body that is no text: (silence)
    a text inside a sentence: (silence)
    other letters: (silence)
    a look-alike: (silence)
    64 KiB: ✗ there is nothing of this name: check the path
    control characters: ✗ there is no command imp ort : did you mean import? /  / imp ort  --admins / ^^^^^^^^
    a mark that turns the line: ✗ there is no command  import: did you mean import? /  /  import / ^^^^^^^
    an open quote: ✗ a quote is not closed: close it, or leave it out
    a path elsewhere: ✗ ../../etc/passwd is not in /bundles: from the room only file names in that folder are taken; use the shell for other places
    an ID that is none: answer to user
    a command that isn't: ✗ there is no command run: `!ferry help` lists them /  / run / ^^^
    HTML: ✗ there is no command <b>import</b>: `!ferry help` lists them /  / <b>import</b> / ^^^^^^^^^^^^^
    ");
    stage.stop().await;
}

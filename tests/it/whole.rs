//! A whole migration by messages alone: an operator with a real client sends commands to the control room and reads what
//! comes back, from `check` to `report`; in a plain room and in an encrypted one.

use std::{fs, time::Duration};

use ferryman::{
    demo::{ordinary, stage::Stage},
    lab::{fill::ODD, target::OPERATOR_PASSWORD},
    secret::ExposeSecret,
};
use matrix_sdk::ruma::OwnedRoomId;
use serde_json::json;

use crate::{
    operator::{Message, Operator},
    room::Running,
    targets::{Target, each_target},
};

/// A server takes no event that is larger.
const LARGEST: usize = 65_536;

const PATIENCE: Duration = Duration::from_mins(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_migration_is_ordered_in_a_plain_room() {
    each_target("a whole migration, in a plain room", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let _running = Running::start(&stage);
        let mut operator = Operator::login_unsigned(stage.target.url()).await;
        operator.enter().await;
        migrate(&stage, &mut operator, Yes::Reaction).await;
        let read = said(&stage, &mut operator).await;
        assert!(read.iter().all(|message| !message.encrypted));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_migration_is_ordered_in_an_encrypted_room() {
    each_target("a whole migration, in an encrypted room", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let _running = Running::start_with(&stage, &[("FERRYMAN_BOT_ENCRYPTED", "yes")]);
        let mut operator = Operator::login_unsigned(stage.target.url()).await;
        operator.enter().await;
        migrate(&stage, &mut operator, Yes::Code).await;
        let read = said(&stage, &mut operator).await;
        assert!(read.iter().all(|message| message.encrypted));
        // What the server keeps says nothing.
        let stored = stage.target.operator.messages(operator.room_id()).await;
        let plain = stored
            .unwrap()
            .into_iter()
            .filter(|event| event["type"] == "m.room.message");
        assert_eq!(plain.count(), 0);
    })
    .await;
}

/// How a preview is answered.
#[derive(Clone, Copy, PartialEq)]
enum Yes {
    Reaction,
    Code,
}

async fn migrate(stage: &Stage, operator: &mut Operator, yes: Yes) {
    let ready = operator
        .hears(PATIENCE, |message| message.body.contains("is ready"))
        .await;
    assert!(ready.body.contains("help"), "{}", ready.body);

    let checked = answer(operator, "check").await;
    assert!(checked.starts_with("It can begin"), "{checked}");
    for code in accepted(&checked) {
        let answer = answer(operator, &format!("ack {code}")).await;
        assert!(answer.contains(&code), "{answer}");
    }
    let exported = answer(operator, "export --act-as-users").await;
    assert!(exported.contains("rooms"), "{exported}");

    let plan = operator.ask("plan", PATIENCE).await;
    let files: Vec<_> = plan.iter().filter(|it| it.file.is_some()).collect();
    assert!(!files.is_empty(), "the plan comes with its files");

    let imported = import(operator, yes).await;
    assert!(imported.contains("Carried"), "{imported}");
    let verified = answer(operator, "verify").await;
    assert!(!verified.contains('✗'), "{verified}");

    let status = answer(operator, "status").await;
    assert!(status.contains("30"), "{status}");
    let user = answer(operator, "user bob").await;
    assert!(user.contains("@bob:"), "{user}");
    let unknown = answer(operator, "why 00000000").await;
    assert!(
        unknown.contains("no failure") || unknown.contains("neither"),
        "{unknown}"
    );
    let audit = answer(operator, "audit --last 50").await;
    for order in [
        "check", "export", "plan", "import", "verify", "pause", "resume",
    ] {
        assert!(audit.contains(order), "{order} is not in {audit}");
    }
    let report = operator.ask("report", PATIENCE).await;
    let files = report.iter().filter_map(|it| it.file.as_ref());
    let texts: Vec<_> = files.map(|bytes| String::from_utf8_lossy(bytes)).collect();
    for part in ["# Import", "# Verif"] {
        let told = texts.iter().any(|text| text.contains(part));
        assert!(told, "{part} is in none of {} files", texts.len());
    }
    for user in ["bob", "grace", ODD] {
        let (line, same) = ordinary::look(stage, user).await.unwrap();
        assert!(same, "{line}");
    }
}

/// The import, which is paused, looked at, and let go on.
async fn import(operator: &mut Operator, yes: Yes) -> String {
    let asked = operator.say("!ferry import").await;
    let shown = operator.ended(&asked, PATIENCE).await;
    let preview = shown.iter().find(|message| message.code.is_some()).unwrap();
    let order = match yes {
        Yes::Code => {
            let code = preview.code.as_ref().unwrap();
            operator.say(&format!("!ferry confirm {code}")).await
        }
        Yes::Reaction => {
            react(operator, &preview.event_id).await;
            preview.event_id.clone()
        }
    };
    // An import into the stand-in takes a few seconds: nobody waits for one answer before the next try.
    let mut tries = Vec::new();
    for _ in 0..8 {
        tries.push(operator.say("!ferry pause").await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut paused = String::new();
    for asked in tries {
        paused = last(&operator.ended(&asked, PATIENCE).await);
        if paused != "No job is running." {
            break;
        }
    }
    assert!(paused.contains("waits after its current step"), "{paused}");
    let status = answer(operator, "status").await;
    assert!(status.contains("import"), "{status}");
    let user = answer(operator, "user bob").await;
    assert!(user.contains("@bob:"), "{user}");
    let second = answer(operator, "verify").await;
    assert!(
        second.contains("another job is running (import"),
        "{second}"
    );
    let goes_on = answer(operator, "resume").await;
    assert!(goes_on.contains("goes on"), "{goes_on}");
    let ended = operator.ended(&order, PATIENCE).await;
    last(&ended)
}

async fn react(operator: &Operator, to: &str) {
    let room = OwnedRoomId::try_from(operator.room_id()).unwrap();
    let room = operator.client().get_room(&room).unwrap();
    let relation = json!({"rel_type": "m.annotation", "event_id": to, "key": "✅"});
    let content = json!({ "m.relates_to": relation });
    room.send_raw("m.reaction", content).await.unwrap();
}

/// What a command is answered.
async fn answer(operator: &mut Operator, command: &str) -> String {
    last(&operator.ask(command, PATIENCE).await)
}

fn last(answers: &[Message]) -> String {
    let is_end = |part: &str| matches!(part, "answer" | "no");
    let mut ends = answers
        .iter()
        .filter(|it| it.part.as_deref().is_some_and(is_end));
    ends.next_back().unwrap().body.clone()
}

/// The codes that a check's answer asks to be accepted.
fn accepted(text: &str) -> Vec<String> {
    let codes = text.split("ack ").skip(1).filter_map(|rest| {
        let end = rest.find(|sign: char| !sign.is_ascii_lowercase() && sign != '-')?;
        (end > 0).then(|| rest[..end].to_owned())
    });
    codes.collect()
}

/// Everything that was said, which fits every server, reads well without HTML, and gives nothing away.
async fn said(stage: &Stage, operator: &mut Operator) -> Vec<Message> {
    let secrets = secrets(stage);
    let said = operator.answers().await;
    for message in &said {
        let text = message.content.to_string();
        assert!(text.len() < LARGEST * 3 / 4, "{} bytes: {text}", text.len());
        assert!(!message.body.trim().is_empty(), "{text}");
        let file = message.file.as_deref().map(String::from_utf8_lossy);
        for secret in &secrets {
            assert!(
                !text.contains(secret),
                "a secret is in {}",
                message.event_id
            );
            let is_in_file = file.as_ref().is_some_and(|file| file.contains(secret));
            assert!(
                !is_in_file,
                "a secret is in the file of {}",
                message.event_id
            );
        }
    }
    said
}

/// What nobody is to read in a room.
fn secrets(stage: &Stage) -> Vec<String> {
    let tokens = &stage.installation.tokens;
    let admin = stage.filled.admin().token().unwrap().clone();
    let mut secrets: Vec<String> = [
        &tokens.bot_as,
        &tokens.bot_hs,
        &tokens.puppets_as,
        &tokens.puppets_hs,
        &admin,
    ]
    .map(|token| token.expose_secret().to_owned())
    .to_vec();
    secrets.push(OPERATOR_PASSWORD.to_owned());
    let dir = stage.installation.config.data_dir.join("passwords");
    for file in fs::read_dir(dir).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let passwords = text.lines().filter_map(|line| line.split(',').nth(1));
        secrets.extend(passwords.map(str::to_owned));
    }
    assert!(secrets.len() > 12 && secrets.iter().all(|secret| secret.len() > 7));
    secrets
}

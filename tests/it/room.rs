//! The control room of a running `ferryman`: strangers, forged transactions, and a restart.

use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

use ferryman::{
    demo::{room::ControlRoom, stage::Stage},
    lab::{client::Client, target::TargetKind},
};
use serde_json::{Value, json};

use crate::targets::{Target, each_target};

/// `ferryman run`, killed with the value.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(stage: &Stage) -> Self {
        Self::start_with(stage, &[])
    }

    pub(crate) fn start_with(stage: &Stage, environment: &[(&str, &str)]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_ferryman"))
            .arg("--config")
            .arg(&stage.installation.file)
            .arg("run")
            .env("FERRYMAN_LOG", "error")
            .envs(environment.iter().copied())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_forgers_are_turned_away() {
    each_target("the control room", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let running = Running::start(&stage);
        let mut room = ControlRoom::enter(&stage.target.operator).await.unwrap();
        ready(&mut room).await;

        forged_transactions_are_refused(&stage).await;
        let stranger = stranger(&stage).await;
        let id = room.room_id().to_owned();
        stage
            .target
            .operator
            .invite(&id, stranger.user_id())
            .await
            .unwrap();
        stranger.join(&id, None).await.unwrap();
        stranger.say(&id, "!ferry import").await.unwrap();
        let refusal = next(&mut room).await;
        assert!(refusal.contains(stranger.user_id()), "{refusal}");
        stranger.say(&id, "!ferry export").await.unwrap();
        // The operator's answer comes after whatever the stranger would have got.
        let answers = room.ask("status", Duration::from_secs(30)).await.unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");

        drop(running);
        let _running = Running::start(&stage);
        // Nothing of before is answered again.
        let first = next(&mut room).await;
        assert!(first.contains("ready"), "{first}");
        let answers = room
            .ask("help doctor", Duration::from_secs(30))
            .await
            .unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configured_room_is_entered_by_invite() {
    each_target("a configured control room", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let operator = &stage.target.operator;
        let id = operator
            .create_room(&json!({ "preset": "private_chat", "name": "Ours" }))
            .await
            .unwrap();
        let _running = Running::start_with(&stage, &[("FERRYMAN_BOT_CONTROL_ROOM", &id)]);
        // The bot waits for the invite.
        tokio::time::sleep(Duration::from_secs(3)).await;
        operator
            .invite(&id, &stage.installation.config.bot_id())
            .await
            .unwrap();
        let mut room = ControlRoom::of(operator, &id);
        ready(&mut room).await;
        let answers = room.ask("status", Duration::from_secs(30)).await.unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_answered_by_a_reaction() {
    each_target("reactions", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let _running = Running::start(&stage);
        let operator = &stage.target.operator;
        let mut room = ControlRoom::enter(operator).await.unwrap();
        ready(&mut room).await;
        room.ask("export", Duration::from_mins(2)).await.unwrap();
        let id = room.room_id().to_owned();

        let dropped = order(operator, &id).await;
        react(operator, &id, &dropped, "❌").await;
        answer(operator, &id, &dropped, "Dropped; nothing was done.").await;
        // It is gone.
        react(operator, &id, &dropped, "✅").await;

        let preview = order(operator, &id).await;
        let bots: Vec<_> = about(operator, &id, &preview)
            .await
            .into_iter()
            .filter(|event| event["sender"] != operator.user_id())
            .map(|event| event["content"]["m.relates_to"]["key"].clone())
            .collect();
        assert_eq!(bots, ["✅", "❌"]);
        react(operator, &id, &preview, "✅").await;
        answer(operator, &id, &preview, "Carried").await;
        let audit = room.ask("audit", Duration::from_secs(30)).await.unwrap();
        let last = audit.last().unwrap();
        let imports = last.lines().filter(|line| line.contains("import"));
        assert_eq!(imports.count(), 1, "{last}");
    })
    .await;
}

/// Orders an import and gives its preview, once it waits for an answer.
async fn order(operator: &Client, room: &str) -> String {
    let order = operator.say(room, "!ferry import").await.unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        let messages = operator.messages(room).await.unwrap();
        let preview = messages.iter().find(|event| {
            let content = &event["content"];
            content["m.relates_to"]["m.in_reply_to"]["event_id"] == *order
                && content.get("ferryman.code").is_some()
        });
        if let Some(preview) = preview {
            let id = preview["event_id"].as_str().unwrap().to_owned();
            if about(operator, room, &id).await.len() == 2 {
                return id;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("no preview");
}

async fn react(operator: &Client, room: &str, to: &str, key: &str) {
    let relation = json!({ "rel_type": "m.annotation", "event_id": to, "key": key });
    let content = json!({ "m.relates_to": relation });
    operator.send(room, "m.reaction", &content).await.unwrap();
}

/// The reactions to a message.
async fn about(operator: &Client, room: &str, to: &str) -> Vec<Value> {
    let mut all = operator.messages(room).await.unwrap();
    all.retain(|event| {
        event["type"] == "m.reaction" && event["content"]["m.relates_to"]["event_id"] == to
    });
    all
}

/// Waits until something of that kind is answered below a message.
async fn answer(operator: &Client, room: &str, to: &str, words: &str) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(2) {
        let messages = operator.messages(room).await.unwrap();
        let said = messages.iter().any(|event| {
            let content = &event["content"];
            content["m.relates_to"]["m.in_reply_to"]["event_id"] == to
                && content["ferryman.part"] == "answer"
                && content["body"].as_str().unwrap().contains(words)
        });
        if said {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("no answer with {words}");
}

async fn ready(room: &mut ControlRoom<'_>) {
    let line = next(room).await;
    assert!(line.contains("ready"), "{line}");
}

/// The bot's next message.
async fn next(room: &mut ControlRoom<'_>) -> String {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        let lines = room.new_lines().await.unwrap();
        if !lines.is_empty() {
            return lines.join("\n");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the bot says nothing");
}

/// Somebody with an account on the target who is no operator.
async fn stranger(stage: &Stage) -> Client {
    match &stage.target.kind {
        TargetKind::Tuwunel(tuwunel) => tuwunel
            .register("stranger", "a stranger's password")
            .await
            .unwrap(),
        TargetKind::StandIn(synapse) => synapse
            .create_user(&stage.target.operator, "stranger", "a stranger's password")
            .await
            .unwrap(),
    }
}

async fn forged_transactions_are_refused(stage: &Stage) {
    let url = format!(
        "{}/_matrix/app/v1/transactions/forged",
        stage.installation.config.bot.url
    );
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = || http.put(&url).json(&json!({ "events": [] }));
    for request in [send(), send().bearer_auth("wrong")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403);
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["errcode"], "M_FORBIDDEN");
    }
}

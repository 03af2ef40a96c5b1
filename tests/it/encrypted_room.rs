//! The control room with encryption: commands and answers by a real client's device, and nothing in clear.

use std::{fs, time::Duration};

use ferryman::{
    bot::client::Client as Bot, demo::stage::Stage, kept::device::BotDevice, secret::ExposeSecret,
};
use serde_json::Value;

use crate::{
    operator::{Message, Operator},
    room::Running,
    targets::{Target, each_target},
};

const SOON: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_mins(5);

fn kept(stage: &Stage) -> BotDevice {
    BotDevice::load(&stage.installation.config.data_dir)
        .unwrap()
        .unwrap()
}

fn part<'a>(answers: &'a [Message], part: &str) -> &'a Message {
    let found = answers.iter().find(|it| it.part.as_deref() == Some(part));
    found.unwrap_or_else(|| panic!("no {part} in {answers:#?}"))
}

/// How often the bot has said that it is ready.
async fn starts(operator: &mut Operator) -> usize {
    let answers = operator.answers().await;
    let ready = answers.iter().filter(|it| it.body.contains("is ready"));
    ready.count()
}

async fn ready(operator: &mut Operator, before: usize) {
    let start = std::time::Instant::now();
    while starts(operator).await == before {
        assert!(start.elapsed() < SOON, "it does not start");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What the server holds of the bot's: nothing that can be read.
async fn nothing_is_in_clear(stage: &Stage, room: &str) {
    let events = stage.target.operator.messages(room).await.unwrap();
    let bot = stage.installation.config.bot_id();
    let mut encrypted = 0;
    for event in events.iter().filter(|it| it["sender"] == *bot) {
        match event["type"].as_str().unwrap() {
            "m.room.encrypted" => encrypted += 1,
            "m.reaction" => assert_eq!(event["content"]["m.relates_to"]["key"], "⏳"),
            _ => assert!(event["state_key"].is_string(), "{event}"),
        }
    }
    assert!(encrypted > 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_control_room_works() {
    each_target("the encrypted control room", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let bot = stage.installation.config.bot_id();
        let mut operator = Operator::login(stage.target.url()).await;
        operator.make_room(&bot, true).await;
        let id = operator.room_id().to_owned();
        let environment = [("FERRYMAN_BOT_CONTROL_ROOM", id.as_str())];
        let running = Running::start_with(&stage, &environment);
        ready(&mut operator, 0).await;

        let status = operator.ask("status", SOON).await;
        assert!(status.iter().all(|it| it.encrypted), "{status:#?}");
        let help = operator.ask("help import", SOON).await;
        let help = part(&help, "answer");
        assert!(help.body.contains("import"));
        assert!(help.formatted_body.as_ref().unwrap().contains("<pre>"));

        let in_clear = stage
            .target
            .operator
            .say(&id, "!ferry status")
            .await
            .unwrap();
        let said = operator.ended(&in_clear, SOON).await;
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            part(&said, "clear")
                .body
                .starts_with("Not run: this room is encrypted")
        );

        operator.ask("export --act-as-users", LONG).await;
        let imported = operator.ask("import", LONG).await;
        assert!(imported.iter().all(|it| it.encrypted));
        let progress = part(&imported, "progress").event_id.clone();
        let edits = imported
            .iter()
            .filter(|it| it.replaces.as_ref() == Some(&progress));
        assert!(edits.count() > 0, "{imported:#?}");
        files_are_the_ones_on_the_disk(&stage, &imported);
        let report = operator.ask("report", SOON).await;
        files_are_the_ones_on_the_disk(&stage, &report);

        let device = kept(&stage).device;
        drop(running);
        let missed = operator.say("!ferry status").await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let _running = Running::start_with(&stage, &environment);
        let said = operator.ended(&missed, SOON).await;
        assert!(
            part(&said, "old").body.contains("was not running"),
            "{said:#?}"
        );
        // The same device reads what its old keys open.
        assert_eq!(kept(&stage).device, device);
        let status = operator.ask("status", SOON).await;
        assert!(part(&status, "answer").encrypted);
        nothing_is_in_clear(&stage, &id).await;
    })
    .await;
}

/// Attachments, decrypted, against what Ferryman has written.
fn files_are_the_ones_on_the_disk(stage: &Stage, answers: &[Message]) {
    let reports = stage.installation.config.data_dir.join("reports");
    let mut files = 0;
    for answer in answers.iter().filter(|it| it.file.is_some()) {
        if answer.content["msgtype"] == "m.image" {
            assert!(answer.file.as_ref().unwrap().starts_with(b"\x89PNG"));
            continue;
        }
        let path = reports.join(&answer.body);
        assert_eq!(answer.file.as_ref().unwrap(), &fs::read(path).unwrap());
        assert!(answer.content["file"]["key"]["k"].is_string(), "{answer:?}");
        assert!(answer.content["url"].is_null());
        files += 1;
    }
    assert!(files > 0, "{answers:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bots_device_outlives_its_token_and_is_replaced_with_its_keys() {
    each_target("the bot's device", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let mut operator = Operator::login(stage.target.url()).await;
        let environment = [("FERRYMAN_BOT_ENCRYPTED", "yes")];
        let running = Running::start_with(&stage, &environment);
        operator.enter().await;
        // What was said before the operator came is for nobody.
        let status = operator.ask("status", SOON).await;
        assert!(part(&status, "answer").encrypted);
        assert!(device_is_signed(&operator, &stage).await);

        let first = kept(&stage);
        let config = &stage.installation.config;
        if target == Target::Tuwunel {
            // A login on the same device makes its old token void there.
            let bot = Bot::new(
                stage.target.url(),
                stage.installation.tokens.bot_as.clone(),
                &config.bot_id(),
                Duration::ZERO,
            );
            bot.unwrap().login(&first.device).await.unwrap();
            let status = operator.ask("status", SOON).await;
            assert!(part(&status, "answer").encrypted);
            is_the_same_with_another_token(&stage, &first);
        }
        drop(running);
        let before = starts(&mut operator).await;
        let path = config.data_dir.join("encryption/device.json");
        let mut written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        written["access_token"] = "void".into();
        fs::write(&path, written.to_string()).unwrap();
        let running = Running::start_with(&stage, &environment);
        ready(&mut operator, before).await;
        let status = operator.ask("status", SOON).await;
        assert!(part(&status, "answer").encrypted);
        is_the_same_with_another_token(&stage, &first);

        drop(running);
        fs::remove_dir_all(config.data_dir.join("encryption/store")).unwrap();
        let _running = Running::start_with(&stage, &environment);
        ready(&mut operator, before + 1).await;
        assert_ne!(kept(&stage).device, first.device);
        let status = operator.ask("status", SOON).await;
        assert!(part(&status, "answer").encrypted);
    })
    .await;
}

fn is_the_same_with_another_token(stage: &Stage, first: &BotDevice) {
    let second = kept(stage);
    assert_eq!(second.device, first.device);
    assert_eq!(second.fingerprint, first.fingerprint);
    let token = |kept: &BotDevice| kept.token.as_ref().unwrap().expose_secret().to_owned();
    assert_ne!(token(&second), token(first));
    assert_ne!(token(&second), "void");
}

/// Whether the operator's client sees the bot's device as one that its owner has signed.
async fn device_is_signed(operator: &Operator, stage: &Stage) -> bool {
    let bot = stage.installation.config.bot_id();
    let bot = matrix_sdk::ruma::UserId::parse(bot).unwrap();
    let encryption = operator.client().encryption();
    encryption
        .request_user_identity(&bot)
        .await
        .unwrap()
        .unwrap();
    let device = kept(stage).device;
    let device = encryption
        .get_device(&bot, device.as_str().into())
        .await
        .unwrap();
    let device = device.unwrap();
    assert_eq!(
        device.ed25519_key().unwrap().to_base64(),
        kept(stage).fingerprint.unwrap()
    );
    device.is_cross_signed_by_owner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_becomes_encrypted_is_followed() {
    each_target("a room that becomes encrypted", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let mut operator = Operator::login(stage.target.url()).await;
        let _running = Running::start_with(&stage, &[("FERRYMAN_BOT_TRUST", "cross-signed")]);
        operator.enter().await;
        let status = operator.ask("status", SOON).await;
        assert!(!part(&status, "answer").encrypted);
        let report: Value = part(&status, "answer").content.clone();
        assert_eq!(report["msgtype"], "m.notice");

        operator.encrypt_room().await;
        let switched = operator
            .hears(SOON, |it| it.part.as_deref() == Some("switched"))
            .await;
        assert!(switched.encrypted && switched.body.contains(&kept(&stage).device));
        let status = operator.ask("status", SOON).await;
        assert!(part(&status, "answer").encrypted);

        // Another device of the operator's, which nobody has signed.
        let url = stage.target.url();
        let mut other = Operator::login_unsigned(url).await;
        other.stay_in(operator.room_id()).await;
        let asked = other.say("!ferry status").await;
        let said = operator.ended(&asked, SOON).await;
        assert!(
            part(&said, "unread").body.contains("`bot.trust`"),
            "{said:#?}"
        );
    })
    .await;
}

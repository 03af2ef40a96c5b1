//! What failed in an import is done again from the control room, an import is done in parts, and bundles are looked at.

use std::{fs, sync::Arc, time::Duration};

use ferryman::{
    demo::{room::ControlRoom, stage::Stage},
    engine::{Engine, WantedAgain},
};
use serde_json::Value;

use crate::{
    counter::Counter,
    installed::ended,
    journey::{assert_good, export, job},
    targets::{Target, each_target},
};

const PATIENCE: Duration = Duration::from_mins(3);

/// The same engine, but what it asks of the target goes through a proxy.
async fn before(engine: &Engine) -> (Counter, Engine) {
    let counter = Counter::before(&engine.config.target.url).await;
    let mut engine = engine.clone();
    let mut config = (*engine.config).clone();
    config.target.url.clone_from(&counter.url);
    engine.config = Arc::new(config);
    (counter, engine)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_mended_from_the_room_and_nothing_else_is_touched() {
    each_target("retry", async |target| Box::pin(mended(target)).await).await;
}

async fn mended(target: Target) {
    let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
    let engine = stage.engine();
    export(&engine).await;
    let plan = engine.plan(None, None).await.unwrap();
    let rooms: Vec<_> = plan
        .rooms
        .iter()
        .map(|room| room.room_id.as_str())
        .collect();
    let (lost, other) = (rooms[0], rooms[1]);
    let bob = stage.filled.user("bob").user_id().to_string();
    let (counter, through) = before(&engine).await;
    // A room that nobody is let into, and somebody whose settings are not taken.
    let settings = format!("/user/{bob}/account_data/");
    counter.refuse(&[&format!("/join/{lost}"), &settings]);
    let summary = through.import(&job(), None, None).await.unwrap();
    let failed: Vec<_> = summary.problems.iter().map(|it| &*it.step).collect();
    assert!(
        failed.contains(&"room") && failed.contains(&"settings"),
        "{failed:?}"
    );
    assert_eq!(summary.rooms_failed, 1);

    // Tried again while it still is refused: the same failures, and no other room is asked for.
    let left = through
        .retry(&job(), &WantedAgain::default())
        .await
        .unwrap();
    let references = |problems: &[ferryman::job::Problem]| -> Vec<_> {
        problems
            .iter()
            .map(ferryman::job::Problem::reference)
            .collect()
    };
    assert_eq!(references(&left.left), references(&summary.problems));
    counter.refuse(&[]);
    let wanted = WantedAgain {
        names: vec!["bob".to_owned()],
        ..WantedAgain::default()
    };
    let of_bob = through.retry(&job(), &wanted).await.unwrap();
    // What was read in the lost room waits for it.
    assert!(
        of_bob.left.iter().all(|it| it.step != "settings"),
        "{of_bob:?}"
    );
    for change in counter.changes() {
        assert!(
            !change.contains("/join/") && !change.contains("/register"),
            "{change}"
        );
    }
    counter.refuse(&[]);

    Box::pin(from_the_room(&stage)).await;
    assert_good(&engine.verify(&job(), None).await.unwrap());
    // Nothing is left for an import, and a room that is there is sent again without harm.
    let again = through.import(&job(), None, None).await.unwrap();
    assert_eq!(again.problems, []);
    assert_eq!(counter.changes(), Vec::<String>::new());
    let wanted = WantedAgain {
        names: vec![other.to_owned()],
        ..WantedAgain::default()
    };
    let retried = through.retry(&job(), &wanted).await.unwrap();
    assert_eq!(retried.left, []);
    for change in counter.changes() {
        assert!(!change.contains("/join/"), "{change}");
    }
    assert_good(&engine.verify(&job(), None).await.unwrap());
}

/// An operator asks for it, sees what it would do, and confirms.
async fn from_the_room(stage: &Stage) {
    let bot = stage.start_bot();
    let mut room = ControlRoom::enter(&stage.target.operator).await.unwrap();
    let said = room.ask("retry", PATIENCE).await.unwrap().join("\n");
    assert!(
        said.contains("will be done again") && said.contains("confirm"),
        "{said}"
    );
    assert!(said.contains("all that had failed is mended"), "{said}");
    let said = room.ask("retry", PATIENCE).await.unwrap().join("\n");
    assert!(said.contains("There is nothing to do again"), "{said}");
    let said = room
        .ask("retry !none:ferry.test", PATIENCE)
        .await
        .unwrap()
        .join("\n");
    assert!(
        said.contains("no room") && said.contains("nothing was done"),
        "{said}"
    );
    let said = room.ask("bundles", PATIENCE).await.unwrap().join("\n");
    assert!(said.contains("the last import was of this one"), "{said}");
    let said = room
        .ask("bundle verify", PATIENCE)
        .await
        .unwrap()
        .join("\n");
    assert!(
        said.contains("is whole") && said.contains("with right signatures"),
        "{said}"
    );
    bot.stop().await.unwrap();
}

fn ferryman(stage: &Stage, words: &[&str]) -> (i32, String, String) {
    let output = ended(stage, words, None);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_in_parts_ends_like_a_whole_one() {
    each_target("an import in parts", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let bundle = export(&stage.engine()).await;
        let (code, _, error) = ferryman(&stage, &["retry"]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("nothing has been imported yet"), "{error}");
        let (code, _, error) = ferryman(&stage, &["import", "--only", "users,roms"]);
        assert_eq!(code, 2, "{error}");
        assert!(
            error.contains("there is no stage roms: did you mean rooms?"),
            "{error}"
        );
        let (code, _, error) = ferryman(&stage, &["import", "--only", "rooms"]);
        assert_eq!(code, 2, "{error}");
        assert!(
            error.contains("rooms can't be carried before accounts"),
            "{error}"
        );

        let (code, text, _) = ferryman(&stage, &["import", "--only", "users"]);
        assert!(
            code == 0 && text.contains("left out by choice: rooms"),
            "{text}"
        );
        let (code, text, _) = ferryman(&stage, &["verify"]);
        assert!(code == 0 && text.contains("not compared: rooms"), "{text}");
        let (code, text, _) = ferryman(&stage, &["import", "--except", "settings,media"]);
        assert_eq!(code, 0, "{text}");
        let (code, text, _) = ferryman(&stage, &["import"]);
        assert_eq!(code, 0, "{text}");
        let verification = stage.engine().verify(&job(), None).await.unwrap();
        assert!(verification.left_out.is_empty());
        assert_good(&verification);
        let rooms = stage.filled.counts.rooms;
        let compared = verification
            .rooms
            .iter()
            .filter(|room| room.skipped.is_none());
        assert_eq!(compared.count(), rooms);
        let (code, text, _) = ferryman(&stage, &["retry"]);
        assert!(code == 0 && text.contains("nothing to do again"), "{text}");

        bundles(&stage, &bundle);
    })
    .await;
}

/// A whole one, a damaged one and a half one.
fn bundles(stage: &Stage, bundle: &std::path::Path) {
    let mut bytes = fs::read(bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let broken = bundle.with_file_name("broken.tar.zst");
    fs::write(&broken, &bytes).unwrap();
    fs::create_dir(bundle.with_file_name("half.tar.zst.partial")).unwrap();
    let (code, text, _) = ferryman(stage, &["--json", "bundles"]);
    assert_eq!(code, 0, "{text}");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let all = last["data"]["all"].as_array().unwrap();
    let of = |name: &str| all.iter().find(|it| it["name"] == name).unwrap();
    let name = bundle.file_name().unwrap().to_str().unwrap();
    let whole = &of(name)["state"]["whole"];
    assert_eq!(of(name)["imported"], true);
    assert_eq!(whole["users"], stage.filled.counts.users);
    assert_eq!(whole["rooms"], stage.filled.counts.rooms);
    assert_eq!(whole["events"], stage.filled.counts.events);
    assert_eq!(whole["server_name"], stage.names.server_name.as_str());
    assert!(
        of("broken.tar.zst")["state"]["damaged"]["reason"].is_string(),
        "{last}"
    );
    assert!(
        of("half.tar.zst.partial")["state"]["half"].is_object(),
        "{last}"
    );

    let (code, text, _) = ferryman(
        stage,
        &["--json", "bundle", "verify", bundle.to_str().unwrap()],
    );
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let data = &last["data"];
    assert_eq!(
        (code, &data["faults"]),
        (0, &serde_json::json!([])),
        "{last:#}"
    );
    assert_eq!(data["no_key"], 0, "{last:#}");
    assert_eq!(data["signed"], data["events"], "{last:#}");
    let (code, _, error) = ferryman(stage, &["bundle", "verify", broken.to_str().unwrap()]);
    assert_eq!(code, 6, "{error}");
    assert!(
        error.contains("copy the bundle again, or export again"),
        "{error}"
    );
    let half = bundle.with_file_name("half.tar.zst.partial");
    let (code, _, error) = ferryman(stage, &["bundle", "verify", half.to_str().unwrap()]);
    assert!(code == 6 && error.contains("was broken off"), "{error}");
}

//! Rooms that are made anew: each once, whatever happens, and with everything but their history.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    fake_target::When,
    resume::killed_at_each_request,
    sample::ANNA,
    stage::{Source, Stage},
};
use crate::{engine::Asked, hex::hex, migration::local::MADE_FROM, model::mode::Mode};

const HARBOUR: &str = "!harbour:ferry.test";

#[tokio::test(flavor = "multi_thread")]
async fn all_rooms_are_made_anew_if_it_is_asked_for() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_made, summary.rooms_carried), (4, 0));
    assert_eq!((summary.aliases, summary.remote_joins), (2, 0));
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let end = stage.end(summary);
    stage.world().changes.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), end);
    assert_eq!(stage.world().changes, Vec::<String>::new());
    // It stays so, also where nobody asks for it any more.
    let summary = stage.import_as(Asked::default()).await;
    assert_eq!(stage.end(summary), end);
    let asked = Asked {
        mode: Some(Mode::Resident),
        ..Asked::default()
    };
    let summary = stage.import_as(asked).await;
    assert_eq!(stage.end(summary), end);
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_request_there_is_no_second_room() {
    killed_at_each_request(Source::new().in_mode(Mode::Local)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ledger_makes_no_second_room() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    stage.import().await;
    let rooms = |stage: &Stage| stage.world().rooms.keys().cloned().collect::<BTreeSet<_>>();
    let before = rooms(&stage);
    stage.lose_ledger();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.rooms_made, 4);
    assert_eq!(rooms(&stage), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_somebody_elses_stays_as_it_is() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    stage.world().rooms.entry(HARBOUR.to_owned()).or_default();
    let (summary, _) = stage.import().await;
    let problem = summary.problems.iter().find(|it| it.subject == HARBOUR);
    insta::assert_snapshot!(problem.unwrap().reason, @"the target has a room of this ID already, which was not made from this one: nothing was changed; remove it there, or leave it");
    assert_eq!((summary.rooms_made, summary.rooms_failed), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_nobody_can_enter_any_more_is_given_up() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    stage.world().breaks_at_making = true;
    let (summary, _) = stage.import().await;
    assert_eq!((summary.rooms_made, summary.rooms_failed), (3, 1));
    let broken = summary.problems.iter().find(|it| it.step == "room");
    let broken = broken.unwrap().subject.clone();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_made, summary.rooms_failed), (4, 0));
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let world = stage.world();
    assert!(world.aliases.values().all(|room| *room != broken));
    for [_, room, kind] in world.settings.account_data.keys() {
        assert!(*room != broken, "{kind}");
    }
    assert_eq!(world.rooms.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_and_tried_again() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    stage
        .world()
        .refused_state
        .insert("m.room.topic".to_owned());
    let (summary, _) = stage.import().await;
    assert!(summary.rooms_failed > 0);
    let told = summary.problems.iter();
    assert!(
        told.clone()
            .any(|it| it.subject.ends_with(": m.room.topic")),
        "{told:?}"
    );
    stage.world().refused_state.clear();
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!(retried.left, []);
    assert!(stage.verify().await.is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_named_is_looked_at_again() {
    let source = Source::new().in_mode(Mode::Local);
    let stage = Stage::new(&source);
    stage.import().await;
    stage.world().changes.clear();
    stage.killed_retry(&[HARBOUR], 12, When::After).await;
    let (retried, _) = stage.retry(&[HARBOUR]).await.unwrap();
    assert_eq!(retried.left, []);
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

/// A bundle of version 1 with two rooms that name each other, the second with a version that gets a new ID.
fn version_1(dir: &Path) {
    let user = |name: &str| json!({ "user_id": format!("@{name}:ferry.test"), "name": format!("@{name}:ferry.test"), "displayname": name, "is_admin": false, "deactivated": false, "shadow_banned": false, "creation_ts": 1, "threepids": null });
    let room = |id: &str, version: &str| json!({ "room_id": id, "name": "Room", "canonical_alias": null, "creator": ANNA, "join_rules": "invite", "guest_access": null, "history_visibility": "shared", "federatable": true, "public": false, "version": version });
    let state = |kind: &str, key: &str, content: Value| json!({ "type": kind, "state_key": key, "content": content });
    let levels = json!({ "users": { ANNA: 100 }, "users_default": 0 });
    let files = [
        (
            "users.json",
            json!([user("anna"), user("ben"), user("cara")]),
        ),
        (
            "rooms.json",
            json!([
                room("!space:ferry.test", "1"),
                room("!next:ferry.test", "12")
            ]),
        ),
        (
            "room_state.json",
            json!({
                "!space:ferry.test": [
                    state("m.room.create", "", json!({ "creator": ANNA, "type": "m.space" })),
                    state("m.room.power_levels", "", levels.clone()),
                    state("m.space.child", "!next:ferry.test", json!({ "via": ["ferry.test"] })),
                ],
                "!next:ferry.test": [
                    state("m.room.create", "", json!({ "room_version": "12", "predecessor": { "room_id": "!space:ferry.test" } })),
                    state("m.room.power_levels", "", json!({ "users": { "@ben:ferry.test": 50 } })),
                    state("m.room.topic", "", json!({ "topic": "t" })),
                ],
            }),
        ),
        (
            "memberships.json",
            json!({
                "!space:ferry.test": { ANNA: "leave", "@ben:ferry.test": "join", "@far:elsewhere.test": "join" },
                "!next:ferry.test": { ANNA: "join", "@ben:ferry.test": "invite", "@cara:ferry.test": "ban" },
            }),
        ),
        ("aliases.json", json!({})),
        ("metadata.json", json!({})),
    ];
    let mut manifest = serde_json::Map::new();
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    fs::create_dir(dir).unwrap();
    for (name, content) in &files {
        let text = content.to_string();
        fs::write(dir.join(name), &text).unwrap();
        manifest.insert((*name).to_owned(), hex(&Sha256::digest(&text)).into());
    }
    let schema = json!({ "exporter_version": 1, "files": names });
    fs::write(dir.join("schema.json"), schema.to_string()).unwrap();
    fs::write(
        dir.join("manifest.json"),
        Value::Object(manifest).to_string(),
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_version_1_are_made_anew_where_nothing_else_is_possible() {
    let source = Source::new();
    let mut stage = Stage::new(&source);
    let dir = tempfile::tempdir().unwrap();
    stage.bundle = dir.path().join("old");
    version_1(&stage.bundle);
    let summary = stage.import_as(Asked::default()).await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_made, summary.rooms_skipped.len()), (0, 2));
    let asked = Asked {
        mode: Some(Mode::Fallback),
        ..Asked::default()
    };
    let summary = stage.import_as(asked).await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_made, summary.rooms_skipped.len()), (2, 0));
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let known: Vec<_> = verification
        .rooms
        .iter()
        .flat_map(|room| room.members.known.iter().chain(&room.timeline.known))
        .cloned()
        .collect();
    insta::assert_snapshot!(known.join("\n"), @r"
    @anna:ferry.test has made the room anew, and left it again
    @far:elsewhere.test (join) is of another server, and can't be put back from here
    the room was made anew, so its history is not here
    the room has version 11 now
    the room was made anew, so its history is not here
    the room is !made1:ferry.test now
    ");
    let world = stage.world();
    let (new, _) = world
        .rooms
        .iter()
        .find(|(id, _)| *id != "!space:ferry.test")
        .unwrap();
    let lines = world.rooms["!space:ferry.test"].lines().join("\n");
    assert!(
        lines.contains(&format!("m.space.child of {new:?}")),
        "{lines}"
    );
    assert!(lines.contains(MADE_FROM), "{lines}");
}

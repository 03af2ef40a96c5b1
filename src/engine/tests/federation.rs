//! Rooms that are joined through other servers: nobody joins, is invited or leaves twice, whenever it is cut off.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::fake_target::{Disturbance, Elsewhere, FakeTarget, When};
use crate::{
    Result,
    clock::FixedClock,
    config::{self, Tokens},
    engine::{Asked, Engine},
    hex::hex,
    job::Job,
    migration::outcome::{ImportSummary, Verification},
    model::mode::Mode,
};

/// Kills are waited for, not computed with.
const AT_ONCE: usize = 8;

/// A migration from `old.test` to `ferry.test`.
struct Move {
    dir: TempDir,
    target: FakeTarget,
}

fn members(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    let all = all.iter();
    all.map(|(user, is)| (format!("@{user}"), (*is).to_owned()))
        .collect()
}

/// What the old server has of the rooms, by ID: each as all its servers see it.
fn rooms() -> BTreeMap<String, Elsewhere> {
    let room = |rule, allows, users: Value, all: &[(&str, &str)]| Elsewhere {
        rule,
        allows,
        members: members(all),
        levels: json!({ "users": users, "invite": 50 }),
        events: Vec::new(),
    };
    let anna = || json!({ "@anna:old.test": 100 });
    let both = [("anna:old.test", "join"), ("ben:old.test", "join")];
    let invite = [
        both[0],
        both[1],
        ("cara:old.test", "invite"),
        ("far:far.test", "join"),
    ];
    let chain = [both[0], both[1], ("cara:old.test", "join")];
    let all = [
        // Named so that the chain would come first by ID.
        (
            "!achain:old.test",
            room("restricted", Some("!space:old.test"), anna(), &chain),
        ),
        (
            "!invite:old.test",
            room(
                "invite",
                None,
                json!({ "@anna:old.test": 100, "@ben:old.test": 50 }),
                &invite,
            ),
        ),
        (
            "!public:far.test",
            room(
                "public",
                None,
                json!({ "@far:far.test": 100 }),
                &[both[1], ("far:far.test", "join")],
            ),
        ),
        (
            "!shut:far.test",
            room(
                "invite",
                None,
                json!({ "@far:far.test": 100 }),
                &[both[0], ("far:far.test", "join")],
            ),
        ),
        ("!space:old.test", room("invite", None, anna(), &both)),
    ];
    all.into_iter()
        .map(|(id, room)| (id.to_owned(), room))
        .collect()
}

impl Move {
    fn new() -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
            target: FakeTarget::new(&[]),
        };
        stage.target.world().elsewhere = rooms();
        stage.write();
        stage
    }

    fn bundle(&self) -> PathBuf {
        self.dir.path().join("bundle")
    }

    /// A bundle of version 1.
    fn write(&self) {
        let dir = self.bundle();
        let user = |name: &str| json!({ "user_id": format!("@{name}:old.test"), "name": format!("@{name}:old.test"), "displayname": name, "is_admin": false, "deactivated": false, "shadow_banned": false, "creation_ts": 1, "threepids": null });
        let state = |kind: &str, key: &str, content: Value| json!({ "type": kind, "state_key": key, "sender": "@anna:old.test", "content": content });
        let (mut list, mut states, mut memberships) = (Vec::new(), json!({}), json!({}));
        for (id, room) in rooms() {
            list.push(json!({ "room_id": id, "name": id, "canonical_alias": null, "creator": "@anna:old.test", "join_rules": room.rule, "guest_access": null, "history_visibility": "shared", "federatable": true, "public": false, "version": "10" }));
            let mut rule = json!({ "join_rule": room.rule });
            if let Some(allows) = room.allows {
                rule["allow"] = json!([{ "type": "m.room_membership", "room_id": allows }]);
            }
            let mut events = vec![
                state("m.room.create", "", json!({ "room_version": "10" })),
                state("m.room.join_rules", "", rule),
                state("m.room.power_levels", "", room.levels),
            ];
            for (user, is) in &room.members {
                events.push(state("m.room.member", user, json!({ "membership": is })));
            }
            states[&id] = json!(events);
            memberships[&id] = json!(room.members);
        }
        let files = [
            (
                "users.json",
                json!([user("anna"), user("ben"), user("cara")]),
            ),
            ("rooms.json", json!(list)),
            ("room_state.json", states),
            ("memberships.json", memberships),
            ("aliases.json", json!({})),
            ("metadata.json", json!({})),
        ];
        fs::create_dir(&dir).unwrap();
        let mut manifest = serde_json::Map::new();
        for (name, content) in &files {
            let text = content.to_string();
            fs::write(dir.join(name), &text).unwrap();
            manifest.insert((*name).to_owned(), hex(&Sha256::digest(&text)).into());
        }
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        let schema = json!({ "exporter_version": 1, "files": names });
        fs::write(dir.join("schema.json"), schema.to_string()).unwrap();
        fs::write(
            dir.join("manifest.json"),
            Value::Object(manifest).to_string(),
        )
        .unwrap();
    }

    fn engine(&self, url: &str) -> Engine {
        let mut config = config::sample(self.dir.path());
        url.clone_into(&mut config.target.url);
        url.clone_into(&mut config.synapse.url);
        config.synapse.server_name = Some("old.test".try_into().unwrap());
        config.resident.listen = ([127, 0, 0, 1], 0).into();
        Engine::new(
            Arc::new(config),
            Arc::new(Tokens::load_or_make(self.dir.path()).unwrap()),
            Arc::new(FixedClock(1_700_000_000_000)),
        )
    }

    async fn run(&self, url: &str, leave_old: bool) -> Result<ImportSummary> {
        let asked = Asked {
            mode: Some(Mode::Federation),
            leave_old,
            ..Asked::default()
        };
        let engine = self.engine(url);
        engine
            .import_as(&Job::new().0, Some(self.bundle()), asked)
            .await
    }

    async fn import(&self, leave_old: bool) -> (ImportSummary, u64) {
        let visit = self.target.visit(None).await;
        let summary = self.run(&visit.url, leave_old).await.unwrap();
        (summary, visit.requests())
    }

    async fn disturbed(&self, disturbance: Disturbance) {
        let visit = self.target.visit(Some(disturbance)).await;
        tokio::select! {
            biased;
            () = visit.end() => {}
            ended = self.run(&visit.url, true) => drop(ended),
        }
    }

    async fn verify(&self) -> Verification {
        let visit = self.target.visit(None).await;
        let engine = self.engine(&visit.url);
        engine
            .verify(&Job::new().0, Some(self.bundle()))
            .await
            .unwrap()
    }

    /// Who has which power in the end.
    fn levels(&self) -> Vec<Value> {
        let world = self.target.world();
        let rooms = world.elsewhere.values();
        rooms.map(|room| room.levels.clone()).collect()
    }

    /// All that has happened in the rooms, and who has an account.
    fn end(&self) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
        let world = self.target.world();
        let rooms = world.elsewhere.iter().map(|(id, room)| {
            let mut events = room.events.clone();
            events.sort();
            (id.clone(), events)
        });
        (rooms.collect(), world.accounts.keys().cloned().collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_where_they_were_under_the_new_name() {
    let stage = Move::new();
    let (summary, _) = stage.import(false).await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_joined, summary.rooms_skipped.len()), (4, 1));
    assert_eq!(summary.memberships, 9);
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let (rooms, _) = stage.end();
    insta::assert_debug_snapshot!(rooms, @r###"
        {
            "!achain:old.test": [
                "@anna:ferry.test join",
                "@ben:ferry.test invite",
                "@ben:ferry.test join",
                "@cara:ferry.test invite",
                "@cara:ferry.test join",
                "levels {\"@anna:ferry.test\":100,\"@anna:old.test\":100}",
            ],
            "!invite:old.test": [
                "@anna:ferry.test invite",
                "@anna:ferry.test join",
                "@ben:ferry.test invite",
                "@ben:ferry.test join",
                "@cara:ferry.test invite",
                "levels {\"@anna:ferry.test\":100,\"@anna:old.test\":100,\"@ben:ferry.test\":50,\"@ben:old.test\":50}",
            ],
            "!public:far.test": [
                "@ben:ferry.test join",
            ],
            "!shut:far.test": [],
            "!space:old.test": [
                "@anna:ferry.test invite",
                "@anna:ferry.test join",
                "@ben:ferry.test invite",
                "@ben:ferry.test join",
                "levels {\"@anna:ferry.test\":100,\"@anna:old.test\":100}",
            ],
        }
        "###);
    // Once more changes nothing.
    stage.target.world().changes.clear();
    stage.import(false).await;
    assert_eq!(stage.target.world().changes, Vec::<String>::new());
    // Nor where nothing is known of the first time.
    fs::remove_dir_all(stage.dir.path().join("ledger")).unwrap();
    stage.import(false).await;
    assert_eq!(stage.end().0, rooms);
    let (summary, _) = stage.import(true).await;
    assert_eq!(summary.old_left, 8);
    assert!(stage.verify().await.is_good());
    let left = |room: &str| stage.target.world().elsewhere[room].members["@anna:old.test"].clone();
    assert_eq!(
        (left("!invite:old.test"), left("!shut:far.test")),
        ("leave".to_owned(), "join".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_banned_since_the_export_is_not_let_in() {
    let stage = Move::new();
    let is = |room: &str, user: &str, membership: &str| {
        let mut world = stage.target.world();
        let room = world.elsewhere.get_mut(room).unwrap();
        room.members.insert(user.to_owned(), membership.to_owned());
    };
    is("!space:old.test", "@ben:old.test", "ban");
    is("!invite:old.test", "@cara:old.test", "leave");
    // The last one of the old server: it knows nothing of the room any more.
    let forgotten = "!public:far.test";
    let forget = |world: &mut super::fake_target::World| {
        world.elsewhere.get_mut(forgotten).unwrap().members.clear();
    };
    forget(&mut stage.target.world());
    let (summary, _) = stage.import(false).await;
    let told = summary.problems.iter();
    let told: Vec<_> = told
        .map(|it| format!("{}: {}", it.subject, it.reason))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    @ben:ferry.test !public:far.test: since the export @ben:old.test is not in the room any more (leave), so the new account is not let in: a new export knows it
    @ben:ferry.test !space:old.test: since the export @ben:old.test is not in the room any more (ban), so the new account is not let in: a new export knows it
    @cara:ferry.test !invite:old.test: since the export @cara:old.test is not in the room any more (leave), so the new account is not let in: a new export knows it
    ");
    let world = stage.target.world();
    let is_in = |room: &str, user: &str| world.elsewhere[room].members.contains_key(user);
    assert!(!is_in("!space:old.test", "@ben:ferry.test"));
    assert!(!is_in("!invite:old.test", "@cara:ferry.test"));
    assert!(is_in("!space:old.test", "@anna:ferry.test"));
    assert!(!is_in(forgotten, "@ben:ferry.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn power_levels_that_nobody_shows_are_not_written_anew() {
    let stage = Move::new();
    let room = "!invite:old.test";
    stage.target.world().elsewhere.get_mut(room).unwrap().levels = Value::Null;
    let (summary, _) = stage.import(false).await;
    let told = summary.problems.iter().filter(|it| it.step == "power");
    let told: Vec<_> = told.map(|it| it.reason.clone()).collect();
    insta::assert_snapshot!(told.join("\n"), @"the old server shows none of the room's power levels, which it has had: look at the room, and import again");
    assert_eq!(stage.target.world().elsewhere[room].levels, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_request_nothing_happens_twice() {
    let whole = Move::new();
    let (_, requests) = whole.import(true).await;
    let end = whole.end();
    let kills = (1..=requests).flat_map(|last| [(last, When::Before), (last, When::After)]);
    let ends = stream::iter(kills).map(|(last, when)| async move {
        let stage = Move::new();
        stage.disturbed(Disturbance::End(last, when)).await;
        let (summary, _) = stage.import(true).await;
        ((last, when), summary.problems.len(), stage.end())
    });
    let mut ends = ends.buffer_unordered(AT_ONCE);
    while let Some((kill, problems, there)) = ends.next().await {
        assert_eq!((problems, &there), (0, &end), "killed at {kill:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_looked_after() {
    let whole = Move::new();
    let (_, requests) = whole.import(true).await;
    let (end, last) = (whole.end(), whole.levels());
    let stumbles = (1..=requests).flat_map(|one| [(one, When::Before), (one, When::After)]);
    let ends = stream::iter(stumbles).map(|(one, when)| async move {
        let stage = Move::new();
        stage.disturbed(Disturbance::Stumble(one, when)).await;
        let (summary, _) = stage.import(true).await;
        (
            (one, when),
            summary.problems.len(),
            (stage.end(), stage.levels()),
        )
    });
    // They wait, and use no processor meanwhile.
    let mut ends = ends.buffer_unordered(4 * AT_ONCE);
    while let Some((stumble, problems, (there, levels))) = ends.next().await {
        assert_eq!(problems, 0, "stumbled at {stumble:?}");
        for (room, events) in &there.0 {
            // Who could not come in as a member of another room is invited.
            let mut all = events.clone();
            all.dedup();
            assert_eq!(all, *events, "stumbled at {stumble:?}, in {room}");
            let lasting = |events: &[String]| {
                // Of the power levels, the last ones are compared.
                let is_lasting =
                    |event: &&String| !event.ends_with("invite") && !event.starts_with("levels");
                let lasting = events.iter().filter(is_lasting);
                lasting.cloned().collect::<Vec<_>>()
            };
            let wanted = lasting(&end.0[room]);
            assert_eq!(
                lasting(events),
                wanted,
                "stumbled at {stumble:?}, in {room}"
            );
        }
        assert_eq!(there.1, end.1, "stumbled at {stumble:?}");
        assert_eq!(levels, last, "stumbled at {stumble:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_needs_the_mode_and_its_options_need_it_too() {
    let stage = Move::new();
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let refused = async |asked: Asked| {
        let planned = engine.plan_as(Some(stage.bundle()), asked).await;
        planned.unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(Asked::default()).await, @"the bundle is of old.test, and users become those of ferry.test: only --mode federation can do that");
    let leaving = Asked {
        leave_old: true,
        ..Asked::default()
    };
    insta::assert_snapshot!(refused(leaving).await, @"--via and --leave-old are for rooms that are joined through other servers: give --mode federation, too");
    stage.import(false).await;
    let other = Asked {
        mode: Some(Mode::Local),
        ..Asked::default()
    };
    insta::assert_snapshot!(refused(other).await, @"this import was begun with --mode federation: go on with that, for users and rooms come over in another way");
}

//! Rooms that are made anew on real servers: from a bundle of version 1, and a whole Synapse.

mod said;
mod town;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ferryman::{
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::{Stage, install},
    },
    engine::{Asked, Engine, ExportOptions},
    http::encode,
    lab::{
        client::{Client, v3},
        names::Names,
    },
    migration::{
        local::MADE_FROM,
        outcome::{ImportSummary, Verification},
        plan::UserAction,
    },
    model::{mode::Mode, wanted::Wanted},
    report::page::page,
    secret::ExposeSecret,
};
use serde_json::{Map, Value, json};

use crate::{
    journey::{assert_good, job},
    targets::{Target, each_target},
};
use town::{FEW, LARGE, REPLACED, REPLACEMENT, ROOMS, SPACE, Town, USERS, Wish};

fn anew() -> Asked {
    Asked {
        mode: Some(Mode::Local),
        ..Asked::default()
    }
}

fn filled() -> Asked {
    Asked {
        replay_messages: true,
        ..anew()
    }
}

/// All rooms of a user on the target by their old IDs: the new ID and the whole state with its event IDs.
async fn rooms(
    installation: &Installation,
    users: impl Iterator<Item = String>,
) -> BTreeMap<String, (String, Vec<Value>)> {
    let token = installation.tokens.puppets_as.expose_secret();
    let puppets = Client::anonymous(&installation.config.target.url).with_token("", token);
    let mut found = BTreeMap::new();
    for user in users {
        let acting = |path: String| format!("{path}?user_id={}", encode(&user));
        let joined = puppets.get(&acting(v3(&["joined_rooms"]))).await.unwrap();
        for room in joined["joined_rooms"].as_array().unwrap() {
            let id = room.as_str().unwrap();
            let state = puppets
                .get(&acting(v3(&["rooms", id, "state"])))
                .await
                .unwrap();
            let state = state.as_array().unwrap().clone();
            let create = state.iter().find(|event| event["type"] == "m.room.create");
            if let Some(old) = create.unwrap()["content"][MADE_FROM].as_str() {
                let before = found.insert(old.to_owned(), (id.to_owned(), sorted(state.clone())));
                assert!(
                    before.is_none_or(|(before, _)| before == id),
                    "{old} is there twice"
                );
            }
        }
    }
    found
}

/// By what a state event is of.
fn sorted(mut state: Vec<Value>) -> Vec<Value> {
    state.sort_by_key(|event| format!("{} {}", event["type"], event["state_key"]));
    for event in &mut state {
        // Its age is another each time.
        event.as_object_mut().unwrap().remove("unsigned");
        event.as_object_mut().unwrap().remove("age");
    }
    state
}

fn engine(installation: &Installation) -> Engine {
    Engine::new(
        Arc::new(installation.config.clone()),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_of_version_1_becomes_thirty_rooms() {
    each_target("a bundle of version 1", async |target| {
        let names = Names::fresh().unwrap();
        let between = Between {
            names: &names,
            // Nothing is asked of it.
            source: "http://127.0.0.1:19",
            admin_token: "none".to_owned().into(),
        };
        let is_tuwunel = target == Target::Tuwunel;
        let (installation, _target) = install(&between, &names, is_tuwunel).await.unwrap();
        let town = Town::new(names.server_name.as_str());
        let bundle = installation.folder().join("version-1");
        town.write(&bundle);
        let engine = engine(&installation);

        let begun = std::time::Instant::now();
        let imported = import(&engine, &bundle).await;
        eprintln!("{target:?}: 30 rooms in {:?}", begun.elapsed());
        assert_eq!(imported.rooms_made, ROOMS as u64);
        assert_eq!(imported.aliases, 10);
        let verified = engine.verify(&job(), Some(bundle.clone())).await.unwrap();
        assert_good(&verified);
        all_members_counted(&verified);

        let there = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert_eq!(there.len(), ROOMS);
        for room in &town.rooms {
            as_it_was(&town, room, &there, is_tuwunel);
        }
        // Once more changes nothing: no event is new.
        let again = import(&engine, &bundle).await;
        assert_eq!(again.rooms_made, ROOMS as u64);
        let after = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert!(after == there);
        // Nor where nothing is known of the first time.
        fs::remove_dir_all(installation.config.data_dir.join("ledger")).unwrap();
        import(&engine, &bundle).await;
        let after = rooms(&installation, (0..FEW).map(|number| town.user(number))).await;
        assert!(after == there);
    })
    .await;
}

async fn import(engine: &Engine, bundle: &Path) -> ImportSummary {
    import_as(engine, bundle, anew()).await
}

async fn import_as(engine: &Engine, bundle: &Path, asked: Asked) -> ImportSummary {
    let bundle = Some(bundle.to_owned());
    let imported = Box::pin(engine.import_as(&job(), bundle, asked)).await;
    let imported = imported.unwrap();
    assert_eq!(imported.problems, []);
    imported
}

fn all_members_counted(verified: &Verification) {
    for room in &verified.rooms {
        let is_large = LARGE
            .iter()
            .any(|it| room.room_id.as_str().starts_with(&format!("!room{it}:")));
        let local = if is_large { USERS } else { FEW };
        assert!(room.members.expected >= local as u64 - 1, "{room:?}");
        assert_eq!(room.members.equal, room.members.expected, "{room:?}");
        assert_eq!(room.state.equal, room.state.expected, "{room:?}");
    }
}

/// Compared here once more, by other means than those of the product.
fn as_it_was(
    town: &Town,
    room: &Wish,
    there: &BTreeMap<String, (String, Vec<Value>)>,
    is_tuwunel: bool,
) {
    let (id, state) = &there[&room.id];
    assert_eq!(*id == room.id, is_tuwunel && room.version < 12, "{id}");
    let get = |kind: &str, key: &str| {
        let found = state
            .iter()
            .find(|event| event["type"] == kind && event["state_key"] == key);
        found.map_or(&Value::Null, |event| &event["content"])
    };
    for (user, membership) in &room.members {
        let have = get("m.room.member", user)["membership"].as_str();
        match (*membership, user.ends_with(&town.server)) {
            ("leave", _) => assert!(matches!(have, None | Some("leave")), "{user} in {id}"),
            ("join", false) => assert_eq!(have, None),
            _ => assert_eq!(have, Some(*membership), "{user} in {id}"),
        }
    }
    let joined = state
        .iter()
        .filter(|event| event["content"]["membership"] == "join");
    let wanted = room
        .members
        .iter()
        .filter(|(user, is)| **is == "join" && user.ends_with(&town.server));
    assert_eq!(joined.count(), wanted.count(), "{id}");
    assert_eq!(
        get("m.room.member", &town.user(1))["displayname"],
        "One, here"
    );
    let new = |text: &str| there.get(text).map_or(text, |(new, _)| new).to_owned();
    for event in &room.state {
        let kind = event["type"].as_str().unwrap();
        let key = new(event["state_key"].as_str().unwrap());
        let mut content = event["content"].clone();
        match kind {
            "m.room.create" | "m.room.member" => continue,
            "m.room.tombstone" => content["replacement_room"] = json!(new(&town.id(REPLACEMENT))),
            _ => {}
        }
        assert_eq!(get(kind, &key), &content, "{kind} of {id}");
    }
    let create = get("m.room.create", "");
    if room.id == town.id(SPACE) {
        assert_eq!(create["type"], "m.space");
    }
    if room.id == town.id(REPLACEMENT) {
        assert_eq!(
            create["predecessor"]["room_id"],
            json!(new(&town.id(REPLACED)))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_synapse_is_made_anew() {
    each_target("local mode", async |target| {
        let stage = Box::pin(Stage::set(target == Target::Tuwunel));
        let stage = stage.await.unwrap();
        let engine = stage.engine();
        // Synapse shows tags and push rules to nobody else.
        let options = ExportOptions {
            wanted: Wanted {
                act_as_users: true,
                ..Wanted::default()
            },
            ..ExportOptions::default()
        };
        let exported = Box::pin(engine.export(&job(), &options, Box::new(page))).await;
        let exported = exported.unwrap();
        let imported = import_as(&engine, &exported.bundle, filled()).await;
        assert_eq!((imported.rooms_carried, imported.remote_joins), (0, 0));
        let messages = imported.messages.as_ref().unwrap();
        eprintln!("{target:?}: {messages:?}");
        assert_eq!(messages.sent, messages.planned);
        assert_eq!(imported.rooms_made, stage.filled.counts.rooms as u64);
        let verified = Box::pin(engine.verify(&job(), None)).await.unwrap();
        assert_good(&verified);
        let plan = engine.plan(None, None).await.unwrap();
        let carried = plan.users.iter();
        let carried: Vec<_> = carried
            .filter(|user| user.action == UserAction::Carry)
            .map(|user| user.user_id.to_string())
            .collect();
        let users = || carried.iter().cloned();
        let there = rooms(&stage.installation, users()).await;
        assert_eq!(there.len() as u64, imported.rooms_made);
        chats_lead_to_new_rooms(&stage.installation, users(), &there).await;
        let said = said::said(&stage.installation, &there).await;
        let work = stage.installation.folder().join("read");
        fs::create_dir(&work).unwrap();
        let kinds = said::as_before(&exported.bundle, &work, (&there, &carried), &said);
        eprintln!("{target:?}: {kinds:?}");
        for kind in [
            "m.room.message",
            "m.annotation",
            "m.replace",
            "m.thread",
            "reply",
        ] {
            assert!(kinds.contains_key(kind), "{kinds:?}");
        }
        let has_sealed = kinds.contains_key("m.room.encrypted");
        assert_eq!(has_sealed, target == Target::Tuwunel, "{kinds:?}");
        import(&engine, &exported.bundle).await;
        assert!(rooms(&stage.installation, users()).await == there);
        // Nor is anything said twice where nothing is known of the first time.
        fs::remove_dir_all(stage.installation.config.data_dir.join("ledger")).unwrap();
        let bundle = Some(exported.bundle.clone());
        let again = Box::pin(engine.import_as(&job(), bundle, filled())).await;
        let again = again.unwrap();
        // Closed accounts that it has made itself look like somebody's own then.
        assert!(
            again.problems.iter().all(|it| it.step == "account"),
            "{again:?}"
        );
        assert!(rooms(&stage.installation, users()).await == there);
        assert!(said::said(&stage.installation, &there).await == said);
    })
    .await;
}

/// Direct chats and tags of everybody are those of rooms that are there.
async fn chats_lead_to_new_rooms(
    installation: &Installation,
    users: impl Iterator<Item = String>,
    there: &BTreeMap<String, (String, Vec<Value>)>,
) {
    let token = installation.tokens.puppets_as.expose_secret();
    let puppets = Client::anonymous(&installation.config.target.url).with_token("", token);
    let (mut chats, mut tags) = (0, 0);
    for user in users {
        let acting = |path: String| format!("{path}?user_id={}", encode(&user));
        let path = acting(v3(&["user", &user, "account_data", "m.direct"]));
        if let Ok(direct) = puppets.get(&path).await {
            let rooms = direct.as_object().unwrap().values();
            for room in rooms.flat_map(|rooms| rooms.as_array().unwrap()) {
                let new = there.values().any(|(new, _)| new == room);
                assert!(new, "{user}: {direct}");
                chats += 1;
            }
        }
        for (new, _) in there.values() {
            let path = acting(v3(&["user", &user, "rooms", new, "tags"]));
            if let Ok(found) = puppets.get(&path).await {
                tags += found["tags"].as_object().map_or(0, Map::len);
            }
        }
    }
    assert!(chats > 0 && tags > 0, "{chats} chats, {tags} tags");
}

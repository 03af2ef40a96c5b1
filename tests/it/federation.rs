//! A move to another server's name between two real servers, while a third one that shares rooms with them looks on.

mod towns;

use std::{collections::BTreeMap, sync::Arc};

use ferryman::{
    clock::SystemClock,
    engine::{Asked, Engine, ExportOptions},
    lab::client::{Client, v3},
    migration::{
        check::{Check, Severity},
        outcome::{Finding, Health, ImportSummary},
        plan::{RoomAction, UserAction},
    },
    model::{mode::Mode, wanted::Wanted},
    report::page::page,
};
use serde_json::{Value, json};

use crate::{
    journey::{assert_good, job},
    targets::{Target, each_target},
};
use towns::Towns;

/// Rooms by what is special in them.
type Rooms = BTreeMap<&'static str, String>;

/// Where Cora is in, or is invited to.
const OF_CORA: [&str; 2] = ["chain", "public"];

async fn fill(towns: &Towns) -> Rooms {
    let mut rooms = Rooms::new();
    let public = towns
        .room("Public", json!({ "preset": "public_chat" }))
        .await;
    towns
        .rita
        .join(&public, Some(towns.old_name().as_str()))
        .await
        .unwrap();
    towns.cora.join(&public, None).await.unwrap();
    rooms.insert("public", public);
    let invite = towns.room("Invite only", json!({})).await;
    towns
        .anna
        .invite(&invite, towns.cora.user_id())
        .await
        .unwrap();
    towns.anna.ban(&invite, towns.dora.user_id()).await.unwrap();
    towns
        .anna
        .set_power(&invite, towns.bert.user_id(), 50)
        .await
        .unwrap();
    rooms.insert("invite", invite);
    let knock = towns.room("Knock", json!({})).await;
    towns.rule(&knock, json!({ "join_rule": "knock" })).await;
    rooms.insert("knock", knock);
    let space = towns
        .room(
            "Space",
            json!({ "creation_content": { "type": "m.space" } }),
        )
        .await;
    let restricted = towns.room("Restricted", json!({})).await;
    // Cora is in the last one of the chain, but in none of the others.
    let chain = towns.room("Chain", json!({})).await;
    towns
        .anna
        .invite(&chain, towns.cora.user_id())
        .await
        .unwrap();
    towns.cora.join(&chain, None).await.unwrap();
    for (room, of) in [(&restricted, &space), (&chain, &restricted)] {
        let allow = json!([{ "type": "m.room_membership", "room_id": of }]);
        towns
            .rule(room, json!({ "join_rule": "restricted", "allow": allow }))
            .await;
        let via = json!({ "via": [towns.old_name()] });
        towns
            .anna
            .set_state(of, "m.space.child", room, &via)
            .await
            .unwrap();
    }
    rooms.extend([
        ("space", space),
        ("restricted", restricted),
        ("chain", chain),
    ]);
    let direct = towns
        .room(
            "",
            json!({ "preset": "trusted_private_chat", "is_direct": true }),
        )
        .await;
    for (who, with) in [(&towns.anna, &towns.bert), (&towns.bert, &towns.anna)] {
        let path = v3(&["user", who.user_id(), "account_data", "m.direct"]);
        let content = json!({ with.user_id(): [direct] });
        who.put(&path, &content).await.unwrap();
    }
    let ignored = v3(&[
        "user",
        towns.anna.user_id(),
        "account_data",
        "m.ignored_user_list",
    ]);
    let content = json!({ "ignored_users": { towns.dora.user_id(): {} } });
    towns.anna.put(&ignored, &content).await.unwrap();
    rooms.insert("direct", direct);
    rooms.insert(
        "newest",
        towns.room("Newest", json!({ "room_version": "12" })).await,
    );
    theirs(towns, &mut rooms).await;
    rooms
}

/// Rooms of the other server.
async fn theirs(towns: &Towns, rooms: &mut Rooms) {
    let other = Some(towns.other.server_name().as_str());
    let open = json!({ "name": "Theirs", "room_version": "11", "preset": "public_chat" });
    let open = towns.rita.create_room(&open).await.unwrap();
    towns.bert.join(&open, other).await.unwrap();
    rooms.insert("theirs", open);
    // Nobody of the old server may invite there.
    let shut = json!({
        "name": "Shut", "room_version": "11", "preset": "private_chat",
        "power_level_content_override": { "invite": 50 },
    });
    let shut = towns.rita.create_room(&shut).await.unwrap();
    towns
        .rita
        .invite(&shut, towns.anna.user_id())
        .await
        .unwrap();
    towns.anna.join(&shut, other).await.unwrap();
    rooms.insert("shut", shut);
}

fn engine(towns: &Towns) -> Engine {
    Engine::new(
        Arc::new(towns.installation.config.clone()),
        Arc::new(towns.installation.tokens.clone()),
        Arc::new(SystemClock),
    )
}

fn asked(towns: &Towns, leave_old: bool) -> Asked {
    Asked {
        mode: Some(Mode::Federation),
        via: vec![towns.old_name().clone()],
        leave_old,
        ..Asked::default()
    }
}

async fn import(towns: &Towns, leave_old: bool) -> ImportSummary {
    let engine = engine(towns);
    let asked = asked(towns, leave_old);
    let imported = engine.import_as(&job(), None, asked).await.unwrap();
    assert_eq!(imported.problems, []);
    imported
}

/// Each room's state as somebody of the old server sees it: no event may be new.
async fn views(towns: &Towns, rooms: &Rooms) -> BTreeMap<&'static str, Vec<String>> {
    let mut views = BTreeMap::new();
    for (key, room) in rooms {
        let reader: &Client = if *key == "theirs" {
            &towns.bert
        } else {
            &towns.anna
        };
        let state = reader.state(room).await.unwrap();
        let mut ids: Vec<_> = state
            .iter()
            .map(|event| event["event_id"].to_string())
            .collect();
        ids.sort();
        views.insert(*key, ids);
    }
    views
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_move_to_another_name_and_stay_in_their_rooms() {
    Box::pin(each_target("federation mode", async |target| {
        let towns = Towns::new(target).await;
        let rooms = fill(&towns).await;
        let engine = engine(&towns);
        let options = ExportOptions {
            wanted: Wanted {
                act_as_users: true,
                ..Wanted::default()
            },
            ..ExportOptions::default()
        };
        engine
            .export(&job(), &options, Box::new(page))
            .await
            .unwrap();
        let refused = engine.plan(None, None).await.unwrap_err().to_string();
        assert!(refused.contains("--mode federation"), "{refused}");
        looks_good_before(&towns, &rooms, target).await;
        let plan = engine.plan_as(None, asked(&towns, false)).await.unwrap();
        let carried = plan
            .users
            .iter()
            .filter(|user| user.action == UserAction::Carry);
        assert_eq!(carried.count(), 4);
        let skipped: Vec<_> = plan
            .rooms
            .iter()
            .filter(|room| matches!(room.action, RoomAction::Skip { .. }))
            .map(|room| room.room_id.as_str())
            .collect();
        assert_eq!(skipped, [rooms["shut"].as_str()]);

        let begun = std::time::Instant::now();
        let imported = import(&towns, false).await;
        eprintln!(
            "{target:?}: {} memberships in {:?}",
            imported.memberships,
            begun.elapsed()
        );
        assert_eq!(imported.rooms_joined, rooms.len() as u64 - 1);
        // Anna and Bert in eight rooms, Bert in Rita's, Cora in two and invited to one.
        assert_eq!(imported.memberships, 8 * 2 + 1 + 2 + 1);
        let reasons: Vec<_> = imported
            .rooms_skipped
            .iter()
            .map(|room| &*room.reason)
            .collect();
        assert!(reasons[0].contains("may invite"), "{reasons:?}");
        let verified = engine.verify(&job(), None).await.unwrap();
        assert_good(&verified);
        as_it_was(&towns, &rooms).await;

        // Once more changes nothing, also where nothing is known of the first time.
        let before = views(&towns, &rooms).await;
        import(&towns, false).await;
        assert_eq!(views(&towns, &rooms).await, before);
        std::fs::remove_dir_all(towns.installation.config.data_dir.join("ledger")).unwrap();
        import(&towns, false).await;
        assert_eq!(views(&towns, &rooms).await, before);

        let left = import(&towns, true).await;
        assert_eq!(left.old_left, 8 * 2 + 1 + 2);
        let still = towns.anna.get(&v3(&["joined_rooms"])).await.unwrap();
        assert_eq!(still["joined_rooms"], json!([rooms["shut"]]));
        let verified = engine.verify(&job(), None).await.unwrap();
        assert_good(&verified);
        import(&towns, true).await;
        people_can_talk(&towns, &rooms).await;
    }))
    .await;
}

/// What `check` and `doctor` say, which go by the two names; and if the old server's name leads nowhere.
async fn looks_good_before(towns: &Towns, rooms: &Rooms, target: Target) {
    let checked = engine(towns).check(None).await.unwrap();
    assert!(checked.worst() < Severity::Error, "{checked:?}");
    let of = |wanted: &str| checked.0.iter().find(|check| check.code() == wanted);
    let shut = of("rooms-without-host").unwrap();
    assert_eq!(shut.subjects, [rooms["shut"].as_str()]);
    assert_eq!(of("old-server").is_some(), target == Target::Tuwunel);
    let findings = engine(towns).doctor().await;
    let is_bad = |finding: &&Finding| finding.state == Health::Bad;
    assert_eq!(findings.iter().find(is_bad), None);

    let mut config = towns.installation.config.clone();
    config.synapse.server_name = Some("nowhere.test".try_into().unwrap());
    let tokens = Arc::new(towns.installation.tokens.clone());
    let lost = Engine::new(Arc::new(config), tokens, Arc::new(SystemClock));
    let checked = lost.check(None).await.unwrap();
    let is_lost = |check: &Check| check.code() == "old-server-unreachable";
    assert_eq!(checked.0.iter().any(is_lost), target == Target::Tuwunel);
}

/// Compared here once more, by other means than those of the product.
async fn as_it_was(towns: &Towns, rooms: &Rooms) {
    let all = |without: &[&str]| {
        let mut all: Vec<_> = rooms
            .iter()
            .filter(|(key, _)| !without.contains(key))
            .map(|(_, room)| room.clone())
            .collect();
        all.sort();
        all
    };
    let sorted = |mut rooms: Vec<String>| {
        rooms.sort();
        rooms
    };
    assert_eq!(sorted(towns.joined("anna").await), all(&["shut", "theirs"]));
    assert_eq!(sorted(towns.joined("bert").await), all(&["shut"]));
    let mut of_cora: Vec<_> = OF_CORA.iter().map(|key| rooms[key].clone()).collect();
    of_cora.sort();
    assert_eq!(sorted(towns.joined("cora").await), of_cora);
    assert_eq!(towns.joined("dora").await, [] as [String; 0]);
    let content = async |room: &str, kind: &str, key: &str| {
        let room = &rooms[room];
        towns.anna.state_content(room, kind, key).await.unwrap()
    };
    let cora = content("invite", "m.room.member", &towns.new_id("cora")).await;
    assert_eq!(cora["membership"], "invite");
    let levels = content("invite", "m.room.power_levels", "").await;
    assert_eq!(levels["users"][towns.new_id("anna")], 100);
    assert_eq!(levels["users"][towns.new_id("bert")], 50);
    assert_eq!(levels["users"][towns.bert.user_id()], 50);
    let levels = content("newest", "m.room.power_levels", "").await;
    assert!(levels["users"][towns.new_id("anna")].as_i64().unwrap() >= 100);
    let data = async |who: &str, kind: &str| {
        let id = towns.new_id(who);
        let path = v3(&["user", &id, "account_data", kind]);
        towns.as_new(who, &path).await.unwrap()
    };
    let direct: Value = json!({ towns.new_id("bert"): [rooms["direct"]] });
    assert_eq!(data("anna", "m.direct").await, direct);
    let ignored = data("anna", "m.ignored_user_list").await;
    for dora in [towns.new_id("dora"), towns.dora.user_id().to_owned()] {
        assert!(ignored["ignored_users"][&dora].is_object(), "{ignored}");
    }
}

/// The other server hears the new account, and the old one's state is the new one's, too.
async fn people_can_talk(towns: &Towns, rooms: &Rooms) {
    let said = towns
        .rita
        .say(&rooms["public"], "Who is here?")
        .await
        .unwrap();
    for _ in 0..300 {
        let path = v3(&["rooms", &rooms["public"], "event", &said]);
        if towns.as_new("anna", &path).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the new account hears nothing");
}

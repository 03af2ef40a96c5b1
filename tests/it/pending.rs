//! Invites and knocks at rooms that nobody is in: the user sees on the target what Synapse showed them.

use std::path::Path;

use ferryman::{
    bundle::{BundleWriter, Origin, SourceKind, UserRecord},
    demo::{ordinary, stage::Stage},
    engine::ExportOptions,
    http::encode,
    lab::client::Client,
    migration::plan::RoomAction,
    model::{pending::Pending, wanted::Wanted},
    report::page::page,
    secret::ExposeSecret,
};
use ruma::{RoomVersionId, ServerName};
use rusqlite::Connection;
use serde_json::{Value, json, value::to_raw_value};

use crate::journey::{assert_good, job};

/// A user's `/sync`, of one room alone. `query` begins with `&`, or is empty.
pub(crate) async fn sync(client: &Client, query: &str, room: &str, since: Option<&str>) -> Value {
    let filter = json!({ "room": { "rooms": [room] }, "presence": { "types": [] } });
    let filter = encode(&filter.to_string());
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    let path = format!("/_matrix/client/v3/sync?timeout=0&filter={filter}{since}{query}");
    client.get(&path).await.unwrap()
}

/// The user waits at the door, and sees everything that they saw on Synapse; gives the place in their `/sync` up to which
/// that is told.
pub(crate) async fn is_as_on_synapse(
    stage: &Stage,
    client: &Client,
    query: &str,
    room: &str,
) -> String {
    let pending = &stage.filled.things.pending;
    let before = pending.iter().find(|pending| pending.room == room).unwrap();
    let answer = sync(client, query, room, None).await;
    let kind = before.membership;
    let seen = &answer["rooms"][kind][room][format!("{kind}_state")]["events"];
    let seen = seen.as_array().unwrap_or_else(|| panic!("{answer:#}"));
    let find = |event: &Value| {
        seen.iter()
            .find(|seen| seen["type"] == event["type"] && seen["state_key"] == event["state_key"])
    };
    for event in &before.stripped {
        let is_own_knock = kind == "knock" && event["state_key"] == before.user_id.as_str();
        let same = find(event).unwrap_or_else(|| panic!("no {event:#} in {seen:#?}"));
        assert_eq!(same["sender"], event["sender"]);
        if is_own_knock {
            assert_eq!(same["content"]["membership"], "knock");
            assert_eq!(same["content"]["reason"], event["content"]["reason"]);
        } else {
            assert_eq!(same["content"], event["content"]);
        }
    }
    answer["next_batch"].as_str().unwrap().to_owned()
}

/// Lets the ledger forget how the invites of a room ended; gives the number of its entries.
pub(crate) fn forget(stage: &Stage, room: &str) -> usize {
    let path = stage.installation.config.data_dir.join("ledger");
    let ledger = Connection::open(path.join("ledger.sqlite")).unwrap();
    let forget = "update step set outcome = 'begun', detail = '' \
                  where step in ('wait', 'settle') and instr(subject, ?1) > 0";
    ledger.execute(forget, [room]).unwrap()
}

/// Another bundle of the same server: a newcomer is invited to two rooms of other servers, of which one sends what the
/// target can't read.
pub(crate) async fn come_from_other_servers(stage: &Stage) {
    let engine = stage.engine();
    let server_name = &stage.names.server_name;
    let user = format!("@newcomer:{server_name}");
    let bundle = stage.installation.folder().join("others.tar.zst");
    let far = json!("$far");
    let old = json!(["$far:old.test", { "sha256": "old" }]);
    let invites = [
        invite(&user, "!far:far.test", &far),
        invite(&user, "!old:old.test", &old),
    ];
    write(&bundle, server_name, &user, &invites);

    let plan = engine.plan(Some(bundle.clone()), None).await.unwrap();
    let [one, other] = plan.rooms.as_slice() else {
        panic!("{plan:?}");
    };
    for room in [one, other] {
        assert!(
            matches!(room.action, RoomAction::Pending { .. }),
            "{room:?}"
        );
    }
    assert_eq!(
        (one.name.as_str(), one.version.as_ref()),
        ("Far away", Some(&RoomVersionId::V11))
    );
    for _ in 0..2 {
        let imported = engine
            .import(&job(), Some(bundle.clone()), None)
            .await
            .unwrap();
        assert_eq!(
            (imported.rooms_pending, imported.rooms_failed),
            (1, 1),
            "{:?}",
            imported.problems
        );
        let [problem] = imported.problems.as_slice() else {
            panic!("{imported:?}");
        };
        assert_eq!(problem.step, "invite");
        assert_eq!(problem.subject, format!("{user} in !old:old.test"));
        assert!(problem.reason.contains("answered 400"), "{problem:?}");
    }
    let newcomer = ordinary::log_in(stage, "newcomer").await.unwrap();
    let answer = sync(&newcomer, "", "!far:far.test", None).await;
    let seen = &answer["rooms"]["invite"]["!far:far.test"]["invite_state"]["events"];
    let seen = seen.as_array().unwrap();
    let member = seen
        .iter()
        .find(|event| event["state_key"] == user.as_str());
    assert_eq!(member.unwrap()["sender"], "@host:far.test");
    assert!(
        seen.iter()
            .any(|event| event["content"]["name"] == "Far away")
    );

    let verification = engine.verify(&job(), Some(bundle)).await.unwrap();
    let differences: Vec<_> = verification
        .rooms
        .iter()
        .map(|room| (room.members.differences.clone(), room.state.equal))
        .collect();
    let missing = format!("{user} has nothing, expected invite");
    assert_eq!(differences, [(vec![], 2), (vec![missing], 0)]);
}

/// An entry of `pending.json`.
fn invite(user: &str, room: &str, follows: &Value) -> Pending {
    let (_, server) = room.split_once(':').unwrap();
    let host = format!("@host:{server}");
    let stated = |kind: &str, content: Value| json!({ "type": kind, "state_key": "", "sender": host, "content": content });
    serde_json::from_value(json!({
        "user_id": user, "room_id": room, "membership": "invite", "event_id": "$invite",
        "pdu": {
            "auth_events": [], "content": { "membership": "invite" }, "depth": 9, "hashes": { "sha256": "none" },
            "origin_server_ts": 1_700_000_000_000_u64, "prev_events": [follows], "room_id": room, "sender": host,
            "signatures": {}, "state_key": user, "type": "m.room.member",
        },
        "stripped_state": [
            stated("m.room.create", json!({ "room_version": "11" })),
            stated("m.room.name", json!({ "name": "Far away" })),
        ],
    }))
    .unwrap()
}

fn write(out: &Path, server_name: &ServerName, user: &str, invites: &[Pending]) {
    let origin = Origin {
        source: SourceKind::Database,
        synapse_version: None,
        server_name: server_name.to_owned(),
        exported_ts: 1_700_000_000_000,
        stream_position: None,
        wanted: Wanted::default(),
    };
    let mut writer = BundleWriter::create(out, origin).unwrap();
    let mut record = UserRecord::new(serde_json::from_value(json!({ "user_id": user })).unwrap());
    record.pending = invites.to_vec();
    writer.user(&record).unwrap();
    let keys = json!({ "server_name": server_name, "verify_keys": {} });
    writer.server_keys(server_name.to_owned(), to_raw_value(&keys).unwrap());
    writer
        .finish(&|_, _| String::new(), &mut |_, _| {})
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_knocks_again_at_a_stand_in() {
    let stage = Stage::set_wholly(false).await.unwrap();
    let engine = stage.engine();
    engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();
    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(imported.rooms_pending, 1);
    let stood_up = stage.filled.room("stood_up");
    let left = imported.rooms_skipped.iter();
    let left = left.clone().find(|room| room.room_id == stood_up).unwrap();
    assert!(
        left.reason.contains("from the inviter's own server alone"),
        "{left:?}"
    );

    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    let door = stage.filled.room("unanswered");
    let compared = verification.rooms.iter().find(|room| room.room_id == door);
    let compared = compared.unwrap();
    assert_eq!((compared.members.equal, compared.members.expected), (1, 1));
    // Create event, join rule and name.
    assert_eq!(compared.state.equal, 3, "{compared:?}");

    let ivan = format!("@ivan:{}", stage.names.server_name);
    let token = &stage.installation.tokens.puppets_as;
    let puppets = stage.target.anonymous();
    let puppet = puppets.with_token(&ivan, token.expose_secret());
    let query = format!("&user_id={}", encode(&ivan));
    let since = is_as_on_synapse(&stage, &puppet, &query, door).await;
    let again = engine.import(&job(), None, None).await.unwrap();
    assert_eq!((again.remote_joins, again.rooms_pending), (0, 1));
    let later = sync(&puppet, &query, door, Some(&since)).await;
    assert!(later["rooms"]["knock"][door].is_null(), "{later:#}");
}

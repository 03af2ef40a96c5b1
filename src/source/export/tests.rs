//! An export from a server that answers badly: what is fatal, what is listed, and what is in the bundle after all.

mod acting;
mod broken_off;
mod limited;

use std::{path::Path, time::Duration};

use ruma::{OwnedRoomId, RoomVersionId, server_name};
use serde_json::{Value, json, value::RawValue};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{path, path_regex, query_param, query_param_is_missing},
};

use super::*;
use crate::{
    bundle::Bundle,
    clock::FixedClock,
    config,
    model::pdu,
    source::{admin_api::Client, api_reader::ApiReader},
};

const ROOM: &str = "!good:example.org";
const BAD: &str = "!bad:example.org";

/// An event as Synapse serves it: signed form, its ID, and `unsigned`.
fn served(version: &RoomVersionId, mut event: Value, extra: &Value) -> (String, Value) {
    let mut object: ruma::CanonicalJsonObject = serde_json::from_value(event.clone()).unwrap();
    ruma::signatures::add_content_hash_to_event(&mut object).unwrap();
    event["hashes"] = serde_json::to_value(&object["hashes"]).unwrap();
    let raw = RawValue::from_string(event.to_string()).unwrap();
    let id = pdu::event_id(&raw, version).unwrap().to_string();
    event["event_id"] = json!(id);
    event["unsigned"] = json!({"age": 5});
    for (key, value) in extra.as_object().unwrap() {
        event[key] = value.clone();
    }
    (id, event)
}

fn event(kind: &str, room: &str, content: &Value, previous: &[&str], auth: &[&str]) -> Value {
    json!({
        "type": kind, "room_id": room, "sender": "@a:example.org", "content": content,
        "origin_server_ts": 1, "depth": 1, "prev_events": previous, "auth_events": auth,
        "signatures": {"example.org": {"ed25519:1": "x"}},
    })
}

fn with(mut event: Value, key: &str, value: Value) -> Value {
    event[key] = value;
    event
}

async fn get(server: &MockServer, at: &str, body: Value) {
    Mock::given(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

/// A server with two users, a good room and one whose state answers 500.
async fn synapse() -> MockServer {
    let server = MockServer::start().await;
    get(
        &server,
        "/_synapse/admin/v1/server_version",
        json!({"server_version": "1.2.3"}),
    )
    .await;
    get(
        &server,
        "/_matrix/client/v3/account/whoami",
        json!({"user_id": "@admin:example.org"}),
    )
    .await;
    get(
        &server,
        "/_synapse/admin/v2/users",
        json!({"users": [
            {"name": "@a:example.org", "displayname": "Ä", "admin": 1, "creation_ts": 1000},
            {"name": "@gone:example.org", "deactivated": true, "locked": false},
            {"name": 7},
        ]}),
    )
    .await;
    get(
        &server,
        "/_synapse/admin/v2/users/%40a%3Aexample.org",
        json!({"threepids": [{"medium": "email"}], "suspended": true}),
    )
    .await;
    get(&server, "/_synapse/admin/v1/rooms", json!({"rooms": [
        {"room_id": ROOM, "version": "10", "joined_members": 1, "joined_local_members": -1, "public": false},
        {"room_id": BAD, "version": "10"},
    ]})).await;
    of_each_user(&server).await;
    good_room(&server).await;
    get(
        &server,
        "/_matrix/key/v2/server",
        json!({"server_name": "example.org"}),
    )
    .await;
    Mock::given(path_regex("^/_synapse/admin/v1/rooms/%21bad"))
        .respond_with(
            ResponseTemplate::new(500)
                .set_body_json(json!({"errcode": "M_UNKNOWN", "error": "oops"})),
        )
        .mount(&server)
        .await;
    server
}

/// What every user has: a device and a setting.
async fn of_each_user(server: &MockServer) {
    for (at, body) in [
        (
            "v1/users/[^/]+/accountdata",
            json!({"account_data": {"global": {"m.direct": {}}, "rooms": {}}}),
        ),
        ("v1/users/[^/]+/pushers", json!({"pushers": []})),
        (
            "v2/users/[^/]+/devices",
            json!({"devices": [{"device_id": "D"}]}),
        ),
        ("v1/users/[^/]+/media", json!({"media": []})),
    ] {
        Mock::given(path_regex(format!("^/_synapse/admin/{at}$")))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(server)
            .await;
    }
    get(server, "/_matrix/client/v3/keys/query", json!({})).await;
}

async fn good_room(server: &MockServer) {
    let v10 = RoomVersionId::V10;
    let (create, create_event) = served(
        &v10,
        with(
            event(
                "m.room.create",
                ROOM,
                &json!({"room_version": "10", "m.federate": false}),
                &[],
                &[],
            ),
            "state_key",
            json!(""),
        ),
        &json!({}),
    );
    // In the state, but not in the timeline: an outlier.
    let (name, name_event) = served(
        &v10,
        with(
            event("m.room.name", ROOM, &json!({"name": "N"}), &[], &[&create]),
            "state_key",
            json!(""),
        ),
        &json!({}),
    );
    let (said, said_event) = served(
        &v10,
        event(
            "m.room.message",
            ROOM,
            &json!({"body": "b"}),
            &[&create],
            &[&create, "$lost"],
        ),
        &json!({}),
    );
    // Signed with the top-level `redacts` only; Synapse adds the other.
    let (redaction, redaction_event) = served(
        &v10,
        with(
            event(
                "m.room.redaction",
                ROOM,
                &json!({"reason": "r"}),
                &[&said],
                &[&create],
            ),
            "redacts",
            json!(said),
        ),
        &json!({"content": {"reason": "r", "redacts": said}}),
    );
    let (_, broken) = served(
        &v10,
        event("m.room.message", ROOM, &json!({"body": "c"}), &[&said], &[]),
        &json!({"depth": 77}),
    );
    let rooms = "/_synapse/admin/v1/rooms/%21good%3Aexample.org";
    get(server, &format!("{rooms}/state"), json!({"state": [
        {"type": "m.room.member", "state_key": "@a:example.org", "sender": "@a:example.org", "origin_server_ts": 1, "event_id": create, "content": {"membership": "join"}},
        {"type": "m.room.member", "state_key": "@b:remote.org", "sender": "@b:remote.org", "origin_server_ts": 1, "event_id": create, "content": {"membership": "join"}},
        {"type": "m.room.member", "state_key": "@c:remote.org", "sender": "@c:remote.org", "origin_server_ts": 1, "event_id": create, "content": {"membership": "ban"}},
        {"type": "m.room.create", "state_key": "", "sender": "@a:example.org", "origin_server_ts": 1, "event_id": create, "content": {"room_version": "10", "m.federate": false}},
        {"type": "m.room.name", "state_key": "", "sender": "@a:example.org", "origin_server_ts": 1, "event_id": name, "content": {"name": "N"}},
    ]})).await;
    // The newest first, so that the order has to be mended.
    Mock::given(path(format!("{rooms}/messages")))
        .and(query_param_is_missing("from"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"chunk": [redaction_event, said_event, create_event, broken], "end": "t1"}),
        ))
        .mount(server)
        .await;
    Mock::given(path(format!("{rooms}/messages")))
        .and(query_param("from", "t1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"chunk": [], "end": "t1"})))
        .mount(server)
        .await;
    get(
        server,
        &format!("{rooms}/forward_extremities"),
        json!({"results": [{"event_id": redaction}]}),
    )
    .await;
    get(server, &format!("{rooms}/block"), json!({"block": true})).await;
    get(
        server,
        "/_matrix/client/v3/rooms/%21good%3Aexample.org/aliases",
        json!({"aliases": ["#g:example.org"]}),
    )
    .await;
    get(
        server,
        &format!(
            "/_synapse/admin/v1/fetch_event/{}",
            name.replace('$', "%24")
        ),
        json!({"event": name_event}),
    )
    .await;
}

async fn export(server: &MockServer, out: &Path, name: &ServerName) -> Result<ExportSummary> {
    let (job, _events) = Job::new();
    export_of(server, out, name, Wanted::default(), &job).await
}

async fn export_of(
    server: &MockServer,
    out: &Path,
    name: &ServerName,
    wanted: Wanted,
    job: &Job,
) -> Result<ExportSummary> {
    let client = Client::new(&config::Synapse {
        server_name: None,
        database: None,
        homeserver_yaml: None,
        media_path: None,
        signing_key_for_receipts: None,
        url: server.uri(),
        admin_token: "t".to_owned().into(),
    })
    .unwrap()
    .with_pause(Duration::from_millis(1))
    .hurried();
    let reader = ApiReader::new(client, name.to_owned(), &wanted);
    let clock = FixedClock(1_700_000_000_000);
    let page = Box::new(|_: &_, _: &_| String::new());
    run(reader, name, wanted, out, page, job, &clock).await
}

fn lines(problems: &[crate::job::Problem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}: {}", problem.step, problem.subject, problem.reason));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn bad_rooms_users_and_events_are_listed_and_the_rest_is_there() {
    let server = synapse().await;
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    let summary = export(&server, &out, server_name!("example.org"))
        .await
        .unwrap();
    assert_eq!((summary.users, summary.rooms, summary.events), (2, 2, 3));
    let problems: Vec<_> = summary
        .problems
        .iter()
        .map(|problem| {
            format!(
                "{} {}",
                problem.step,
                problem.subject.split('$').next().unwrap()
            )
        })
        .collect();
    assert_eq!(
        problems,
        [
            "user ?",
            "user @gone:example.org",
            "room aliases !bad:example.org",
            "room state !bad:example.org",
            "forward extremities !bad:example.org",
            "room block !bad:example.org",
            "room events !bad:example.org",
            "event ",
            "auth or state event ",
        ]
    );

    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    let listed = bundle.problems().unwrap();
    let (read, unseen) = listed.split_at(summary.problems.len());
    assert_eq!((read, unseen), (&*summary.problems, &*summary.unseen));
    let users = bundle.users().unwrap();
    assert!(users[0].is_admin && users[0].suspended && users[0].threepids.len() == 1);
    assert!(users[1].deactivated);
    let rooms = bundle.rooms().unwrap();
    let good = rooms.iter().find(|room| room.room_id == ROOM).unwrap();
    assert_eq!(good.federatable, Some(false));
    assert_eq!(good.name.as_deref(), Some("N"));
    assert!(good.history_complete && good.blocked == Some(true));
    assert_eq!(good.event_count, 3);
    assert_eq!((good.joined_members, good.joined_local_members), (2, 1));
    let id: OwnedRoomId = ROOM.try_into().unwrap();
    let events: Vec<_> = bundle.events(&id).unwrap().map(Result::unwrap).collect();
    let kinds: Vec<_> = events
        .iter()
        .map(|line| (pdu::PduHeader::of(&line.pdu).unwrap().kind, line.outlier))
        .collect();
    assert_eq!(
        kinds,
        [
            ("m.room.name".into(), true),
            ("m.room.create".into(), false),
            ("m.room.message".into(), false),
            ("m.room.redaction".into(), false),
        ]
    );
    for line in &events {
        assert_eq!(
            pdu::event_id(&line.pdu, &RoomVersionId::V10).unwrap(),
            line.event_id
        );
        assert!(!line.pdu.get().contains("unsigned") && !line.pdu.get().contains("event_id"));
    }
    assert!(events[3].pdu.get().contains(r#""content":{"reason":"r"}"#));
    assert!(
        bundle
            .room_state(&OwnedRoomId::try_from(BAD).unwrap())
            .is_err()
    );
    assert_eq!(bundle.server_keys().unwrap().len(), 1);
}

#[tokio::test]
async fn the_wrong_server_is_noticed_before_anything_is_written() {
    let server = synapse().await;
    let tmp = tempfile::tempdir().unwrap();
    let error = export(&server, &tmp.path().join("b"), server_name!("other.org"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "server_name is other.org, but the Synapse that is to be read is example.org: correct one of them"
    );
    assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_stopped_export_leaves_nothing() {
    let server = synapse().await;
    let tmp = tempfile::tempdir().unwrap();
    let client = Client::new(&config::Synapse {
        server_name: None,
        database: None,
        homeserver_yaml: None,
        media_path: None,
        signing_key_for_receipts: None,
        url: server.uri(),
        admin_token: "t".to_owned().into(),
    })
    .unwrap();
    let (job, _events) = Job::new();
    job.stop();
    let out = tmp.path().join("b.tar");
    let name = server_name!("example.org");
    let result = run(
        ApiReader::new(client, name.to_owned(), &Wanted::default()),
        name,
        Wanted::default(),
        &out,
        Box::new(|_: &_, _: &_| String::new()),
        &job,
        &FixedClock(1),
    )
    .await;
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_room_that_synapse_does_not_list_is_found_by_its_members() {
    let server = synapse().await;
    get(
        &server,
        "/_synapse/admin/v1/users/%40a%3Aexample.org/memberships",
        json!({"memberships": {ROOM: "join", "!unlisted:example.org": "join", "!left:example.org": "leave"}}),
    )
    .await;
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    export(&server, &out, server_name!("example.org"))
        .await
        .unwrap();
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    let rooms: Vec<_> = bundle
        .rooms()
        .unwrap()
        .into_iter()
        .map(|room| room.room_id)
        .collect();
    assert_eq!(rooms, [BAD, ROOM, "!unlisted:example.org"]);
}

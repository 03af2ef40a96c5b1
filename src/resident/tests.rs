//! The resident's endpoints as the target, a stranger and a forger see them.

mod media;

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use ruma::{
    CanonicalJsonValue, RoomVersionId,
    api::federation::authentication::{ServerSignaturesInput, XMatrix},
    owned_event_id, owned_room_id, owned_server_name, owned_user_id,
};
use serde_json::{Value, json, value::to_raw_value};
use tower::ServiceExt;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::{
    App, Door, Identity, Notary, OpenRoom, Resident, Sender, notary,
    open_room::{Opening, StateMap},
    server::{listen, router},
    tls,
};
use crate::{
    clock::FixedClock,
    config,
    model::{event_line::EventLine, join_point::JoinPoint, pdu::PduHeader},
};

const RESIDENT: &str = "old.test:8449";

/// A resident with one room, and its target, whose key is served.
struct Stage {
    app: App,
    resident: Arc<Resident>,
    target: Identity,
    server: MockServer,
    _room: super::RoomGuard,
}

async fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let load = |name: &str, file: &str| {
        Identity::load(name.try_into().unwrap(), &dir.path().join(file)).unwrap()
    };
    let target = load("old.test", "target");
    let server = MockServer::start().await;
    let own = Notary::default().own(&target, 1).unwrap();
    let own: Value = serde_json::from_str(&CanonicalJsonValue::Object(own).to_string()).unwrap();
    Mock::given(matchers::path("/_matrix/key/v2/server"))
        .respond_with(ResponseTemplate::new(200).set_body_json(own))
        .mount(&server)
        .await;
    let resident = Arc::new(Resident::new(
        load(RESIDENT, "resident"),
        owned_server_name!("old.test"),
        Notary::default(),
    ));
    let room = resident.open(Arc::new(room()));
    Stage {
        app: App::new(
            Arc::clone(&resident),
            Arc::new(FixedClock(10_000)),
            &server.uri(),
        )
        .unwrap(),
        resident,
        target,
        server,
        _room: room,
    }
}

fn room() -> OpenRoom {
    let opening = Opening {
        room_id: owned_room_id!("!r:old.test"),
        version: RoomVersionId::V10,
        joiner: owned_user_id!("@a:old.test"),
        join: JoinPoint::Create {
            event_id: owned_event_id!("$create"),
        },
        forward_extremities: Vec::new(),
        current_state: StateMap::from([
            (
                ("m.room.create".to_owned(), String::new()),
                owned_event_id!("$create"),
            ),
            (
                ("m.room.member".to_owned(), "@a:old.test".to_owned()),
                owned_event_id!("$join"),
            ),
        ]),
        snapshots: Vec::new(),
    };
    let create = EventLine {
        room_id: owned_room_id!("!r:old.test"),
        event_id: owned_event_id!("$create"),
        outlier: false,
        rejected: false,
        soft_failed: false,
        redacted_by: None,
        ts: None,
        pdu: serde_json::value::RawValue::from_string(
            r#"{"type":"m.room.create", "state_key":"","sender":"@a:old.test","origin_server_ts":1,"depth":1,"prev_events":[],"auth_events":[],"content":{"z":1,"a":2}}"#.to_owned(),
        )
        .unwrap(),
    };
    let dir = tempfile::tempdir().unwrap();
    OpenRoom::new(opening, [Ok(create)], dir.path()).unwrap().0
}

fn signed(by: &Identity, destination: &str, method: &str, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(body.to_owned())
        .unwrap();
    let input =
        ServerSignaturesInput::new(by.name.clone(), destination.try_into().unwrap(), &by.key);
    let header = XMatrix::try_from_http_request(&request, input)
        .unwrap()
        .to_string();
    let (mut parts, body) = request.into_parts();
    parts
        .headers
        .insert("authorization", header.parse().unwrap());
    parts
        .headers
        .insert("content-type", "application/json".parse().unwrap());
    Request::from_parts(parts, Body::from(body))
}

impl Stage {
    async fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let answer = router(self.app.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, text) = self
            .ask(signed(&self.target, RESIDENT, "GET", path, ""))
            .await;
        (status, serde_json::from_str(&text).unwrap())
    }
}

const MAKE_JOIN: &str = "/_matrix/federation/v1/make_join/!r:old.test/@a:old.test";

#[tokio::test]
async fn the_target_joins() {
    let stage = stage().await;
    let (status, made) = stage.get(MAKE_JOIN).await;
    assert_eq!(
        (status, &made["room_version"]),
        (StatusCode::OK, &json!("10"))
    );
    assert_eq!(made["event"]["prev_events"], json!(["$create"]));

    let path = "/_matrix/federation/v2/send_join/!r:old.test/$join";
    let (status, joined) = stage
        .ask(signed(
            &stage.target,
            RESIDENT,
            "PUT",
            path,
            r#"{"type":"m.room.member"}"#,
        ))
        .await;
    assert_eq!(status, StatusCode::OK, "{joined}");
    // The event's own bytes, with its own order of keys.
    assert!(joined.contains(r#""content":{"z":1,"a":2}"#), "{joined}");
    assert_eq!(stage.resident.send_joins(), 1);

    let (_, event) = stage.get("/_matrix/federation/v1/event/$create").await;
    assert_eq!(event["pdus"][0]["type"], "m.room.create");
    let (_, ids) = stage
        .get("/_matrix/federation/v1/state_ids/!r:old.test?event_id=$create")
        .await;
    assert_eq!(ids["pdu_ids"], json!(["$create"]));
}

/// The target asks at its own newest event, of which nobody else knows.
#[tokio::test]
async fn the_present_state_is_told_while_the_targets_is_mended() {
    let stage = stage().await;
    let path = "/_matrix/federation/v1/state/!r:old.test?event_id=$theirs";
    assert_eq!(stage.get(path).await.0, StatusCode::NOT_FOUND);
    let room = stage.resident.room(&owned_room_id!("!r:old.test")).unwrap();
    room.tell_current_state();
    let (status, answer) = stage.get(path).await;
    assert_eq!(status, StatusCode::OK);
    // The target has a newer membership of the joiner's.
    let told = answer["pdus"].as_array().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["type"], "m.room.create");
    assert_eq!(room.current_state.len(), 2);
}

#[tokio::test]
async fn a_room_has_an_alias_that_leads_to_the_resident_alone() {
    let stage = stage().await;
    let alias = stage.resident.alias(&owned_room_id!("!r:old.test"));
    assert!(ruma::RoomAliasId::parse(&alias).is_ok(), "{alias}");
    let ask = |alias: &str| {
        let alias = alias.replace('#', "%23").replace(':', "%3A");
        format!("/_matrix/federation/v1/query/directory?room_alias={alias}")
    };
    let (status, found) = stage.get(&ask(&alias)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        found,
        json!({ "room_id": "!r:old.test", "servers": [RESIDENT] })
    );
    let other = stage.resident.alias(&owned_room_id!("!other:old.test"));
    assert_eq!(stage.get(&ask(&other)).await.0, StatusCode::NOT_FOUND);
    let unsigned = Request::get(ask(&alias)).body(Body::empty()).unwrap();
    assert_eq!(stage.ask(unsigned).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn strangers_and_forgers_learn_nothing_and_cannot_make_us_ask() {
    let stage = stage().await;
    let unsigned = Request::get(MAKE_JOIN).body(Body::empty()).unwrap();
    assert_eq!(stage.ask(unsigned).await.0, StatusCode::FORBIDDEN);
    let dir = tempfile::tempdir().unwrap();
    let other =
        Identity::load(owned_server_name!("other.test"), &dir.path().join("other")).unwrap();
    assert_eq!(
        stage
            .ask(signed(&other, RESIDENT, "GET", MAKE_JOIN, ""))
            .await
            .0,
        StatusCode::FORBIDDEN
    );
    let forger =
        Identity::load(owned_server_name!("old.test"), &dir.path().join("forger")).unwrap();
    for _ in 0..5 {
        let request = signed(&forger, RESIDENT, "GET", MAKE_JOIN, "");
        assert_eq!(stage.ask(request).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(stage.server.received_requests().await.unwrap().len(), 1);
    let elsewhere = signed(&stage.target, "another.test:1", "GET", MAKE_JOIN, "");
    assert_eq!(stage.ask(elsewhere).await.0, StatusCode::FORBIDDEN);
    assert_eq!(stage.get(MAKE_JOIN).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_a_404_in_json() {
    let stage = stage().await;
    for path in [
        "/_matrix/federation/v1/make_join/!other:old.test/@a:old.test",
        "/_matrix/federation/v1/event/$unknown",
        "/_matrix/federation/v1/event/nonsense",
        "/_matrix/federation/v1/state_ids/!r:old.test?event_id=$unknown",
        "/_matrix/federation/v1/backfill/!r:old.test?v=$create&limit=5",
        "/anything",
    ] {
        let (status, body) = stage.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body["errcode"].is_string(), "{path}: {body}");
    }
    let other_user = "/_matrix/federation/v1/make_join/!r:old.test/@b:old.test";
    assert_eq!(stage.get(other_user).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn keys_and_version_are_for_everybody() {
    let stage = stage().await;
    let ask = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    let (_, version) = stage.ask(ask("/_matrix/federation/v1/version")).await;
    assert!(version.contains("Ferryman"));
    let (_, own) = stage.ask(ask("/_matrix/key/v2/server")).await;
    assert!(
        own.contains(RESIDENT) && own.contains("ed25519:ferryman"),
        "{own}"
    );
    let query = Request::post("/_matrix/key/v2/query")
        .header("content-type", "application/json")
        .body(Body::from(
            to_raw_value(&json!({"server_keys": {RESIDENT: {}, "x": {}}}))
                .unwrap()
                .get()
                .to_owned(),
        ))
        .unwrap();
    let (status, keys) = stage.ask(query).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&keys).unwrap()["server_keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

const MAKE_KNOCK: &str = "/_matrix/federation/v1/make_knock/!door:old.test/@k:old.test";
const SEND_KNOCK: &str = "/_matrix/federation/v1/send_knock/!door:old.test/$knock";

/// Like a knock of the target's, by somebody.
fn knock(user: &str, membership: &str) -> String {
    json!({
        "type": "m.room.member", "sender": user, "state_key": user,
        "content": { "membership": membership },
    })
    .to_string()
}

fn door() -> Door {
    let knock = json!({
        "type": "m.room.member", "sender": "@k:old.test", "state_key": "@k:old.test", "depth": 7,
        "origin_server_ts": 1, "content": { "membership": "knock" },
        "prev_events": ["$before"], "auth_events": ["$create", "$rules"],
    });
    let name = r#"{"type":"m.room.name", "state_key":"","sender":"@a:old.test","content":{"z":1,"name":"N"}}"#;
    Door {
        version: RoomVersionId::V10,
        knock: PduHeader::of(&to_raw_value(&knock).unwrap()).unwrap(),
        view: vec![serde_json::value::RawValue::from_string(name.to_owned()).unwrap()],
    }
}

#[tokio::test]
async fn a_user_knocks_at_an_open_door() {
    let stage = stage().await;
    assert_eq!(stage.get(MAKE_KNOCK).await.0, StatusCode::NOT_FOUND);
    let (room, user) = (
        owned_room_id!("!door:old.test"),
        owned_user_id!("@k:old.test"),
    );
    let open = stage.resident.open_door(&room, &user, door());
    let (status, made) = stage.get(MAKE_KNOCK).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        made,
        json!({ "room_version": "10", "event": {
            "type": "m.room.member", "sender": user, "state_key": user, "room_id": room, "depth": 7,
            "origin": RESIDENT, "origin_server_ts": 10_000, "content": { "membership": "knock" },
            "prev_events": ["$before"], "auth_events": ["$create", "$rules"],
        } })
    );
    let other = MAKE_KNOCK.replace("@k", "@other");
    assert_eq!(stage.get(&other).await.0, StatusCode::NOT_FOUND);

    let send =
        |by: &Identity, body: String| stage.ask(signed(by, RESIDENT, "PUT", SEND_KNOCK, &body));
    let (status, heard) = send(&stage.target, knock("@k:old.test", "knock")).await;
    assert_eq!(status, StatusCode::OK, "{heard}");
    // As the bundle has it.
    assert!(heard.contains(r#""content":{"z":1,"name":"N"}"#), "{heard}");
    let (status, refused) = send(&stage.target, knock("@k:old.test", "join")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(refused, @r#"{"errcode":"M_INVALID_PARAM","error":"this event is no knock"}"#);
    let (status, refused) = send(&stage.target, knock("@other:old.test", "knock")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    insta::assert_snapshot!(refused, @r#"{"errcode":"M_NOT_FOUND","error":"nobody of this name knocks here now"}"#);
    let dir = tempfile::tempdir().unwrap();
    let stranger =
        Identity::load(owned_server_name!("other.test"), &dir.path().join("other")).unwrap();
    let (status, _) = send(&stranger, knock("@k:old.test", "knock")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    drop(open);
    assert_eq!(stage.get(MAKE_KNOCK).await.0, StatusCode::NOT_FOUND);
    let (status, _) = send(&stage.target, knock("@k:old.test", "knock")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_resident_hands_over_an_invite_and_signs_it() {
    let stage = stage().await;
    let path = "/_matrix/federation/v2/invite/%21r%3Aelsewhere/%24invite";
    Mock::given(matchers::method("PUT"))
        .and(matchers::path(path))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "event": {} })))
        .mount(&stage.server)
        .await;
    let clock = Arc::new(FixedClock(10_000));
    let sender = Sender::new(Arc::clone(&stage.resident), clock, &stage.server.uri()).unwrap();
    let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
    let event = raw(r#"{"type":"m.room.member", "z":1,"a":2}"#);
    let name = raw(r#"{"type":"m.room.name", "content":{}}"#);
    sender
        .invite(
            &owned_room_id!("!r:elsewhere"),
            &RoomVersionId::V10,
            &owned_event_id!("$invite"),
            &event,
            &[name],
        )
        .await
        .unwrap();
    let requests = stage.server.received_requests().await.unwrap();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    let body = String::from_utf8(request.body.clone()).unwrap();
    insta::assert_snapshot!(body, @r#"{"room_version":"10","event":{"type":"m.room.member", "z":1,"a":2},"invite_room_state":[{"type":"m.room.name", "content":{}}]}"#);
    let header = request.headers["authorization"].to_str().unwrap();
    let header = XMatrix::parse(header).unwrap();
    assert_eq!(
        (&*header.origin, &*header.destination.clone().unwrap()),
        (&*stage.resident.identity.name, &*stage.resident.joiner,)
    );
    let own = Notary::default().own(&stage.resident.identity, 1).unwrap();
    let own = to_raw_value(&CanonicalJsonValue::Object(own)).unwrap();
    let keys = notary::public_keys(&stage.resident.identity.name, &own).unwrap();
    let sent = Request::put(path).body(request.body.clone()).unwrap();
    header
        .verify_request(&sent, &stage.resident.joiner, &keys)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_at_once() {
    let stage = stage().await;
    let dir = tempfile::tempdir().unwrap();
    let settings = config::sample(dir.path()).resident;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    // Whether it was told depended on which of two threads came first.
    for _ in 0..200 {
        let certificate = tls::load(&settings, dir.path()).await.unwrap();
        let listening = listen(stage.app.clone(), address, certificate);
        let told = tokio::time::timeout(Duration::from_secs(10), listening).await;
        let error = told.unwrap().unwrap_err().to_string();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error.replace(&address.to_string(), "ADDRESS"), @"the resident can't listen on ADDRESS (Address already in use (os error 98)): set resident.listen to a free address");
        }
    }
}

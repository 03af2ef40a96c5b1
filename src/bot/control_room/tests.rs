//! A homeserver with and without a room for the bot.

use std::path::Path;

use serde_json::Value;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, path_regex},
};

use super::*;
use crate::config::sample;

const ROOM: &str = "!c:ferry.test";

async fn on(server: &MockServer, verb: &str, at: &str, status: u16, body: Value, times: u64) {
    Mock::given(method(verb))
        .and(path(at))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .up_to_n_times(times)
        .mount(server)
        .await;
}

/// A homeserver without anything: every state is missing.
async fn homeserver() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path_regex("/state/|/profile/"))
        .respond_with(ResponseTemplate::new(404).set_body_json(json!({"errcode": "M_NOT_FOUND"})))
        .with_priority(9)
        .mount(&server)
        .await;
    server
}

fn client(server: &MockServer) -> Client {
    Client::new(
        &server.uri(),
        "AS".into(),
        "@ferryman:ferry.test",
        Duration::ZERO,
    )
    .unwrap()
}

async fn entered(server: &MockServer, dir: &Path, config: &Config) -> Result<String> {
    let store = Store::open(dir).unwrap();
    enter(&client(server), &store, config, &Arc::default()).await
}

#[tokio::test]
async fn a_room_is_made_once_and_then_remembered() {
    let (server, dir) = (homeserver().await, tempfile::tempdir().unwrap());
    let config = sample(dir.path());
    on(
        &server,
        "POST",
        "/_matrix/client/v3/createRoom",
        200,
        json!({"room_id": ROOM}),
        1,
    )
    .await;
    let joined = json!({"joined_rooms": [ROOM]});
    on(
        &server,
        "GET",
        "/_matrix/client/v3/joined_rooms",
        200,
        joined,
        1,
    )
    .await;
    assert_eq!(entered(&server, dir.path(), &config).await.unwrap(), ROOM);
    assert_eq!(entered(&server, dir.path(), &config).await.unwrap(), ROOM);
    let made: Value = server.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    assert_eq!(
        made["power_level_content_override"]["users"]["@anna:ferry.test"],
        100
    );
    assert_eq!(made["preset"], "private_chat");
}

#[tokio::test]
async fn a_configured_room_is_waited_for() {
    let (server, dir) = (homeserver().await, tempfile::tempdir().unwrap());
    let mut config = sample(dir.path());
    config.bot.control_room = Some("#ops:ferry.test".try_into().unwrap());
    let at = "/_matrix/client/v3/join/%23ops%3Aferry.test";
    on(
        &server,
        "POST",
        at,
        403,
        json!({"errcode": "M_FORBIDDEN"}),
        1,
    )
    .await;
    on(&server, "POST", at, 200, json!({"room_id": ROOM}), 1).await;
    let news = Arc::new(Notify::new());
    // As if the homeserver had told of the invite.
    news.notify_one();
    let store = Store::open(dir.path()).unwrap();
    let room = enter(&client(&server), &store, &config, &news).await;
    assert_eq!(room.unwrap(), ROOM);
}

#[tokio::test]
async fn its_own_room_is_encrypted_where_that_is_asked_for() {
    let (server, dir) = (homeserver().await, tempfile::tempdir().unwrap());
    let mut config = sample(dir.path());
    let create = "/_matrix/client/v3/createRoom";
    on(&server, "POST", create, 200, json!({"room_id": ROOM}), 1).await;
    let joined = json!({"joined_rooms": [ROOM]});
    let rooms = "/_matrix/client/v3/joined_rooms";
    on(&server, "GET", rooms, 200, joined, 2).await;
    let state = "/_matrix/client/v3/rooms/%21c%3Aferry.test/state/m.room.encryption/";
    on(&server, "PUT", state, 200, json!({"event_id": "$e"}), 1).await;
    entered(&server, dir.path(), &config).await.unwrap();
    // It was made without, and is encrypted now.
    config.bot.encrypted = true;
    assert_eq!(entered(&server, dir.path(), &config).await.unwrap(), ROOM);
    let algorithm = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    on(&server, "GET", state, 200, algorithm.clone(), 9).await;
    assert_eq!(entered(&server, dir.path(), &config).await.unwrap(), ROOM);
    let other = tempfile::tempdir().unwrap();
    on(&server, "POST", create, 200, json!({"room_id": ROOM}), 1).await;
    entered(&server, other.path(), &config).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let bodies = |verb: &str, at: &str| -> Vec<Value> {
        let these = requests
            .iter()
            .filter(|it| it.method.as_str() == verb && it.url.path() == at);
        these.map(|it| it.body_json().unwrap()).collect()
    };
    assert_eq!(bodies("PUT", state), std::slice::from_ref(&algorithm));
    let made = bodies("POST", create);
    assert_eq!(made[0]["initial_state"], json!([]));
    assert_eq!(
        made[1]["initial_state"],
        json!([{"type": "m.room.encryption", "state_key": "", "content": algorithm}])
    );
}

#[tokio::test]
async fn only_operators_with_an_account_are_invited() {
    let (server, dir) = (homeserver().await, tempfile::tempdir().unwrap());
    let mut config = sample(dir.path());
    config
        .operators
        .push("@later:ferry.test".try_into().unwrap());
    config
        .operators
        .push("@left:ferry.test".try_into().unwrap());
    on(
        &server,
        "GET",
        "/_matrix/client/v3/profile/%40anna%3Aferry.test",
        200,
        json!({}),
        1,
    )
    .await;
    let member =
        "/_matrix/client/v3/rooms/%21c%3Aferry.test/state/m.room.member/%40left%3Aferry.test";
    on(
        &server,
        "GET",
        member,
        200,
        json!({"membership": "leave"}),
        1,
    )
    .await;
    invite_operators(&client(&server), ROOM, &config).await;
    let invited: Vec<Value> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .filter(|request| request.url.path().ends_with("/invite"))
        .map(|request| request.body_json().unwrap())
        .collect();
    assert_eq!(invited, [json!({"user_id": "@anna:ferry.test"})]);
}

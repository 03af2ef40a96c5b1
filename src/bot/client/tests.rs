//! Faults of a target.

use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path, query_param},
};

use super::*;

fn client(base: &str) -> Client {
    let pause = Duration::from_millis(1);
    Client::new(base, "AS".into(), "@ferryman:ferry.test", pause).unwrap()
}

#[tokio::test]
async fn requests_are_the_bots_and_segments_are_whole() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path(
            "/_matrix/client/v3/rooms/!a%2Fb:ferry.test/send/m.room.message/t%2F1",
        ))
        .and(query_param("user_id", "@ferryman:ferry.test"))
        .and(header("Authorization", "Bearer AS"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"event_id": "$e"})))
        .mount(&server)
        .await;
    let sent = client(&server.uri())
        .send("!a/b:ferry.test", "t/1", &json!({}))
        .await;
    // The mock compares decoded colons and marks; what matters is that the slashes stayed encoded.
    let requests = server.received_requests().await.unwrap();
    assert_eq!(
        requests[0].url.path(),
        "/_matrix/client/v3/rooms/%21a%2Fb%3Aferry.test/send/m.room.message/t%2F1"
    );
    drop(sent);
}

#[tokio::test]
async fn passing_faults_are_retried_and_lasting_ones_are_not() {
    let server = MockServer::start().await;
    let limited = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "slow", "retry_after_ms": 2});
    Mock::given(path("/_matrix/client/versions"))
        .respond_with(ResponseTemplate::new(429).set_body_json(limited))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(path("/_matrix/client/versions"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/_matrix/client/versions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"versions": ["v1.11"]})))
        .mount(&server)
        .await;
    client(&server.uri()).versions().await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 4);

    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "no"});
    Mock::given(path("/_matrix/client/v3/joined_rooms"))
        .respond_with(ResponseTemplate::new(403).set_body_json(forbidden))
        .expect(1)
        .mount(&server)
        .await;
    client(&server.uri()).joined_rooms().await.unwrap_err();
}

#[tokio::test]
async fn failures_say_what_to_do_and_keep_the_token() {
    let server = MockServer::start().await;
    let unknown = json!({"errcode": "M_UNKNOWN_TOKEN", "error": "no"});
    Mock::given(path("/_matrix/client/v3/account/whoami"))
        .respond_with(ResponseTemplate::new(401).set_body_json(unknown))
        .mount(&server)
        .await;
    Mock::given(path("/_matrix/client/versions"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
        .mount(&server)
        .await;
    let client = client(&server.uri());
    insta::assert_snapshot!(client.whoami().await.unwrap_err(), @"the target refuses the token (M_UNKNOWN_TOKEN): hand it the file `ferryman.yaml` (`ferryman registration` says how), with the tokens that are in it");
    insta::assert_snapshot!(client.versions().await.unwrap_err(), @"the target gave an answer to GET /_matrix/client/versions that can't be read (expected value at line 1 column 1): is this address really the target?");
    let gone =
        super::Client::new("http://127.0.0.1:9", "AS".into(), "@f:x", Duration::ZERO).unwrap();
    insta::assert_snapshot!(gone.versions().await.unwrap_err(), @"the target at http://127.0.0.1:9 does not answer (Connection refused (os error 111)): check the address and that the server runs");
}

#[tokio::test]
async fn a_device_of_its_own() {
    let server = MockServer::start().await;
    let login = |answer| {
        Mock::given(method("POST"))
            .and(path("/_matrix/client/v3/login"))
            .and(header("Authorization", "Bearer AS"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
    };
    let ok = |device: &str| {
        let body = json!({"device_id": device, "access_token": "t0ken", "user_id": "@ferryman:ferry.test"});
        ResponseTemplate::new(200).set_body_json(body)
    };
    let bot = client(&server.uri());
    login(ok("FERRYMANBOTA")).await;
    let token = bot.login("FERRYMANBOTA").await.unwrap();
    assert_eq!(crate::secret::ExposeSecret::expose_secret(&token), "t0ken");
    let asked: Value = server.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    assert_eq!(asked["type"], "m.login.application_service");
    assert_eq!(asked["identifier"]["user"], "@ferryman:ferry.test");
    login(ok("OTHER")).await;
    let mut lines = vec![bot.login("FERRYMANBOTA").await.unwrap_err().to_string()];
    let refusal = json!({"errcode": "M_UNKNOWN", "error": "no such login"});
    login(ResponseTemplate::new(400).set_body_json(refusal)).await;
    lines.push(bot.login("FERRYMANBOTA").await.unwrap_err().to_string());
    let lines = lines.join("\n").replace(&server.uri(), "URL");
    insta::assert_snapshot!(lines, @r"
    the target gave an answer to POST /_matrix/client/v3/login that can't be read (the device OTHER instead of FERRYMANBOTA): is this address really the target?
    the target gives the bot no device, which an encrypted control room needs (M_UNKNOWN no such login): let application services log in there, or use a control room without encryption
    ");
    let device = "/_matrix/client/v3/devices/FERRYMANBOTA";
    Mock::given(path(device))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    assert!(bot.has_device("FERRYMANBOTA").await.unwrap());
    let gone = json!({"errcode": "M_NOT_FOUND", "error": "no such device"});
    Mock::given(path(device))
        .respond_with(ResponseTemplate::new(404).set_body_json(gone))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    assert!(!bot.has_device("FERRYMANBOTA").await.unwrap());
    // Whatever stands before the target knows nothing of its devices.
    assert!(bot.has_device("FERRYMANBOTA").await.is_err());
}

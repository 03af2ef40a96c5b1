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

//! The faults that an operator meets, as this client tells them.

use std::time::{Duration, Instant};

use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use super::*;

fn client(server: &MockServer) -> Client {
    client_of(&server.uri())
}

fn client_of(url: &str) -> Client {
    Client::new(&config::Synapse {
        server_name: None,
        database: None,
        homeserver_yaml: None,
        media_path: None,
        signing_key_for_receipts: None,
        url: url.to_owned(),
        admin_token: "s3cret".to_owned().into(),
    })
    .unwrap()
    .with_pause(Duration::from_millis(1))
}

fn answer(status: u16, body: serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn nobody_there() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = client_of(&format!("http://127.0.0.1:{port}/"));
    let error = client.server_version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Synapse at http://127.0.0.1:{port} does not answer (Connection refused (os error 111)): check the address and that the server runs"
        )
    );
    assert_eq!(error.exit_code(), 4);
    assert_eq!(client.requests(), u64::from(ATTEMPTS));
}

#[tokio::test]
async fn a_wrong_token_is_not_tried_twice_and_never_shown() {
    let server = MockServer::start().await;
    Mock::given(path("/_matrix/client/v3/account/whoami"))
        .and(header("authorization", "Bearer s3cret"))
        .respond_with(answer(
            401,
            json!({"errcode":"M_UNKNOWN_TOKEN","error":"Invalid access token passed."}),
        ))
        .expect(1)
        .mount(&server)
        .await;
    let error = client(&server).whoami().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Synapse refuses the token (M_UNKNOWN_TOKEN): give the access token of a server admin as synapse.admin_token"
    );
    assert_eq!(error.exit_code(), 5);
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_token_without_rights() {
    let server = MockServer::start().await;
    Mock::given(path("/_synapse/admin/v2/users"))
        .respond_with(answer(
            403,
            json!({"errcode":"M_FORBIDDEN","error":"You are not a server admin"}),
        ))
        .mount(&server)
        .await;
    let error = client(&server).users().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Synapse refuses the token (M_FORBIDDEN): its user is not a server admin; give the access token of one as synapse.admin_token"
    );
}

#[tokio::test]
async fn the_named_waiting_time_is_obeyed() {
    let server = MockServer::start().await;
    Mock::given(path("/_synapse/admin/v1/server_version"))
        .respond_with(answer(
            429,
            json!({"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":300}),
        ))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/_synapse/admin/v1/server_version"))
        .respond_with(answer(200, json!({"server_version":"1.2.3"})))
        .mount(&server)
        .await;
    let begun = Instant::now();
    let client = client(&server);
    assert_eq!(client.server_version().await.unwrap(), "1.2.3");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(client.requests(), 2);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let server = MockServer::start().await;
    Mock::given(path("/_synapse/admin/v1/rooms"))
        .respond_with(answer(
            500,
            json!({"errcode":"M_UNKNOWN","error":"Internal server error"}),
        ))
        .expect(u64::from(ATTEMPTS))
        .mount(&server)
        .await;
    let error = client(&server).rooms().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Synapse answered 500 to GET /_synapse/admin/v1/rooms: M_UNKNOWN Internal server error"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_synapse() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
        .mount(&server)
        .await;
    let error = client(&server).server_version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Synapse gave an answer to GET /_synapse/admin/v1/server_version that can't be read (expected value at line 1 column 1): is this address really Synapse?"
    );
}

#[tokio::test]
async fn an_address_without_the_admin_api() {
    let server = MockServer::start().await;
    let error = client(&server).server_version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "synapse.url {} does not serve /_synapse/admin: give Synapse's own address, or let the proxy pass that path from here",
            server.uri()
        )
    );
    assert_eq!(error.exit_code(), 3);
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_away() {
    let server = MockServer::start().await;
    let elsewhere = MockServer::start().await;
    Mock::given(path("/_matrix/client/v3/account/whoami"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", elsewhere.uri()))
        .mount(&server)
        .await;
    assert!(client(&server).whoami().await.is_err());
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[test]
fn an_address_that_is_none() {
    let error = Client::new(&config::Synapse {
        server_name: None,
        database: None,
        homeserver_yaml: None,
        media_path: None,
        signing_key_for_receipts: None,
        url: "matrix.example.org".into(),
        admin_token: "x".to_owned().into(),
    })
    .err()
    .unwrap();
    assert_eq!(
        error.to_string(),
        "synapse.url matrix.example.org: relative URL without a base: give it as https://host or http://host:port"
    );
}

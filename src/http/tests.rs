//! Requests to a server that has faults.

mod away;

use std::time::Instant;

use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::*;
use crate::Error;

#[tokio::test]
async fn waits_and_tries_again_after_429() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/a"))
        .respond_with(
            ResponseTemplate::new(429).set_body_json(
                serde_json::json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}),
            ),
        )
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(matchers::path("/a"))
        .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({"ok": 1})))
        .mount(&server)
        .await;
    let http = Http::new("Synapse", &server.uri(), None, "").unwrap();
    let answer: Value = http.send(&Request::get("/a")).await.unwrap();
    assert_eq!(answer["ok"], 1);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn failures_have_their_sentence() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/token"))
        .respond_with(
            ResponseTemplate::new(401)
                .set_body_json(serde_json::json!({"errcode": "M_UNKNOWN_TOKEN"})),
        )
        .mount(&server)
        .await;
    Mock::given(matchers::path("/html"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
        .mount(&server)
        .await;
    let http = Http::new(
        "Synapse",
        &server.uri(),
        Some("t0ken".to_owned().into()),
        "give an admin's token",
    )
    .unwrap();
    let refused = http
        .send::<Value>(&Request::get("/token"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Synapse refuses the token (M_UNKNOWN_TOKEN): give an admin's token"
    );
    let malformed = http
        .send::<Value>(&Request::get("/html"))
        .await
        .unwrap_err();
    assert_eq!(
        malformed.to_string(),
        "Synapse gave an answer to GET /html that can't be read (expected value at line 1 column 1): is this address really Synapse?"
    );
    assert!(
        http.find::<Value>(&Request::get("/nothing"))
            .await
            .unwrap()
            .is_none()
    );
    assert!(!format!("{http:?}").contains("t0ken"));

    let nobody = Http::new("Tuwunel", "http://127.0.0.1:9", None, "").unwrap();
    let unreachable = nobody
        .send::<Value>(&Request::get("/").once())
        .await
        .unwrap_err();
    assert_eq!(
        unreachable.to_string(),
        "Tuwunel at http://127.0.0.1:9 does not answer (Connection refused (os error 111)): check the address and that the server runs"
    );
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200)
        .set_body_string("{}")
        .set_delay(Duration::from_millis(50));
    Mock::given(matchers::any())
        .respond_with(slow)
        .mount(&server)
        .await;
    let http = Http::new("Synapse", &server.uri(), None, "").unwrap();
    let http = http.in_flight(2);
    let request = Request::get("/a");
    let begun = Instant::now();
    let all = (0..6).map(|_| http.send::<Value>(&request));
    futures::future::try_join_all(all).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_proxy_in_the_servers_place_is_no_answer_and_nobodys_request_has_no_token() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/proxy"))
        .respond_with(ResponseTemplate::new(502).set_body_string("<html>Bad Gateway"))
        .mount(&server)
        .await;
    Mock::given(matchers::path("/keys"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let token = Some("t0ken".to_owned().into());
    let http = Http::new("Synapse", &server.uri(), token, "").unwrap();
    let http = http.pause(Duration::from_millis(1));
    let error = http.send::<Value>(&Request::get("/proxy")).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "Synapse answered 502 to GET /proxy: - "
    );
    assert_eq!(http.requests(), 5);
    let keys = Request::get("/keys").without_token();
    let error = http.send::<Value>(&keys).await.unwrap_err();
    assert!(matches!(error, Error::Answer { status: 401, .. }));
    let asked = server.received_requests().await.unwrap();
    assert!(!asked.last().unwrap().headers.contains_key("authorization"));
    assert!(asked[0].headers.contains_key("authorization"));
    // Now it is known to be there.
    http.send::<Value>(&Request::get("/proxy"))
        .await
        .unwrap_err();
    assert_eq!(http.requests(), 6 + 12);
}

#[tokio::test]
async fn a_slow_answer_is_no_absence() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/slow"))
        .respond_with(ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(5)))
        .mount(&server)
        .await;
    let http = Http::new("the target", &server.uri(), None, "")
        .unwrap()
        .timeout(std::time::Duration::from_millis(50));
    let error = http
        .send::<serde_json::Value>(&Request::get("/slow"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the target did not answer GET /slow within 0 s: look at its log and its load, then try again"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_may_try_once_only_waits_when_told_to() {
    let server = MockServer::start().await;
    let limited = ResponseTemplate::new(429)
        .set_body_string(r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1}"#);
    Mock::given(matchers::any())
        .respond_with(limited)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let broken = ResponseTemplate::new(500).set_body_string("{}");
    Mock::given(matchers::any())
        .respond_with(broken)
        .mount(&server)
        .await;
    let http = Http::new("Synapse", &server.uri(), None, "").unwrap();
    let error = http.send::<Value>(&Request::get("/").once()).await;
    assert!(error.unwrap_err().to_string().contains("500"));
    assert_eq!(http.requests(), 2);
}

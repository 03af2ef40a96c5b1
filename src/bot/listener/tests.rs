//! The endpoints, called without a socket.

use axum::{body::Body, http::Request};
use tower::ServiceExt;

use super::*;
use crate::clock::FixedClock;

fn listener(dir: &std::path::Path) -> Listener {
    Listener {
        store: Store::open(dir).unwrap(),
        hs_token: Arc::new("HS".into()),
        bot_id: "@ferryman:ferry.test".into(),
        news: Arc::default(),
        clock: Arc::new(FixedClock(5)),
        health: Arc::default(),
    }
}

async fn call(
    listener: &Listener,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router(listener.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const ONE: &str = r#"{"events":[{"event_id":"$a","type":"m.room.message","content":{}},{"event_id":"$b","type":"m.reaction"},{"event_id":"$c","type":"m.sticker"},{"type":"m.room.message"}]}"#;

#[tokio::test]
async fn nobody_but_the_homeserver_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let listener = listener(dir.path());
    let path = "/_matrix/app/v1/transactions/1";
    for (path, token) in [
        (path, None),
        (path, Some("")),
        (path, Some("HX")),
        ("/_matrix/app/v1/transactions/1?access_token=HX", None),
        ("/_matrix/app/v1/transactions/1?access_token=HS", Some("HX")),
        ("/transactions/1", None),
    ] {
        let (status, body) = call(&listener, "PUT", path, token, ONE).await;
        assert_eq!(status, 403, "{path} {token:?}");
        assert!(body.contains("M_FORBIDDEN"));
    }
    assert_eq!(
        call(&listener, "POST", "/_matrix/app/v1/ping", None, "{}")
            .await
            .0,
        403
    );
    assert!(listener.store.next().unwrap().is_none());
}

#[tokio::test]
async fn a_transaction_is_kept_once_under_every_path_and_token() {
    let dir = tempfile::tempdir().unwrap();
    let first = listener(dir.path());
    let path = "/_matrix/app/v1/transactions/1";
    assert_eq!(
        call(&first, "PUT", path, Some("HS"), ONE).await,
        (200, "{}".into())
    );
    assert_eq!(call(&first, "PUT", path, Some("HS"), ONE).await.0, 200);
    drop(first);
    let restarted = listener(dir.path());
    assert_eq!(call(&restarted, "PUT", path, Some("HS"), ONE).await.0, 200);
    assert_eq!(
        call(
            &restarted,
            "PUT",
            "/transactions/2?access_token=HS",
            None,
            ONE
        )
        .await
        .0,
        200
    );
    for event_id in ["$a", "$b"] {
        let queued = restarted.store.next().unwrap().unwrap();
        assert_eq!(
            (queued.event["event_id"].as_str(), queued.received_ms),
            (Some(event_id), 5)
        );
        restarted.store.done(queued.number).unwrap();
    }
    assert!(restarted.store.next().unwrap().is_none());
}

#[tokio::test]
async fn the_other_endpoints() {
    let dir = tempfile::tempdir().unwrap();
    let listener = listener(dir.path());
    for (method, path, status, part) in [
        ("POST", "/_matrix/app/v1/ping", 200, "{}"),
        (
            "GET",
            "/_matrix/app/v1/users/%40ferryman%3Aferry.test",
            200,
            "{}",
        ),
        ("GET", "/users/@ferryman:ferry.test", 200, "{}"),
        (
            "GET",
            "/_matrix/app/v1/users/%40other%3Aferry.test",
            404,
            "M_NOT_FOUND",
        ),
        (
            "GET",
            "/_matrix/app/v1/rooms/%23a%3Aferry.test",
            404,
            "M_NOT_FOUND",
        ),
        (
            "GET",
            "/_matrix/app/v1/thirdparty/protocol/x",
            404,
            "M_UNRECOGNIZED",
        ),
        ("GET", "/", 404, "M_UNRECOGNIZED"),
        ("GET", "/_matrix/app/v1/ping", 405, "M_UNRECOGNIZED"),
        ("PUT", "/_matrix/app/v1/transactions/9", 400, "M_BAD_JSON"),
    ] {
        let (got, body) = call(&listener, method, path, Some("HS"), "not json").await;
        assert_eq!(got, status, "{path}");
        assert!(body.contains(part), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_big_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let listener = listener(dir.path());
    let body = "x".repeat(LARGEST_BODY + 1);
    let (status, _) = call(&listener, "PUT", "/transactions/1", Some("HS"), &body).await;
    assert_eq!(status, 413);
}

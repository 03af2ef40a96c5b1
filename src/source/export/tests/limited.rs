//! A Synapse that limits its requests.

use std::{collections::HashSet, sync::Mutex};

use super::*;

#[tokio::test]
async fn who_is_told_to_wait_each_time_brings_the_same() {
    let name = server_name!("example.org");
    let tmp = tempfile::tempdir().unwrap();
    let server = synapse().await;
    let free = export(&server, &tmp.path().join("free"), name)
        .await
        .unwrap();
    let asked = Mutex::new(HashSet::new());
    let body =
        json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 1});
    Mock::given(move |request: &wiremock::Request| {
        asked.lock().unwrap().insert(request.url.to_string())
    })
    .respond_with(ResponseTemplate::new(429).set_body_json(body))
    .with_priority(1)
    .mount(&server)
    .await;
    let limited = export(&server, &tmp.path().join("limited"), name)
        .await
        .unwrap();
    assert_eq!(lines(&limited.problems), lines(&free.problems));
    assert!(
        limited.requests > free.requests + 20,
        "{}",
        limited.requests
    );
    assert_eq!(
        (limited.users, limited.rooms, limited.events),
        (free.users, free.rooms, free.events)
    );
    for file in [
        "users.json",
        "rooms.json",
        "room_state.json",
        "devices.json",
    ] {
        let read = |name: &str| std::fs::read(tmp.path().join(name).join(file)).unwrap();
        assert_eq!(read("limited"), read("free"), "{file}");
    }
}

//! Sessions that a killed bridge has left on a Tuwunel, and their ends.

use ferryman::{
    lab::{admin_room::AdminRoom, client::Client},
    login_bridge::DEVICE,
    secret::ExposeSecret,
};
use serde_json::json;

use super::{
    login,
    stand::{Stand, login_body},
};
use crate::targets::tuwunel_or_skip;

/// The bridge's session in an account whose password was set, as a bridge leaves it that is killed then.
async fn half_done(stand: &Stand, localpart: &str) -> Client {
    let random = &stand.random[localpart];
    let client = Client::anonymous(stand.target.url());
    let client = client
        .login_on(localpart, random, &json!({ "device_id": DEVICE }))
        .await
        .unwrap();
    let path = "/_matrix/client/v3/account/password";
    let mut body = json!({ "new_password": random, "logout_devices": false });
    let answer = reqwest::Client::new()
        .post(format!("{}{path}", stand.target.url()))
        .bearer_auth(client.token().unwrap().expose_secret())
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let asked: serde_json::Value = answer.json().await.unwrap();
    body["new_password"] = json!(stand.password(localpart));
    body["auth"] = json!({
        "type": "m.login.password", "password": random, "session": asked["session"],
        "identifier": { "type": "m.id.user", "user": client.user_id() },
    });
    client.post(path, &body).await.unwrap();
    client
}

async fn is_open(session: &Client) -> bool {
    let path = "/_matrix/client/v3/account/whoami";
    session.get(path).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_left_is_closed_or_named() {
    if !tuwunel_or_skip("the login bridge's sessions") {
        return;
    }
    let stand = Box::pin(Stand::set()).await;
    let killed = stand
        .start(&["--bundle", stand.bundle.to_str().unwrap()])
        .await;
    killed.kill();
    let known = half_done(&stand, "p00").await;
    let unknown = half_done(&stand, "p01").await;
    let token = known.token().unwrap().expose_secret().to_owned();
    for (localpart, token) in [("p00", token.as_str()), ("p01", "")] {
        let secrets = format!("{} {}", stand.hashes[localpart], stand.random[localpart]);
        let room = |token: &str| format!("{token:*<64}");
        stand.change_vault(
            &format!("w {secrets} {}", room("")),
            &format!("b {secrets} {}", room(token)),
        );
    }
    assert!(is_open(&known).await && is_open(&unknown).await);

    // The next start closes the one whose token it has, without its user.
    let bridge = stand.start(&[]).await;
    assert!(!is_open(&known).await);
    assert!(is_open(&unknown).await);
    let vault = stand.vault();
    assert!(!vault.contains(&token), "{vault}");
    for (localpart, letter) in [("p00", "m"), ("p01", "o")] {
        assert!(!stand.files().contains(&stand.hashes[localpart]));
        assert!(!stand.files().contains(&stand.random[localpart]));
        let line = vault
            .lines()
            .find(|line| line.ends_with(&stand.user_id(localpart)));
        assert!(line.unwrap().starts_with(&format!("{letter} *")), "{vault}");
    }
    bridge.kill();

    // The other one is named at the end, and the sentence's command closes it.
    let made = vault.split("\"made_ms\":").nth(1).unwrap();
    let made = made.split(',').next().unwrap();
    stand.change_vault(&format!("\"made_ms\":{made}"), "\"made_ms\":1");
    let (code, said, _) = stand.start(&["--days", "1"]).await.end().await;
    assert_eq!(code, Some(0), "{said}");
    let command = format!(
        "!admin users delete-device {} {DEVICE}",
        stand.user_id("p01")
    );
    assert!(said.contains("may be left in 1 account."), "{said}");
    assert!(said.contains(&command), "{said}");
    let server = stand.installation.config.server_name.as_str();
    let room = AdminRoom::find(&stand.target.operator, server)
        .await
        .unwrap();
    let answer = room.command(&command).await.unwrap();
    super::note(&answer);
    assert!(!is_open(&unknown).await, "{answer}");
    for localpart in ["p00", "p01"] {
        let body = login_body(localpart, &stand.password(localpart));
        assert_eq!(login(stand.target.url(), &body).await.unwrap().0, 200);
    }
}

//! The login bridge between a Synapse with a pepper and a Tuwunel: the program itself, killed and started again.

mod left_open;
mod stand;

use std::{
    fs,
    io::{Read, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use ferryman::lab::client::Client;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stand::{OLD, Stand, USERS, login_body};

use crate::targets::tuwunel_or_skip;

/// For whoever runs it with `--nocapture`.
fn note(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// What a client sees of a login: status and body.
async fn login(base: &str, body: &str) -> Result<(StatusCode, String), reqwest::Error> {
    let answer = reqwest::Client::new()
        .post(format!("{base}/_matrix/client/v3/login"))
        .header("content-type", "application/json")
        .header("x-forwarded-for", "192.0.2.7")
        .body(body.to_owned())
        .send()
        .await?;
    Ok((answer.status(), answer.text().await?))
}

/// All that a server sends for a login, as it is on the wire: status line, headers as they are written, and body. What is
/// left out is the date, and what each connection has of its own (RFC 9110, 7.6.1), such as how a body's end is told: Tuwunel
/// sends all of them in chunks, the bridge all of them with their length.
fn on_the_wire(base: &str, body: &str) -> (String, Vec<String>, Vec<u8>) {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /_matrix/client/v3/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         x-forwarded-for: 192.0.2.8\r\norigin: https://app.test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n").map(str::to_owned);
    let status = lines.next().unwrap();
    let is_chunked = head.contains("transfer-encoding: chunked");
    let of_now = [
        "date:",
        "connection:",
        "keep-alive:",
        "transfer-encoding:",
        "content-length:",
    ];
    let mut headers: Vec<_> = lines
        .filter(|line| {
            of_now
                .iter()
                .all(|name| !line.to_lowercase().starts_with(name))
        })
        .collect();
    headers.sort();
    let body = &all[end + 4..];
    let body = if is_chunked {
        unchunked(body)
    } else {
        body.to_vec()
    };
    (status, headers, body)
}

/// A body that came in chunks (RFC 9112, 7.1).
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|at| at == b"\r\n").unwrap();
        let length = std::str::from_utf8(&rest[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 4 + length..];
    }
}

/// Nothing on the wire tells a refusal of the bridge's from one of the target's.
async fn refusals_are_the_same_on_the_wire(stand: &Stand, bridge: &str) {
    for user in ["p00", "nobody", "operator"] {
        let body = login_body(user, "wrong");
        let (direct, by_bridge) = (stand.target.url().to_owned(), bridge.to_owned());
        let both = tokio::task::spawn_blocking(move || {
            (on_the_wire(&direct, &body), on_the_wire(&by_bridge, &body))
        });
        let (direct, by_bridge) = both.await.unwrap();
        note(&format!("{user}: {} {:?}", by_bridge.0, by_bridge.1));
        assert!(direct.0.contains("403"), "{}", direct.0);
        assert!(!direct.1.is_empty() && !direct.2.is_empty());
        assert_eq!(by_bridge, direct, "{user}");
    }
}

async fn devices(stand: &Stand, session: &str) -> Vec<String> {
    let session: Value = serde_json::from_str(session).unwrap();
    let text = |name: &str| session[name].as_str().unwrap().to_owned();
    let client =
        Client::anonymous(stand.target.url()).with_token(&text("user_id"), &text("access_token"));
    let answer = client.get("/_matrix/client/v3/devices").await.unwrap();
    let devices = answer["devices"].as_array().unwrap().iter();
    devices
        .map(|device| device["device_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The target alone knows the password, nothing of the bridge is left in the account or on disk.
async fn is_moved(stand: &Stand, localpart: &str) {
    let body = login_body(localpart, &stand.password(localpart));
    let (status, session) = login(stand.target.url(), &body).await.unwrap();
    assert_eq!(status, 200, "{localpart}: {session}");
    let devices = devices(stand, &session).await;
    assert!(
        devices.iter().all(|device| !device.starts_with("FERRYMAN")),
        "{localpart}: {devices:?}"
    );
    let files = stand.files();
    assert!(
        !files.contains(&stand.hashes[localpart]),
        "{localpart}'s hash"
    );
    assert!(
        !files.contains(&stand.random[localpart]),
        "{localpart}'s random password"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_keeps_the_password() {
    if !tuwunel_or_skip("the login bridge") {
        return;
    }
    let stand = Arc::new(Box::pin(Stand::set()).await);
    let bridge = stand
        .start(&["--bundle", stand.bundle.to_str().unwrap()])
        .await;
    let bridge_url = stand.url();

    // Flows, and what is no login by password.
    let flows = reqwest::get(format!("{bridge_url}/_matrix/client/v3/login"))
        .await
        .unwrap();
    assert_eq!(flows.status(), 200);
    assert!(flows.text().await.unwrap().contains("m.login.password"));

    // What a browser asks before.
    let path = "/_matrix/client/v3/login";
    let preflight = |base: &str| {
        let client = reqwest::Client::new();
        let request = client.request(reqwest::Method::OPTIONS, format!("{base}{path}"));
        request.header("origin", "https://app.test").send()
    };
    let allowed = preflight(&bridge_url).await.unwrap();
    let direct = preflight(stand.target.url()).await.unwrap();
    let header = "access-control-allow-origin";
    assert_eq!(allowed.status(), direct.status());
    assert!(direct.headers().contains_key(header));
    assert_eq!(allowed.headers().get(header), direct.headers().get(header));

    refusals_are_the_targets_own(&stand, &bridge_url).await;
    refusals_are_the_same_on_the_wire(&stand, &bridge_url).await;

    // The right one, in the ways in which clients say who it is.
    let names = [
        json!({ "identifier": { "type": "m.id.user", "user": "P00" } }),
        json!({ "identifier": { "type": "m.id.user", "user": stand.user_id("p01") } }),
        json!({ "user": "p02" }),
    ];
    for (localpart, mut body) in ["p00", "p01", "p02"].into_iter().zip(names) {
        body["type"] = json!("m.login.password");
        body["password"] = json!(stand.password(localpart));
        body["refresh_token"] = json!(true);
        body["initial_device_display_name"] = json!("theirs");
        body["org.example.unknown"] = json!({ "kept": true });
        let began = Instant::now();
        let (status, session) = login(&bridge_url, &body.to_string()).await.unwrap();
        eprintln!("{localpart} moved in {} ms", began.elapsed().as_millis());
        assert_eq!(status, 200, "{localpart}: {session}");
        assert_eq!(devices(&stand, &session).await.len(), 1);
        is_moved(&stand, localpart).await;
    }
    // Whoever was moved looks like everybody else to somebody who guesses.
    let wrong = login_body("p01", "wrong");
    let began = Instant::now();
    let refused = login(&bridge_url, &wrong).await.unwrap();
    note(&format!("a moved user: {} ms", began.elapsed().as_millis()));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(refused, login(stand.target.url(), &wrong).await.unwrap());
    let line = stand.passwords_file();
    assert!(
        line.contains(&format!("{},****", stand.user_id("p00"))),
        "{line}"
    );

    // A hundred at once, five for each of twenty people, who have not been there before.
    let began = Instant::now();
    let logins = (0..100).map(|number| {
        let (stand, url) = (Arc::clone(&stand), bridge_url.clone());
        tokio::spawn(async move {
            let localpart = format!("p{:02}", 3 + number % 20);
            login(&url, &login_body(&localpart, &stand.password(&localpart))).await
        })
    });
    for answer in futures::future::join_all(logins).await {
        let (status, session) = answer.unwrap().unwrap();
        assert_eq!(status, 200, "{session}");
    }
    eprintln!(
        "100 logins of 20 people in {} ms",
        began.elapsed().as_millis()
    );
    for number in 3..23 {
        is_moved(&stand, &format!("p{number:02}")).await;
    }

    let log = killed_and_started_again(&stand, bridge).await;
    nothing_was_told(&stand, &log).await;
}

/// Wrong passwords, and people whom the bridge does not know: the same answer as without it.
async fn refusals_are_the_targets_own(stand: &Stand, bridge: &str) {
    let token = json!({ "type": "m.login.token", "token": "x" }).to_string();
    let mail = json!({
        "type": "m.login.password", "password": stand.password("p00"),
        "identifier": { "type": "m.id.thirdparty", "medium": "email", "address": "p00@localhost" },
    });
    for (what, body, is_password) in [
        ("a wrong password", login_body("p00", "wrong"), true),
        ("an unknown user", login_body("nobody", "wrong"), true),
        ("without a hash", login_body("hashless", "wrong"), true),
        // Their password on Synapse is not theirs here: they were here before.
        ("adopted", login_body("operator", OLD), true),
        (
            "another server's",
            login_body("@p00:other.test", "wrong"),
            false,
        ),
        ("another kind", token, false),
        ("an address", mail.to_string(), false),
        ("no JSON", "{".to_owned(), false),
    ] {
        let direct = login(stand.target.url(), &body).await.unwrap();
        let began = Instant::now();
        let by_bridge = login(bridge, &body).await.unwrap();
        let took = began.elapsed().as_millis();
        note(&format!(
            "{what}: {} {}, in {took} ms",
            by_bridge.0, by_bridge.1
        ));
        assert_eq!(by_bridge, direct, "{what}");
        assert!(!direct.0.is_success(), "{what}");
        assert!(!is_password || took >= 1000, "{what} took {took} ms");
    }
    let own = login_body("operator", ferryman::lab::target::OPERATOR_PASSWORD);
    assert_eq!(login(bridge, &own).await.unwrap().0, 200);
}

/// The bridge is killed while people log in, again and again; then all of them are let in, and it ends by itself.
async fn killed_and_started_again(stand: &Arc<Stand>, mut bridge: stand::Running) -> String {
    // The last one keeps the bridge going until all others are through.
    let last = format!("p{:02}", USERS - 1);
    let late: Vec<String> = (23..USERS - 1)
        .map(|number| format!("p{number:02}"))
        .collect();
    let mut log = String::new();
    for (round, localpart) in late.iter().enumerate() {
        let (other, url, name) = (Arc::clone(stand), stand.url(), localpart.clone());
        let attempt = tokio::spawn(async move {
            login(&url, &login_body(&name, &other.password(&name)))
                .await
                .map(|answer| answer.0)
        });
        // A move takes some tenths of a second here.
        tokio::time::sleep(Duration::from_millis(40 + 60 * round as u64)).await;
        log.push_str(&bridge.kill());
        let ended = attempt.await.unwrap();
        note(&format!(
            "killed after {} ms: {:?}",
            40 + 60 * round,
            ended.ok()
        ));
        // Without the bundle: the vault is all it needs.
        bridge = stand.start(&[]).await;
        let wrong = login(&stand.url(), &login_body(localpart, "wrong"))
            .await
            .unwrap();
        assert_eq!(wrong.0, 403);
    }
    fs::rename(&stand.bundle, stand.bundle.with_extension("gone")).unwrap();
    for localpart in late.iter().chain([&last]) {
        let body = login_body(localpart, &stand.password(localpart));
        let (status, session) = login(&stand.url(), &body).await.unwrap();
        assert_eq!(status, 200, "{localpart}: {session}");
        is_moved(stand, localpart).await;
    }
    let (code, said, rest) = bridge.end().await;
    assert_eq!(code, Some(0), "{said} {rest}");
    assert!(
        said.contains("Nobody waits any more: 30 accounts moved."),
        "{said}"
    );
    let vault = stand.vault();
    assert!(!vault.contains("$2"), "{vault}");
    assert_eq!(vault.lines().count(), USERS + 1);
    log.push_str(&rest);
    log
}

/// No password is in a log, and none in the admin room.
async fn nothing_was_told(stand: &Stand, log: &str) {
    let room = ferryman::lab::admin_room::AdminRoom::find(
        &stand.target.operator,
        stand.installation.config.server_name.as_str(),
    )
    .await
    .unwrap();
    let path = format!(
        "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=500",
        ferryman::http::encode(room.id())
    );
    let told = stand.target.operator.get(&path).await.unwrap().to_string();
    assert!(told.contains("changed their password"), "{told}");
    assert!(log.contains("has kept the password"), "{log}");
    for number in 0..USERS {
        let localpart = format!("p{number:02}");
        for secret in [
            &stand.password(&localpart),
            &stand.random[&localpart],
            &stand.hashes[&localpart],
        ] {
            assert!(
                !told.contains(secret.as_str()),
                "{localpart}: the admin room"
            );
            assert!(!log.contains(secret.as_str()), "{localpart}: the log");
        }
    }
}

/// The hash is gone as soon as the target has let the user in: it must not forget the password then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_target_has_said_it_keeps() {
    if !tuwunel_or_skip("the login bridge and a killed target") {
        return;
    }
    let mut stand = Box::pin(Stand::set()).await;
    let bridge = stand.start(&[]).await;
    for number in 0..5 {
        let localpart = format!("p{number:02}");
        let body = login_body(&localpart, &stand.password(&localpart));
        let (status, session) = login(&stand.url(), &body).await.unwrap();
        assert_eq!(status, 200, "{session}");
        stand.target.server().kill();
        stand.target.server().start().await.unwrap();
        is_moved(&stand, &localpart).await;
    }
    drop(bridge);
}

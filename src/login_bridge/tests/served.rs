//! The bridge with its listener, from start to end.

use super::{fake::Fake, *};
use crate::config::sample;

async fn bridge(dir: &Path, fake: &Fake, days: Option<u32>, now_ms: u64) -> Result<Bridge> {
    let mut config = sample(dir);
    config.target.url = fake.url();
    let port = crate::lab::names::free_port().unwrap();
    config.login_bridge.listen = ([127, 0, 0, 1], port).into();
    Bridge::open(Parts {
        config: &config,
        vault: Vault::open(&dir.join("vault")).unwrap().unwrap(),
        passwords: dir.join("csv"),
        pepper: Some("pepper".into()),
        days,
        clock: Arc::new(FixedClock(now_ms)),
    })
    .await
}

async fn post(address: std::net::SocketAddr, path: &str, body: String) -> (u16, String) {
    let answer = reqwest::Client::new()
        .post(format!("http://{address}{path}"))
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn body(user: &str) -> String {
    let body = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": RIGHT,
    });
    body.to_string()
}

#[tokio::test]
async fn it_ends_when_all_are_moved() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let bridge = bridge(dir.path(), &fake, None, 2_000_000).await.unwrap();
    let address = bridge.listener.local_addr().unwrap();
    let running = tokio::spawn(bridge.run(std::future::pending()));
    let client = reqwest::Client::new();
    for user in ["bob", "eve"] {
        let answer = client
            .post(format!("http://{address}/_matrix/client/r0/login"))
            .header("content-type", "application/json")
            .body(body(user))
            .send()
            .await
            .unwrap();
        // The fake knows v3 only.
        assert_eq!(answer.status(), 404);
        let answer = client
            .post(format!("http://{address}/_matrix/client/v3/login"))
            .header("content-type", "application/json")
            .body(body(user))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
    let ended = tokio::time::timeout(Duration::from_secs(10), running).await;
    let ended = ended.unwrap().unwrap().unwrap();
    assert_eq!(ended.cause, Cause::AllMoved);
    assert_eq!(
        ended.count,
        Count {
            waiting: 0,
            moved: 2,
            left: 0
        }
    );
}

#[tokio::test]
async fn when_its_days_are_over_the_hashes_go() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let day = 24 * 60 * 60 * 1000;
    let early = bridge(dir.path(), &fake, Some(1), 1_000_000 + day - 1)
        .await
        .unwrap();
    let stop = tokio::time::sleep(Duration::from_millis(50));
    assert_eq!(early.run(stop).await.unwrap().cause, Cause::Stopped);
    assert_eq!(files(dir.path()).matches(HASH).count(), 2);
    let late = bridge(dir.path(), &fake, Some(1), 1_000_000 + day)
        .await
        .unwrap();
    let ended = late.run(std::future::pending()).await.unwrap();
    assert_eq!(ended.cause, Cause::TimeIsUp);
    assert_eq!(
        ended.count,
        Count {
            waiting: 0,
            moved: 0,
            left: 2
        }
    );
    assert!(!files(dir.path()).contains("$2b$"));
    // The random passwords are all that these accounts have.
    assert!(files(dir.path()).contains(RANDOM));
}

#[tokio::test]
async fn it_does_not_wait_for_a_session_that_it_cannot_close_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let eve = user_id!("@eve:ferry.test");
    let vault = Vault::open(&dir.path().join("vault")).unwrap().unwrap();
    vault.put(&bob(), State::Open).unwrap();
    vault.put(eve, State::Moved).unwrap();
    drop(vault);
    let bridge = bridge(dir.path(), &fake, None, 2_000_000).await.unwrap();
    let ended = bridge.run(std::future::pending());
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    let ended = ended.unwrap().unwrap();
    assert_eq!((ended.cause, ended.count.moved), (Cause::AllMoved, 2));
    assert_eq!(ended.open, [bob()]);
}

/// A login that the target has left without an answer, and whose user doesn't come again.
#[tokio::test]
async fn an_account_that_was_begun_is_looked_after_while_the_bridge_runs() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let mut bridge = bridge(dir.path(), &fake, None, 2_000_000).await.unwrap();
    Arc::get_mut(&mut bridge.door).unwrap().mending = Duration::from_millis(50);
    let door = Arc::clone(&bridge.door);
    let eve = user_id!("@eve:ferry.test");
    door.vault.put(eve, State::Moved).unwrap();
    door.vault.put(&bob(), State::Begun).unwrap();
    let password = RANDOM.into();
    let session = door
        .target
        .log_in(&bob(), &password)
        .await
        .unwrap()
        .unwrap();
    door.vault
        .put_session(&bob(), Some(&session.token))
        .unwrap();
    door.target
        .change_password(&session, &bob(), &password, &RIGHT.into())
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), bridge.run(std::future::pending()));
    let ended = ended.await.unwrap().unwrap();
    assert_eq!((ended.cause, ended.open.len()), (Cause::AllMoved, 0));
    assert_eq!(door.vault.state(&bob()), Some(State::Moved));
    assert!(fake.devices(BOB).is_empty());
    assert!(!files(dir.path()).contains(RANDOM));
}

#[tokio::test]
async fn another_servers_vault_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let path = dir.path().join("vault");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("f abc", "f xyz")).unwrap();
    let error = bridge(dir.path(), &fake, None, 0).await.err().unwrap();
    insta::assert_snapshot!(error.to_string().replace(&fake.url(), "URL"), @"URL is not the server whose accounts wait in the login bridge's vault: correct tuwunel.url");
    assert_eq!(error.exit_code(), 7);
}

#[tokio::test]
async fn bodies_are_bounded_and_only_logins_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let bridge = bridge(dir.path(), &fake, None, 0).await.unwrap();
    let address = bridge.listener.local_addr().unwrap();
    let running = tokio::spawn(bridge.run(std::future::pending()));
    let login = "/_matrix/client/v3/login";
    let (status, text) = post(address, login, "x".repeat(64 * 1024 + 1)).await;
    insta::assert_snapshot!(format!("{status} {text}"), @r#"413 {"errcode":"M_TOO_LARGE","error":"The request is too large"}"#);
    let (status, text) = post(address, "/_matrix/client/v3/register", String::new()).await;
    insta::assert_snapshot!(format!("{status} {text}"), @r#"404 {"errcode":"M_UNRECOGNIZED","error":"Only /login is here"}"#);
    running.abort();
}

/// All that comes within a second, and nothing else is sent meanwhile.
async fn raw(address: std::net::SocketAddr, sent: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read = stream.read_to_end(&mut got);
    let _open_or_closed = tokio::time::timeout(Duration::from_secs(1), read).await;
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn a_body_is_never_a_second_request_and_paths_are_not_normalised() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let bridge = bridge(dir.path(), &fake, None, 0).await.unwrap();
    let address = bridge.listener.local_addr().unwrap();
    let running = tokio::spawn(bridge.run(std::future::pending()));
    let request = |path: &str, headers: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
        )
    };
    let login = "/_matrix/client/v3/login";
    let right = body("bob");
    let length = format!("content-length: {}\r\n", right.len());
    let inner = request(login, &length, &right);
    let (too_large, size) = ("x".repeat(64 * 1024 + 1), 64 * 1024 + 1 + inner.len());
    let outer = format!("content-length: {size}\r\n");
    let chunked = "transfer-encoding: chunked\r\n";
    let chunks = format!("{:x}\r\n{right}\r\n0\r\n\r\n", right.len());
    for (sent, status) in [
        (
            request(login, &outer, &format!("{too_large}{inner}")),
            "413",
        ),
        (
            request(login, &format!("{length}content-length: 1\r\n"), &right),
            "400",
        ),
        (
            request("/_matrix/client/v3/../login", &length, &right),
            "404",
        ),
        (
            request("/_matrix/client/%76%33/login", &length, &right),
            "404",
        ),
    ] {
        let got = raw(address, sent).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        assert_eq!(got.matches("HTTP/1.1 ").count(), 1, "{got}");
    }
    assert!(fake.devices(BOB).is_empty());
    let got = raw(address, request(login, chunked, &chunks)).await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    assert_eq!(fake.devices(BOB).len(), 1);
    running.abort();
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = listener::bind(address).await.unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&address.to_string(), "ADDRESS"), @"login_bridge.listen: ADDRESS can't be used (Address already in use (os error 98)): stop what listens there, or choose another");
}

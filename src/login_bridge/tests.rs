//! The whole bridge but its listener, before a small homeserver.

mod fake;
mod killed;
mod served;

use std::{fs, path::Path};

use fake::{Fake, KEY};
use reqwest::{Method, header::HeaderMap};
use ruma::{OwnedUserId, UserId, user_id};
use serde_json::json;
use vault::{About, Account, VERSION};

use super::{door::Knock, *};
use crate::{clock::FixedClock, http::Relayed};

/// "correct horse" with the pepper "pepper", at a cost that takes no time.
const HASH: &str = "$2b$04$0PHk/1MtERiAFocLf.LxKuwIqP3/sUmi6MMaho.W9JsNn0fFg1c2K";
const RIGHT: &str = "correct horse";
const BOB: &str = "@bob:ferry.test";
const RANDOM: &str = "theRandomOne";

/// A server with three users: bob and eve wait, ann is the operator and was there before.
async fn stage(dir: &Path) -> Fake {
    let eve = user_id!("@eve:ferry.test");
    let fake = Fake::start(&[
        (BOB, RANDOM),
        (eve.as_str(), "another"),
        ("@ann:ferry.test", "her own"),
    ])
    .await;
    let about = About {
        version: VERSION,
        made_ms: 1_000_000,
        migration: "b".to_owned(),
        bundle: "b".to_owned(),
        target_keys: vec![format!("{KEY} abc")],
    };
    let account = |user: &UserId, password: &str| Account {
        user: user.to_owned(),
        hash: HASH.into(),
        password: password.into(),
    };
    let accounts = [account(&bob(), RANDOM), account(eve, "another")];
    Vault::make(&dir.join("vault"), &about, &accounts).unwrap();
    fs::write(dir.join("csv"), format!("{BOB},{RANDOM}\n{eve},another\n")).unwrap();
    fake
}

/// A bridge as after a start.
async fn door(dir: &Path, fake: &Fake) -> Door {
    let vault = Vault::open(&dir.join("vault")).unwrap().unwrap();
    let (by_account, by_address) = Door::limits();
    Door {
        server_name: "ferry.test".try_into().unwrap(),
        target: Target::new(&fake.url()).unwrap(),
        checker: check::Checker::new(Some("pepper".into()), [HASH].into_iter())
            .await
            .unwrap(),
        vault: Arc::new(vault),
        clock: Arc::new(FixedClock(2_000_000)),
        passwords: dir.join("csv"),
        address_header: None,
        by_account,
        by_address,
        locks: Locks::default(),
        moved: Notify::new(),
        slot: Duration::from_millis(1),
        mending: Duration::from_millis(100),
    }
}

fn knock(user: &str, password: &str) -> Knock {
    let body = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": password,
    });
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    Knock {
        method: Method::POST,
        target: "/_matrix/client/v3/login".to_owned(),
        headers,
        body: body.to_string().into_bytes(),
        peer: [192, 0, 2, 1].into(),
    }
}

fn text(answer: &Relayed) -> String {
    format!(
        "{} {}",
        answer.status.as_u16(),
        String::from_utf8_lossy(&answer.body)
    )
}

const REFUSAL: &str = r#"403 {"errcode":"M_FORBIDDEN","error":"Wrong username or password."}"#;

fn bob() -> OwnedUserId {
    BOB.try_into().unwrap()
}

fn password_of(fake: &Fake, user: &str) -> String {
    fake.world.lock().unwrap().passwords[user].clone()
}

/// Everything that is on disk.
fn files(dir: &Path) -> String {
    let all = fs::read_dir(dir).unwrap();
    all.map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

#[tokio::test]
async fn the_right_password_is_moved_at_once_and_nothing_of_it_is_left_here() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let door = door(dir.path(), &fake).await;
    let answer = door.answer(&knock("BOB", RIGHT)).await;
    assert_eq!(answer.status, 200, "{}", text(&answer));
    assert_eq!(password_of(&fake, BOB), RIGHT);
    let devices = fake.devices(BOB);
    assert!(
        devices.len() == 1 && devices[0] != target::DEVICE,
        "{devices:?}"
    );
    assert_eq!(door.vault.state(&bob()), Some(State::Moved));
    let left = files(dir.path());
    assert!(!left.contains(RANDOM) && !left.contains(RIGHT), "{left}");
    assert_eq!(left.matches(HASH).count(), 1, "eve's: {left}");
    assert_eq!(left.matches("another").count(), 2, "eve's: {left}");
    assert_eq!(
        fake.world.lock().unwrap().unproven,
        [RANDOM],
        "no server keeps the new one"
    );
    // From now on the target alone knows.
    fake.stop_at(None);
    assert_eq!(door.answer(&knock("bob", RIGHT)).await.status, 200);
    assert_eq!(text(&door.answer(&knock("bob", RANDOM)).await), REFUSAL);
}

#[tokio::test]
async fn everybody_else_gets_the_targets_own_answer() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let door = door(dir.path(), &fake).await;
    for (user, password) in [
        ("bob", "wrong"),
        ("@bob:ferry.test", "correct hors"),
        ("nobody", RIGHT),
        // She was there before: her Synapse password is none of ours.
        ("ann", RIGHT),
        ("@bob:other.test", RIGHT),
    ] {
        let answer = door.answer(&knock(user, password)).await;
        assert_eq!(text(&answer), REFUSAL, "{user}");
    }
    assert_eq!(door.answer(&knock("ann", "her own")).await.status, 200);
    let mut get = knock("x", "y");
    (get.method, get.body) = (Method::GET, Vec::new());
    assert_eq!(
        text(&door.answer(&get).await),
        r#"200 {"flows":[{"type":"m.login.password"}]}"#
    );
    assert_eq!(password_of(&fake, BOB), RANDOM);
    assert_eq!(door.vault.count().waiting, 2);
    assert!(fake.devices(BOB).is_empty());
}

#[tokio::test]
async fn who_was_given_the_random_password_may_still_come_with_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let door = door(dir.path(), &fake).await;
    assert_eq!(door.answer(&knock("bob", RANDOM)).await.status, 200);
    assert_eq!(door.vault.state(&bob()), Some(State::Waiting));
    assert_eq!(door.answer(&knock("bob", RIGHT)).await.status, 200);
    assert_eq!(password_of(&fake, BOB), RIGHT);
}

#[tokio::test]
async fn who_has_another_password_meanwhile_keeps_it_and_the_hash_goes() {
    // Once by logging in with it, once by trying the old one.
    for tried in ["new one", RIGHT] {
        let dir = tempfile::tempdir().unwrap();
        let fake = stage(dir.path()).await;
        let door = door(dir.path(), &fake).await;
        let set = |password: &str| {
            let mut world = fake.world.lock().unwrap();
            world.passwords.insert(BOB.to_owned(), password.to_owned());
        };
        set("new one");
        let answer = door.answer(&knock("bob", tried)).await;
        assert_eq!(answer.status == 200, tried == "new one");
        assert_eq!(files(dir.path()).matches(HASH).count(), 1);
        assert_eq!(text(&door.answer(&knock("bob", RIGHT)).await), REFUSAL);
        assert_eq!(password_of(&fake, BOB), "new one");
        assert!(!fake.devices(BOB).contains(&target::DEVICE.to_owned()));
    }
}

#[tokio::test]
async fn many_at_once_move_an_account_once() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let door = Arc::new(door(dir.path(), &fake).await);
    let logins = (0..20).map(|_| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.answer(&knock("bob", RIGHT)).await.status })
    });
    for login in futures::future::join_all(logins).await {
        assert_eq!(login.unwrap(), 200);
    }
    assert_eq!(fake.devices(BOB).len(), 20);
    assert_eq!(fake.world.lock().unwrap().unproven.len(), 1);
}

#[tokio::test]
async fn nobody_waits_for_an_account_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let mut door = door(dir.path(), &fake).await;
    door.locks = Locks::with_patience(Duration::from_millis(50));
    let before = door.locks.take(&bob()).await;
    assert!(before.is_some());
    let answer = door.answer(&knock("bob", RIGHT)).await;
    insta::assert_snapshot!(text(&answer), @r#"429 {"errcode":"M_LIMIT_EXCEEDED","error":"Too many wrong passwords","retry_after_ms":5000}"#);
    assert_eq!(door.answer(&knock("eve", RIGHT)).await.status, 200);
    drop(before);
    assert_eq!(door.answer(&knock("bob", RIGHT)).await.status, 200);
    // Whom the target lets in does not wait at all for what is left to do here.
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let set = ("new one".to_owned(), BOB.to_owned());
    fake.world.lock().unwrap().passwords.insert(set.1, set.0);
    let mut door = self::door(dir.path(), &fake).await;
    door.locks = Locks::with_patience(Duration::from_millis(50));
    let before = door.locks.take(&bob()).await;
    assert_eq!(door.answer(&knock("bob", "new one")).await.status, 200);
    assert_eq!(door.vault.state(&bob()), Some(State::Waiting));
    drop(before);
    assert_eq!(door.answer(&knock("bob", "new one")).await.status, 200);
    assert_eq!(door.vault.state(&bob()), Some(State::Moved));
}

#[tokio::test]
async fn wrong_passwords_are_counted_by_account_and_by_address_and_right_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let door = door(dir.path(), &fake).await;
    let from = |user: &str, password: &str, last: u8| Knock {
        peer: [192, 0, 2, last].into(),
        ..knock(user, password)
    };
    for _ in 0..5 {
        assert_eq!(text(&door.answer(&from("bob", "wrong", 1)).await), REFUSAL);
    }
    // Wherever it comes from, and though it be right.
    let answer = door.answer(&from("bob", RIGHT, 2)).await;
    insta::assert_snapshot!(text(&answer), @r#"429 {"errcode":"M_LIMIT_EXCEEDED","error":"Too many wrong passwords","retry_after_ms":30000}"#);
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(password_of(&fake, BOB), RANDOM);
    for number in 0..30 {
        let user = format!("nobody{number}");
        assert_eq!(text(&door.answer(&from(&user, "x", 3)).await), REFUSAL);
    }
    assert_eq!(door.answer(&from("eve", RIGHT, 3)).await.status, 429);
    assert_eq!(door.answer(&from("eve", RIGHT, 4)).await.status, 200);
    // Whom the target lets in is not counted.
    for _ in 0..40 {
        assert_eq!(door.answer(&from("eve", RIGHT, 3)).await.status, 200);
    }
}

#[tokio::test]
async fn a_refusal_takes_the_same_time_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let mut door = door(dir.path(), &fake).await;
    door.slot = Duration::from_millis(400);
    assert_eq!(door.answer(&knock("eve", RIGHT)).await.status, 200);
    for (user, password) in [
        ("bob", "wrong"),
        ("nobody", "x"),
        ("eve", "wrong"),
        ("ann", "x"),
    ] {
        let began = std::time::Instant::now();
        assert_eq!(text(&door.answer(&knock(user, password)).await), REFUSAL);
        let took = began.elapsed().as_millis();
        assert!((400..500).contains(&took), "{user} took {took} ms");
    }
    // Nor does it show who is there that somebody has tried too often.
    for user in ["bob", "nobody"] {
        for _ in 0..5 {
            let _one_less = door
                .by_account
                .take(format!("@{user}:ferry.test").try_into().unwrap(), 2_000_000);
        }
        let began = std::time::Instant::now();
        assert_eq!(door.answer(&knock(user, "wrong")).await.status, 429);
        let took = began.elapsed().as_millis();
        assert!((400..500).contains(&took), "{user} took {took} ms");
    }
}

#[tokio::test]
async fn without_a_target_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = stage(dir.path()).await;
    fake.address.set_port(9);
    let door = door(dir.path(), &fake).await;
    let answer = door.answer(&knock("bob", RIGHT)).await;
    insta::assert_snapshot!(text(&answer), @r#"502 {"errcode":"M_UNKNOWN","error":"The homeserver does not answer"}"#);
    assert_eq!(door.vault.state(&bob()), Some(State::Waiting));
}

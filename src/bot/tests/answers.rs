//! Answers that the target does not take at once.

use super::*;

const ANNA: &str = "@anna:ferry.test";

/// Messages about this event are not taken.
fn refused(event: &str) -> wiremock::MockBuilder {
    Mock::given(path_regex(format!(
        "/send/m.room.message/ferryman-%24{event}-"
    )))
}

fn forbidden() -> ResponseTemplate {
    ResponseTemplate::new(403).set_body_json(json!({"errcode": "M_FORBIDDEN", "error": "no"}))
}

fn bodies(said: &[Value]) -> Vec<&str> {
    said.iter().map(|it| it["body"].as_str().unwrap()).collect()
}

impl Stage {
    async fn owes_nothing(&self) {
        for _ in 0..200 {
            if self.store.unsent(0).unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.store.unsent(0).unwrap());
    }
}

#[tokio::test]
async fn a_target_that_takes_its_time_keeps_no_order_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    refused("1")
        .respond_with(slow)
        .with_priority(1)
        .mount(&stage.server)
        .await;
    stage.hears("$1", ANNA, "!ferry dance");
    stage.said(1).await;
    stage.hears("$2", ANNA, "!ferry status");
    assert_eq!(bodies(&stage.said(2).await)[1], "answer to status");
    stage.work.abort();
}

#[tokio::test]
async fn an_answer_is_sent_until_the_room_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    for event in ["1", "2", "3"] {
        refused(event)
            .respond_with(forbidden())
            .up_to_n_times(2)
            .with_priority(1)
            .mount(&stage.server)
            .await;
    }
    stage.hears("$1", ANNA, "!ferry dance");
    stage.hears("$2", ANNA, "!ferry status");
    stage.said(6).await;
    stage.owes_nothing().await;
    // A preview, too, and its code counts only then.
    stage.hears("$3", ANNA, "!ferry import");
    let said = stage.said(9).await;
    let code = said[8]["ferryman.code"].as_str().unwrap();
    assert_eq!(said[7]["ferryman.code"], code);
    while stage.store.waiting_as(code).unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.stop().await;
}

#[tokio::test]
async fn what_could_not_be_said_is_said_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    for event in ["1", "2", "3"] {
        refused(event)
            .respond_with(forbidden())
            .with_priority(1)
            .mount(&first.server)
            .await;
    }
    first.hears("$1", ANNA, "!ferry status");
    first.hears("$2", ANNA, "!ferry dance");
    first.hears("$3", ANNA, "!ferry import");
    first.said(3).await;
    first.stop().await;
    let second = stage(dir.path()).await;
    let mut said = second.said(3).await;
    said.sort_by_key(|it| it["m.relates_to"]["m.in_reply_to"]["event_id"].to_string());
    insta::assert_snapshot!(bodies(&said).join("\n"), @r"
    answer to status
    ✗ there is no command dance: `!ferry help` lists them

    dance
    ^^^^^
    Ferryman was restarted before it had shown what this order would do. Nothing was begun; send it again.
    ");
    second.owes_nothing().await;
    assert!(second.runner.ran.lock().unwrap().is_empty());
    second.stop().await;
    // Nobody is told what was of interest a day ago.
    let third = later_stage(dir.path(), NOW).await;
    assert!(third.said(0).await.is_empty());
    third.stop().await;
}

#[tokio::test]
async fn a_database_that_fails_for_a_while_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let database = rusqlite::Connection::open(dir.path().join("bot.sqlite")).unwrap();
    stage.hears("$1", ANNA, "!ferry verify");
    stage.said(1).await;
    database
        .execute("alter table queue rename to gone", [])
        .unwrap();
    stage.news.notify_one();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!stage.work.is_finished());
    database
        .execute("alter table gone rename to queue", [])
        .unwrap();
    stage.hears("$2", ANNA, "!ferry status");
    let said = stage.said(2).await;
    assert!(bodies(&said).contains(&"answer to status"), "{said:?}");
    stage.stop().await;
}

//! What the worker tells of itself.

use super::*;
use crate::monitor::health::Tally;

#[tokio::test]
async fn the_loop_turns_and_commands_are_counted_by_their_ends() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.health.entered();
    stage.hears("$1", "@anna:ferry.test", "!ferry status");
    stage.hears("$2", "@anna:ferry.test", "!ferry export");
    stage.hears("$3", "@anna:ferry.test", "!ferry dance");
    stage.hears("$4", "@eva:ferry.test", "!ferry status");
    stage.said(4).await;
    let health = Arc::clone(&stage.health);
    stage.stop().await;
    let tally = Tally {
        good: 1,
        failed: 2,
        refused: 1,
        ..Tally::default()
    };
    assert_eq!(health.tally(), tally);
    assert_eq!(health.ready(), Ok(()));
}

#[tokio::test]
async fn the_heart_sees_the_target_go_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    let health = Health::default();
    health.entered();
    let config = sample(dir.path());
    let client = Client::new(
        &stage.server.uri(),
        "AS".into(),
        &config.bot_id(),
        Duration::ZERO,
    );
    let (client, clock) = (client.unwrap(), Arc::clone(&stage.hands) as Arc<dyn Clock>);
    let whoami = || Mock::given(path_regex("/account/whoami"));
    let refused = ResponseTemplate::new(401).set_body_json(json!({"errcode": "M_UNKNOWN_TOKEN"}));
    whoami()
        .respond_with(refused)
        .up_to_n_times(1)
        .mount(&stage.server)
        .await;
    let once = Duration::from_secs(2);
    let beat = tokio::time::timeout(once, heart::beat(&client, &health, &clock)).await;
    assert!(beat.is_err());
    assert!(
        health
            .ready()
            .unwrap_err()
            .contains("does not answer the bot")
    );
    let known = ResponseTemplate::new(200).set_body_json(json!({"user_id": config.bot_id()}));
    whoami().respond_with(known).mount(&stage.server).await;
    let beat = tokio::time::timeout(once, heart::beat(&client, &health, &clock)).await;
    assert!(beat.is_err());
    assert_eq!(health.ready(), Ok(()));
    assert_eq!(health.tally().heartbeat_ts, NOW);
    stage.stop().await;
}

//! A long room of which only the last part is replayed: the deep past comes as backfill, and nothing is missing.

use ferryman::{
    demo::stage::Stage,
    lab::client::Client,
    migration::plan::{JoinPoint, Replayed, RoomAction},
};
use serde_json::json;

use crate::{
    journey::{assert_good, export, job},
    targets::tuwunel_or_skip,
};

/// Messages of the room, beside edits, reactions and redactions.
const MESSAGES: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deep_past_comes_as_backfill() {
    if !tuwunel_or_skip("history") {
        return;
    }
    let stage = Stage::set(true).await.unwrap();
    let room = long_room(stage.filled.user("bob"), stage.filled.user("carol")).await;
    let engine = stage.engine();
    export(&engine).await;

    let few = Replayed::Last(100);
    let plan = engine.plan(None, Some(few)).await.unwrap();
    let long = plan.rooms.iter().find(|it| it.room_id == room).unwrap();
    let RoomAction::Carry {
        join: JoinPoint::Recent { older, .. },
        ..
    } = long.action
    else {
        panic!("{long:?}");
    };
    assert!(
        (long.events - older) - 100 < 16,
        "{older} of {}",
        long.events
    );

    let imported = engine.import(&job(), None, Some(few)).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(imported.remote_joins, imported.rooms_carried);
    // Also without a word about the history, it goes on with what it began with.
    let again = engine.import(&job(), None, None).await.unwrap();
    assert_eq!((again.remote_joins, again.problems.len()), (0, 0));
    let other = engine
        .import(&job(), None, Some(Replayed::All))
        .await
        .unwrap_err();
    insta::assert_snapshot!(other, @"this import was begun with --history 100: go on without --history, for rooms that are joined can't be joined at another place");

    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    let long = verification.rooms.iter().find(|it| it.room_id == room);
    let long = long.unwrap();
    assert_eq!(long.same_order, Some(true));
    let [create] = long.timeline.known.as_slice() else {
        panic!("{long:?}");
    };
    assert!(create.contains("version 12 create event"), "{create}");
    assert_eq!(long.timeline.equal + 1, long.timeline.expected);
}

/// Two people talk, change the topic, edit, react, redact; one of them leaves for a while.
async fn long_room(one: &Client, other: &Client) -> String {
    let room = one
        .create_room(&json!({ "preset": "public_chat", "name": "Long" }))
        .await
        .unwrap();
    other.join(&room, None).await.unwrap();
    for number in 0..MESSAGES {
        let said = one.say(&room, &format!("message {number}")).await.unwrap();
        match number % 30 {
            3 => {
                let topic = json!({ "topic": format!("topic {number}") });
                let topic = one
                    .set_state(&room, "m.room.topic", "", &topic)
                    .await
                    .unwrap();
                // Redacted and replaced long before the join, it comes with the backfill.
                if number < 100 {
                    one.redact(&room, &topic, "not so").await.unwrap();
                }
            }
            7 => {
                let edit = json!({
                    "msgtype": "m.text", "body": "* better", "m.new_content": { "msgtype": "m.text", "body": "better" },
                    "m.relates_to": { "rel_type": "m.replace", "event_id": said },
                });
                one.send(&room, "m.room.message", &edit).await.unwrap();
            }
            11 => {
                let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": said, "key": "+" } });
                other.send(&room, "m.reaction", &reaction).await.unwrap();
            }
            13 => {
                one.redact(&room, &said, "mistake").await.unwrap();
            }
            17 => other.leave(&room).await.unwrap(),
            19 => other.join(&room, None).await.unwrap(),
            _ => {}
        }
    }
    room
}

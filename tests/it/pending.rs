//! Invites and knocks at rooms that nobody is in: the user sees on the target what Synapse showed them.

use ferryman::{
    demo::stage::Stage, engine::ExportOptions, lab::client::Client, report::page::page,
    secret::ExposeSecret,
};
use serde_json::{Value, json};

use crate::journey::{assert_good, job};

/// A user's `/sync`, of one room alone. `query` begins with `&`, or is empty.
pub(crate) async fn sync(client: &Client, query: &str, room: &str, since: Option<&str>) -> Value {
    let filter = json!({ "room": { "rooms": [room] }, "presence": { "types": [] } });
    let filter: String = url_encoded(&filter.to_string());
    let since = since.map_or_else(String::new, |since| format!("&since={since}"));
    let path = format!("/_matrix/client/v3/sync?timeout=0&filter={filter}{since}{query}");
    client.get(&path).await.unwrap()
}

fn url_encoded(text: &str) -> String {
    ferryman::http::encode(text)
}

/// The user waits at the door, and sees everything that they saw on Synapse; gives the place in their `/sync` up to which
/// that is told.
pub(crate) async fn is_as_on_synapse(
    stage: &Stage,
    client: &Client,
    query: &str,
    room: &str,
) -> String {
    let pending = &stage.filled.things.pending;
    let before = pending.iter().find(|pending| pending.room == room).unwrap();
    let answer = sync(client, query, room, None).await;
    let kind = before.membership;
    let seen = &answer["rooms"][kind][room][format!("{kind}_state")]["events"];
    let seen = seen.as_array().unwrap_or_else(|| panic!("{answer:#}"));
    let find = |event: &Value| {
        seen.iter()
            .find(|seen| seen["type"] == event["type"] && seen["state_key"] == event["state_key"])
    };
    for event in &before.stripped {
        let is_own_knock = kind == "knock" && event["state_key"] == before.user_id.as_str();
        let same = find(event).unwrap_or_else(|| panic!("no {event:#} in {seen:#?}"));
        assert_eq!(same["sender"], event["sender"]);
        if is_own_knock {
            assert_eq!(same["content"]["membership"], "knock");
            assert_eq!(same["content"]["reason"], event["content"]["reason"]);
        } else {
            assert_eq!(same["content"], event["content"]);
        }
    }
    answer["next_batch"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_knocks_again_at_a_stand_in() {
    let stage = Stage::set_wholly(false).await.unwrap();
    let engine = stage.engine();
    engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();
    let imported = engine.import(&job(), None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(imported.rooms_pending, 1);
    let stood_up = stage.filled.room("stood_up");
    let left = imported.rooms_skipped.iter();
    let left = left.clone().find(|room| room.room_id == stood_up).unwrap();
    assert!(
        left.reason.contains("from the inviter's own server alone"),
        "{left:?}"
    );

    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    let door = stage.filled.room("unanswered");
    let compared = verification.rooms.iter().find(|room| room.room_id == door);
    let compared = compared.unwrap();
    assert_eq!((compared.members.equal, compared.members.expected), (1, 1));
    // Create event, join rule and name.
    assert_eq!(compared.state.equal, 3, "{compared:?}");

    let ivan = format!("@ivan:{}", stage.names.server_name);
    let token = &stage.installation.tokens.puppets_as;
    let puppets = stage.target.anonymous();
    let puppet = puppets.with_token(&ivan, token.expose_secret());
    let query = format!("&user_id={}", url_encoded(&ivan));
    let since = is_as_on_synapse(&stage, &puppet, &query, door).await;
    let again = engine.import(&job(), None).await.unwrap();
    assert_eq!((again.remote_joins, again.rooms_pending), (0, 1));
    let later = sync(&puppet, &query, door, Some(&since)).await;
    assert!(later["rooms"]["knock"][door].is_null(), "{later:#}");
}

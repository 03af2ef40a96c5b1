//! What a target makes of the same new type and state key in several rooms at once.

use ferryman::{
    lab::{names::Names, target::Target},
    target::state_keys::StateKeys,
};
use futures::future::join_all;
use serde_json::json;

use crate::targets::tuwunel_or_skip;

/// As many as are carried at once.
const ROOMS: usize = 4;

const NOTES: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_brought_in_turn_is_found_in_every_room() {
    if !tuwunel_or_skip("new state keys") {
        return;
    }
    let names = Names::fresh().unwrap();
    let target = Target::tuwunel(&names, Vec::new()).await.unwrap();
    let anna = target.register("anna", "a password").await.unwrap();
    let room = async |_| anna.create_room(&json!({})).await.unwrap();
    let rooms: Vec<String> = join_all((0..ROOMS).map(room)).await;
    let state_keys = StateKeys::default();
    let mut lost = Vec::new();
    for (kind, in_turn) in [
        ("org.example.crowded", false),
        ("org.example.in_turn", true),
    ] {
        for note in 0..NOTES {
            let key = note.to_string();
            let brought = rooms.iter().map(async |room| {
                let bringing = if in_turn {
                    Some(state_keys.bring([(kind, key.as_str())]).await)
                } else {
                    None
                };
                let content = json!({ "note": note });
                anna.set_state(room, kind, &key, &content).await.unwrap();
                if let Some(bringing) = bringing {
                    bringing.met();
                }
            });
            join_all(brought).await;
        }
        let mut missing = 0;
        for room in &rooms {
            for note in 0..NOTES {
                let found = anna.state_content(room, kind, &note.to_string()).await;
                missing += usize::from(found.is_err());
            }
        }
        lost.push(missing);
    }
    let [crowded, in_turn] = lost[..] else {
        panic!("{lost:?}");
    };
    eprintln!(
        "of {} pieces of state, {crowded} were lost in a crowd",
        ROOMS * NOTES
    );
    assert_eq!(in_turn, 0);
}

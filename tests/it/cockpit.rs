//! The control room while a migration is driven from it: attachments of the plan, the thread below the progress, and the
//! chart at the end, read by the operator's client.

use std::time::Duration;

use ferryman::demo::{room::ControlRoom, stage::Stage};
use serde_json::Value;

use crate::{
    room::Running,
    targets::{Target, each_target},
};

/// A copy for somebody who wants to look at it.
fn keep(name: &str, bytes: &[u8]) {
    if let Ok(dir) = std::env::var("FERRYMAN_LAB_CHARTS") {
        std::fs::write(format!("{dir}/{name}"), bytes).unwrap();
    }
}

/// The bot's messages of this kind.
fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .map(|event| &event["content"])
        .filter(|content| content["msgtype"] == kind)
        .collect()
}

/// Big-endian, as PNG has its sizes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number * 256 + u64::from(*byte))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_room_shows_plan_thread_and_chart() {
    each_target("the cockpit", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let running = Running::start_with(&stage, &[("FERRYMAN_BOT_EDIT_EVERY_S", "1")]);
        let operator = &stage.target.operator;
        let mut room = ControlRoom::enter(operator).await.unwrap();
        let patience = Duration::from_mins(5);
        room.ask("export --act-as-users", patience).await.unwrap();
        let before = room.ask("plan", patience).await.unwrap().join("\n");
        assert!(before.contains("measured on another machine"), "{before}");
        room.ask("import", patience).await.unwrap();
        let after = room.ask("plan", patience).await.unwrap().join("\n");
        assert!(
            after.contains("by what earlier imports took here"),
            "{after}"
        );

        let events = operator.messages(room.room_id()).await.unwrap();
        let files: Vec<_> = of_kind(&events, "m.file")
            .into_iter()
            .map(|content| content["filename"].as_str().unwrap())
            .collect();
        for kind in ["-plan.md", "-plan.json", "-import.md", "-import.json"] {
            assert!(
                files.iter().any(|name| name.ends_with(kind)),
                "{kind}: {files:?}"
            );
        }

        // The root of the thread is the message that was edited, an answer to the order.
        let details: Vec<_> = of_kind(&events, "m.notice")
            .into_iter()
            .filter(|content| content["m.relates_to"]["rel_type"] == "m.thread")
            .collect();
        assert!(!details.is_empty());
        for content in &details {
            let below = &content["m.relates_to"]["event_id"];
            let edited = events
                .iter()
                .find(|event| event["event_id"] == *below)
                .unwrap();
            assert_eq!(edited["content"]["ferryman.part"], "progress");
        }
        let text: String = details
            .iter()
            .map(|it| it["body"].as_str().unwrap())
            .collect();
        assert!(text.contains("✓ rooms: all "), "{text}");

        let pictures = of_kind(&events, "m.image");
        let picture = pictures.last().unwrap();
        let words = picture["body"].as_str().unwrap();
        assert!(
            words.contains("rooms ") && words.starts_with("Chart of the import"),
            "{words}"
        );
        let uri = picture["url"].as_str().unwrap();
        let (kind, png) = operator.download(uri).await.unwrap();
        keep(&format!("real-{target:?}.png"), &png);
        assert_eq!(kind.as_deref(), Some("image/png"));
        assert!(png.starts_with(b"\x89PNG"));
        let info = &picture["info"];
        assert_eq!(info["size"], png.len());
        assert_eq!(
            (&info["w"], &info["h"]),
            (&number(&png[16..20]).into(), &number(&png[20..24]).into())
        );

        let pace = stage.installation.config.data_dir.join("pace.json");
        let pace = std::fs::read(pace).unwrap();
        keep(&format!("pace-{target:?}.json"), &pace);
        assert!(serde_json::from_slice::<Value>(&pace).unwrap()["rooms"]["ms"].is_u64());
        let said: Vec<String> = events
            .iter()
            .filter_map(|event| {
                event["content"]["formatted_body"]
                    .as_str()
                    .map(str::to_owned)
            })
            .collect();
        keep(
            &format!("said-{target:?}.html"),
            said.join("\n<hr>\n").as_bytes(),
        );
        drop(running);
    })
    .await;
}

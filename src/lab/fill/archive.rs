//! A room of version 10 with the events that break careless programs.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Town,
    diary::{Diary, SentEvent},
    talk::{edit, in_thread, reaction},
};
use crate::lab::Result;

/// Bytes of a message that bring its PDU close to 65,536, which is as large as one may be (with the rest of the PDU,
/// about 800 bytes).
const NEARLY_64_KIB: usize = 64_500;

/// The room's ID and its events by name.
pub(super) async fn archive(town: &Town) -> Result<(String, BTreeMap<&'static str, SentEvent>)> {
    let (erin, frank, carol) = (town.who("erin"), town.who("frank"), town.who("carol"));
    let room = erin
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Archive",
        }))
        .await?;
    town.gather(&room, "erin", &["carol", "dave", "frank"])
        .await?;
    let mut diary = Diary::of(&room);
    let message = "m.room.message";

    let body = "控制 \u{1}\u{8}\u{1b}[31m\u{7f}\u{85} 🚢👩‍🚀 \u{202e}back\u{202c} \u{fffd}\u{10ffff}";
    let text = json!({ "msgtype": "m.text", "body": body, "ключ": { "": ["\u{0}"] } });
    diary.send("controls", frank, message, text).await?;
    let integers = json!({
        "msgtype": "m.text",
        "body": "as large as canonical JSON has them",
        "n": [9_007_199_254_740_991_i64, -9_007_199_254_740_991_i64, 0],
    });
    diary.send("integers", frank, message, integers).await?;
    let large = json!({ "msgtype": "m.text", "body": "64 KiB! ".repeat(NEARLY_64_KIB / 8) });
    diary.send("large", carol, message, large).await?;

    let first = json!({ "msgtype": "m.text", "body": "I meant something else" });
    let first = diary.send("edited", carol, message, first).await?;
    diary
        .send("edit", carol, message, edit(&first, "I meant this"))
        .await?;
    diary
        .send("reaction", frank, "m.reaction", reaction(&first, "⛴️"))
        .await?;
    let regretted = json!({ "msgtype": "m.text", "body": "regretted", "secret": "gone" });
    diary.send("message", frank, message, regretted).await?;
    diary.redact("message", erin).await?;
    diary.redact("reaction", frank).await?;
    redacted_state(town, &mut diary).await?;

    let first = json!({ "msgtype": "m.text", "body": "root" });
    let first = diary.send("thread root", carol, message, first).await?;
    let threaded = in_thread(&first, &first, "in the thread");
    diary.send("threaded", frank, message, threaded).await?;
    let last = json!({ "msgtype": "m.text", "body": "after the thread" });
    diary.send("last", carol, message, last).await?;
    let events = diary.events;
    Ok((room, events))
}

/// A topic that is current, an older version of the power levels, and a membership that goes on.
async fn redacted_state(town: &Town, diary: &mut Diary<'_>) -> Result<()> {
    let (erin, frank) = (town.who("erin"), town.who("frank"));
    let kind = "m.room.power_levels";
    let mut levels = erin.state_content(diary.room, kind, "").await?;
    levels["users"][town.id("frank")] = json!(50);
    levels["notifications"] = json!({ "room": 20 });
    diary
        .set("older power levels", erin, (kind, ""), levels.clone())
        .await?;
    levels["users"][town.id("carol")] = json!(50);
    diary.set("power levels", erin, (kind, ""), levels).await?;
    diary.redact("older power levels", erin).await?;

    let member = json!({ "membership": "join", "displayname": "a name to regret" });
    let of_frank = ("m.room.member", town.id("frank"));
    diary.set("member", frank, of_frank, member).await?;
    diary.redact("member", erin).await?;

    let topic = json!({ "topic": "A topic that is gone" });
    diary
        .set("topic", erin, ("m.room.topic", ""), topic)
        .await?;
    diary.redact("topic", erin).await
}

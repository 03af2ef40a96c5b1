//! Rooms in which people talk in every way.

use ruma::RoomVersionId;
use serde_json::{Value, json};

use super::{ANNA, BEN, CARA, DORA, Draft};

const FAR: &str = "@far:elsewhere.test";

fn text(body: &str, relation: Value) -> Value {
    let mut content = json!({ "msgtype": "m.text", "body": body });
    if !relation.is_null() {
        content["m.relates_to"] = relation;
    }
    content
}

/// One room that keeps its ID, one that doesn't, and one in which not everybody sees everything.
pub(in super::super) fn talk() -> Vec<Draft> {
    vec![harbour(), island(), crew()]
}

fn harbour() -> Draft {
    let mut room = Draft::new("!harbour:ferry.test", RoomVersionId::V10, ANNA);
    for user in [BEN, CARA, DORA, FAR] {
        room.member(user, "join");
    }
    let mut say = |by: &str, kind: &str, content: &Value| room.event(by, kind, None, content);
    let message = "m.room.message";
    let hello = say(ANNA, message, &text("hello", Value::Null));
    let far = say(FAR, message, &text("from afar", Value::Null));
    say(DORA, message, &text("closed since", Value::Null));
    let reply = |id: &_| json!({ "m.in_reply_to": { "event_id": id } });
    let answer = say(BEN, message, &text("a reply", reply(&hello)));
    say(
        BEN,
        message,
        &text("a reply to one that is left", reply(&far)),
    );
    let of = |kind: &str, id: &_| json!({ "rel_type": kind, "event_id": id });
    let mut edit = text("* hello!", of("m.replace", &hello));
    edit["m.new_content"] = text("hello!", Value::Null);
    say(ANNA, message, &edit);
    let reaction = |id: &_| json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": id, "key": "⛴️" } });
    say(BEN, "m.reaction", &reaction(&hello));
    say(BEN, "m.reaction", &reaction(&far));
    say(ANNA, message, &text("in a thread", of("m.thread", &answer)));
    say(CARA, message, &text("of one who goes", Value::Null));
    let wrong = say(ANNA, message, &text("deleted", Value::Null));
    say(ANNA, "m.call.invite", &json!({ "call_id": "c" }));
    let sealed =
        json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "c", "session_id": "s" });
    say(BEN, "m.room.encrypted", &sealed);
    say(
        ANNA,
        "m.sticker",
        &json!({ "body": "ferry", "url": "mxc://ferry.test/aaimage" }),
    );
    room.redact(ANNA, &wrong);
    room.member(CARA, "leave");
    room
}

fn island() -> Draft {
    let mut room = Draft::new("", RoomVersionId::V12, BEN);
    room.member(ANNA, "join");
    room.says(ANNA, &["one"]);
    let sealed =
        json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "c", "session_id": "s" });
    room.event(BEN, "m.room.encrypted", None, &sealed);
    room.says(BEN, &["two"]);
    room
}

fn crew() -> Draft {
    // Whoever made it has left, and must not read what was said since.
    let mut room = Draft::new("!crew:ferry.test", RoomVersionId::V10, CARA);
    let joined = json!({ "history_visibility": "joined" });
    room.event(CARA, "m.room.history_visibility", Some(""), &joined);
    room.member(ANNA, "join");
    room.says(ANNA, &["before Ben came"]);
    room.member(BEN, "join");
    room.member(CARA, "leave");
    room.says(ANNA, &["after Ben came"]);
    room.says(BEN, &["here"]);
    room
}

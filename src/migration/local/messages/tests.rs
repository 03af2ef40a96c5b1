use ruma::{owned_event_id, owned_user_id, server_name};
use serde_json::{json, value::to_raw_value};

use super::*;

/// Anna and Ben are to be joined; Cara can act, but has left; Dora's account is closed.
fn walk(now: Openness, keeps_id: bool, gaps: &[&str]) -> Walk {
    let users = |all: &[&str]| all.iter().map(|it| (*it).try_into().unwrap()).collect();
    let terms = Terms {
        server_name: server_name!("x").to_owned(),
        able: users(&["@a:x", "@b:x", "@c:x"]),
        joined: users(&["@a:x", "@b:x"]),
        now,
        keeps_id,
    };
    Walk::new(
        terms,
        gaps.iter().map(|it| (*it).try_into().unwrap()).collect(),
    )
}

fn line(id: &str, by: &str, kind: &str, key: Option<&str>, content: &Value) -> EventLine {
    let mut pdu = json!({ "type": kind, "sender": by, "origin_server_ts": 5, "content": content });
    if let Some(key) = key {
        pdu["state_key"] = json!(key);
    }
    EventLine {
        room_id: "!r:x".try_into().unwrap(),
        event_id: id.try_into().unwrap(),
        outlier: false,
        rejected: false,
        soft_failed: false,
        redacted_by: None,
        ts: None,
        pdu: to_raw_value(&pdu).unwrap(),
    }
}

fn says(id: &str, by: &str) -> EventLine {
    line(id, by, "m.room.message", None, &json!({ "body": "b" }))
}

fn member(id: &str, user: &str, membership: &str) -> EventLine {
    let content = json!({ "membership": membership });
    line(id, user, "m.room.member", Some(user), &content)
}

fn visible(id: &str, to: &str) -> EventLine {
    let content = json!({ "history_visibility": to });
    line(id, "@a:x", wanted::VISIBILITY, Some(""), &content)
}

fn create() -> EventLine {
    line("$create", "@a:x", "m.room.create", Some(""), &json!({}))
}

fn told(walk: &mut Walk, line: &EventLine) -> String {
    match walk.pass(line, || Ok(None)).unwrap() {
        None => "nothing".to_owned(),
        Some(Fate::Sent(_)) => "sent".to_owned(),
        Some(Fate::Left(_, why)) => format!("{why:?}"),
    }
}

#[test]
fn what_people_see_is_sent_by_those_who_are_there() {
    let mut walk = walk(Openness::Shared, false, &[]);
    walk.pass(&create(), || Ok(None)).unwrap();
    let of = |kind: &str, content: &Value| line("$e", "@a:x", kind, None, content);
    let annotation = |id: &str| json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": id, "key": "k" } });
    let mut redacted = says("$gone", "@a:x");
    redacted.redacted_by = Some(owned_event_id!("$r"));
    let mut hidden = says("$hidden", "@a:x");
    hidden.soft_failed = true;
    let mut broken = says("$broken", "@a:x");
    broken.pdu = to_raw_value("nothing").unwrap();
    let all = [
        says("$first", "@a:x"),
        says("$e", "@c:x"),
        says("$e", "@d:x"),
        says("$e", "@far:y"),
        redacted,
        hidden,
        broken,
        of("m.room.encrypted", &json!({})),
        of("m.reaction", &annotation("$first")),
        of("m.reaction", &annotation("$gone")),
        of("org.matrix.msc3381.poll.start", &json!({})),
        of("m.call.invite", &json!({})),
        of("m.room.redaction", &json!({})),
        of("m.room.message", &json!({ "n": 1.5 })),
        of("m.room.message", &json!({ "msgtype": VERIFICATION })),
        line("$e", "@a:x", "m.room.topic", Some(""), &json!({})),
    ];
    let all: Vec<_> = all.iter().map(|line| told(&mut walk, line)).collect();
    insta::assert_snapshot!(all.join(" "), @"sent Gone Closed Remote Redacted nothing Unreadable Encrypted sent Related sent Other nothing Unreadable Other nothing");
    let mut walk = self::walk(Openness::Shared, true, &[]);
    walk.pass(&create(), || Ok(None)).unwrap();
    assert_eq!(told(&mut walk, &of("m.room.encrypted", &json!({}))), "sent");
}

#[test]
fn nobody_sees_more_than_before() {
    let run = |now: Openness, lines: &[EventLine]| {
        let mut walk = walk(now, true, &[]);
        let all = lines.iter().map(|line| told(&mut walk, line));
        all.filter(|told| told != "nothing")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lines = [
        says("$0", "@a:x"),
        create(),
        member("$m1", "@a:x", "join"),
        says("$1", "@a:x"),
        visible("$v1", "joined"),
        says("$2", "@a:x"),
        member("$m2", "@b:x", "join"),
        says("$3", "@a:x"),
        member("$m3", "@c:x", "join"),
        member("$m4", "@c:x", "leave"),
        says("$4", "@a:x"),
        member("$m5", "@b:x", "leave"),
        says("$5", "@a:x"),
        visible("$v2", "world_readable"),
        says("$6", "@a:x"),
    ];
    insta::assert_snapshot!(run(Openness::Joined, &lines), @"Hidden sent Hidden sent sent Hidden sent");
    insta::assert_snapshot!(run(Openness::Invited, &lines), @"Hidden sent Hidden Hidden Hidden Hidden sent");
    insta::assert_snapshot!(run(Openness::Shared, &lines), @"Hidden sent Hidden Hidden Hidden Hidden sent");
    insta::assert_snapshot!(run(Openness::World, &lines), @"Hidden Hidden Hidden Hidden Hidden Hidden sent");
}

#[test]
fn behind_a_gap_it_goes_by_the_state_there() {
    let mut walk = walk(Openness::Joined, true, &["$1"]);
    let mut known = [
        member("$m1", "@a:x", "join"),
        member("$m2", "@b:x", "join"),
        visible("$v", "joined"),
    ];
    for line in &mut known {
        line.outlier = true;
        assert_eq!(told(&mut walk, line), "nothing");
    }
    assert_eq!(told(&mut walk, &says("$0", "@a:x")), "Hidden");
    let state = ["$m1", "$m2", "$v"]
        .map(|id| id.try_into().unwrap())
        .to_vec();
    let fate = walk.pass(&says("$1", "@a:x"), || Ok(Some(state))).unwrap();
    assert!(
        matches!(fate, Some(Fate::Sent(message)) if message.sender == owned_user_id!("@a:x") && message.ts == 5)
    );
}

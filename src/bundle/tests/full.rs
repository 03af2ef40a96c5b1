//! A bundle with every file that there is.

use super::*;
use crate::{
    model::{media::MediaRef, snapshot::Snapshot, wanted::Media},
    secret::SecretString,
};

/// Writes it with at least one entry in every file.
pub(super) fn write(out: &Path) {
    let mut origin = origin();
    origin.wanted.media = Media::All;
    origin.wanted.password_hashes = true;
    let mut writer = BundleWriter::create(out, origin).unwrap();
    let user = r#"{"user_id":"@a:example.org","displayname":"Ä","is_admin":true,"creation_ts":1700000000000,
        "threepids":[{"medium":"email","address":"a@example.org"}]}"#;
    let mut user = UserRecord::new(serde_json::from_str(user).unwrap());
    let from = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    user.account_data = serde_json::from_str(r#"{"global":{"m.direct":{}}}"#).unwrap();
    user.push_rules.room = vec![from("{}")];
    user.pushers = vec![from("{}")];
    let receipt = r#"{"!a:example.org":[{"receipt_type":"m.read","event_id":"$1"}]}"#;
    user.receipts = serde_json::from_str(receipt).unwrap();
    let device = r#"[{"device_id":"D","display_name":"Phone","last_seen_ts":1700000000000}]"#;
    user.devices = serde_json::from_str(device).unwrap();
    user.device_keys = [("D".into(), raw("{}"))].into();
    user.cross_signing.master_key = Some(raw("{}"));
    let pending = r#"[{"user_id":"@a:example.org","room_id":"!c:example.org","membership":"invite","event_id":"$i"}]"#;
    user.pending = serde_json::from_str(pending).unwrap();
    user.password_hash = Some(SecretString::from("$2b$12$hash"));
    writer.user(&user).unwrap();
    let backup = r#"{"user_id":"@a:example.org","version":"1","algorithm":"m","auth_data":{}}"#;
    writer
        .key_backup(&serde_json::from_str(backup).unwrap())
        .unwrap();
    for (mut room, events) in sample() {
        writer.events(&events).unwrap();
        writer
            .snapshot(&Snapshot {
                room_id: room.room.room_id.clone(),
                event_id: "$1".try_into().unwrap(),
                state_before: vec!["$0".try_into().unwrap()],
            })
            .unwrap();
        room.room.public = Some(true);
        room.state = Some(vec![raw(
            r#"{"type":"m.room.name","state_key":"","content":{"name":"x"}}"#,
        )]);
        writer.room(&room).unwrap();
    }
    let item: MediaRef = serde_json::from_str(r#"{"media_id":"abcdefgh"}"#).unwrap();
    writer
        .media(item, Some(&mut &b"picture"[..]))
        .unwrap()
        .unwrap();
    writer.server_keys("example.org".try_into().unwrap(), raw("{}"));
    writer.problem(Problem {
        step: "room state".into(),
        subject: "!x:example.org".into(),
        reason: "gone".into(),
    });
    writer
        .finish(&|_, _| "<p>".to_owned(), &mut |_, _| {})
        .unwrap();
}

/// Changes files of a directory bundle and makes its manifest fit again.
pub(super) fn forge(dir: &Path, name: &str, content: &[u8]) {
    fs::write(dir.join(name), content).unwrap();
    let manifest = manifest::of(dir, &mut |_| {}).unwrap();
    fs::write(
        dir.join("manifest.json"),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
}

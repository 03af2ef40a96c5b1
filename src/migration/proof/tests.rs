//! A bundle proved from within: each kind of fault is found and named.

use std::{fs, path::Path};

use ruma::{CanonicalJsonObject, OwnedServerName, RoomVersionId, signatures::hash_and_sign_event};
use serde_json::{Value, json, value::to_raw_value};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    bundle::{BundleWriter, Origin, RoomRecord, SourceKind, UserRecord},
    hex::hex,
    model::wanted::Wanted,
    resident::Identity,
};

const ROOM: &str = "!a:example.org";

/// A bundle with one room of signed events; `spoil` may change each before it is written.
fn bundle(out: &Path, spoil: impl Fn(usize, &mut Value, &mut EventLine)) -> Bundle {
    bundle_with(out, spoil, |_| {})
}

/// The same, with something else in it.
fn bundle_with(
    out: &Path,
    spoil: impl Fn(usize, &mut Value, &mut EventLine),
    add: impl FnOnce(&mut BundleWriter),
) -> Bundle {
    let tmp = tempfile::tempdir().unwrap();
    let name: OwnedServerName = "example.org".try_into().unwrap();
    let identity = Identity::load(name.clone(), &tmp.path().join("key")).unwrap();
    let rules = pdu::rules(&RoomVersionId::V10).unwrap();
    let mut events = Vec::new();
    for number in 0..3_usize {
        let pdu = json!({
            "type": "m.room.message", "sender": "@a:example.org", "room_id": ROOM, "depth": number + 1,
            "origin_server_ts": 1000 + number, "prev_events": [], "auth_events": [],
            "content": { "body": number.to_string() },
        });
        let mut object: CanonicalJsonObject = serde_json::from_value(pdu).unwrap();
        hash_and_sign_event(name.as_str(), &identity.key, &mut object, &rules.redaction).unwrap();
        let mut pdu = serde_json::to_value(&object).unwrap();
        let raw = to_raw_value(&pdu).unwrap();
        let mut line = EventLine {
            room_id: ROOM.try_into().unwrap(),
            event_id: pdu::event_id(&raw, &RoomVersionId::V10).unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            pdu: raw,
        };
        spoil(number, &mut pdu, &mut line);
        line.pdu = to_raw_value(&pdu).unwrap();
        events.push(line);
    }
    let origin = Origin {
        source: SourceKind::AdminApi,
        synapse_version: None,
        server_name: name.clone(),
        exported_ts: 1,
        stream_position: None,
        wanted: Wanted::default(),
    };
    let mut writer = BundleWriter::create(out, origin).unwrap();
    add(&mut writer);
    let user = serde_json::from_str(r#"{"user_id":"@a:example.org"}"#).unwrap();
    writer.user(&UserRecord::new(user)).unwrap();
    writer.events(&events).unwrap();
    let room = json!({ "room_id": ROOM, "version": "10", "event_count": 3 });
    let record = RoomRecord {
        room: serde_json::from_value(room).unwrap(),
        state: None,
        memberships: None,
        aliases: Vec::new(),
        disordered: false,
    };
    writer.room(&record).unwrap();
    let key = json!({ "server_name": name, "verify_keys": { identity.key_id(): { "key": identity.public_key() } } });
    writer.server_keys(name, to_raw_value(&key).unwrap());
    writer
        .finish(&|_, _| String::new(), &mut |_, _| {})
        .unwrap();
    Bundle::open(out, &out.with_extension("work")).unwrap()
}

/// Writes a file of a directory bundle, and what the manifest says of it.
fn forge(dir: &Path, name: &str, content: &str) {
    fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
    fs::write(dir.join(name), content).unwrap();
    let path = dir.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest[name] = json!(hex(&Sha256::digest(content)));
    fs::write(path, manifest.to_string()).unwrap();
}

fn proved(spoil: impl Fn(usize, &mut Value, &mut EventLine)) -> Proof {
    let tmp = tempfile::tempdir().unwrap();
    let bundle = bundle(&tmp.path().join("b"), spoil);
    prove(&bundle, &Job::new().0).unwrap()
}

fn faults(proof: &Proof) -> String {
    let lines = proof.faults.iter();
    let lines = lines.map(|fault| format!("{}: {}", fault.step, fault.reason));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_right_is_counted() {
    let proof = proved(|_, _, _| {});
    assert!(proof.is_good(), "{proof:#?}");
    assert_eq!((proof.users, proof.rooms, proof.events), (1, 1, 3));
    assert_eq!((proof.signed, proof.no_key), (3, 0));
}

#[test]
fn an_event_that_is_not_what_its_id_says() {
    let proof = proved(|number, pdu, _| {
        if number == 1 {
            pdu["depth"] = json!(77);
        }
    });
    assert!(!proof.is_good());
    assert_eq!(proof.signed, 2);
    let said = faults(&proof);
    assert!(said.starts_with("event: by its content it is $"), "{said}");
    assert!(said.ends_with(": export again"), "{said}");
}

#[test]
fn a_signature_that_is_another_events() {
    let other = std::cell::RefCell::new(Value::Null);
    let proof = proved(|number, pdu, _| {
        if number == 0 {
            *other.borrow_mut() = pdu["signatures"].clone();
        } else if number == 1 {
            // A signature is no part of what the ID is made of.
            pdu["signatures"] = other.borrow().clone();
        }
    });
    assert_eq!((proof.signed, proof.faults.len()), (2, 1));
    insta::assert_snapshot!(faults(&proof), @"event: its signature is wrong (ed25519 signature verification failed: signature error: Verification equation was not satisfied): no other server will take it; export again, and if that changes nothing, it was so on Synapse");
}

#[test]
fn a_redacted_event_keeps_its_signature() {
    let proof = proved(|number, pdu, line| {
        if number == 2 {
            pdu["content"] = json!({});
            line.redacted_by = Some("$r".try_into().unwrap());
        }
    });
    assert!(proof.is_good(), "{proof:#?}");
}

#[test]
fn a_content_that_was_not_signed_is_a_fault() {
    let spoil = |number: usize, pdu: &mut Value, _: &mut EventLine| {
        if number == 1 {
            // The ID and the signature are made of what a redaction leaves.
            pdu["content"]["body"] = json!("never said");
        }
    };
    let proof = proved(spoil);
    assert!(!proof.is_good());
    assert_eq!((proof.signed, proof.no_key, proof.faults.len()), (2, 0, 1));
    insta::assert_snapshot!(faults(&proof), @"event: its content is not the one that was signed: the target will empty it; export again");

    // The export kept it because Synapse has it so.
    let id = proof.faults[0].subject.clone();
    let tmp = tempfile::tempdir().unwrap();
    let bundle = bundle_with(&tmp.path().join("b"), spoil, |writer| {
        writer.problem(Problem::new(Problem::EVENT_CONTENT, &id, "it differs"));
    });
    let proof = prove(&bundle, &Job::new().0).unwrap();
    assert_eq!((proof.problems, proof.faults.len()), (1, 1));
    insta::assert_snapshot!(faults(&proof), @"event: Synapse has it with another content than was signed (problems.json): the target will empty it; another export changes nothing");
}

#[test]
fn the_membership_of_an_erased_user_has_lost_its_name() {
    let may_differ = |content: Value, key: &str, kept: &[&str]| {
        let known = Known {
            keys: PublicKeyMap::new(),
            changed: BTreeSet::new(),
            server_name: "example.org".try_into().unwrap(),
            kept: kept
                .iter()
                .map(|user| (*user).try_into().unwrap())
                .collect(),
        };
        let pdu = json!({ "type": "m.room.member", "state_key": key, "content": content, "unsigned": {} });
        let rules = pdu::rules(&RoomVersionId::V10).unwrap();
        known.may_differ(serde_json::from_value(pdu).unwrap(), &rules)
    };
    let erased = "@a:example.org";
    let content = json!({ "membership": "leave", "reason": "bye" });
    assert!(may_differ(content.clone(), erased, &[]));
    assert!(!may_differ(content.clone(), erased, &[erased]));
    assert!(!may_differ(content, "@a:elsewhere.org", &[]));
    let named = json!({ "membership": "join", "displayname": "A" });
    assert!(!may_differ(named, erased, &[]));
    // What a redaction leaves may be anybody's.
    assert!(may_differ(
        json!({ "membership": "join" }),
        erased,
        &[erased]
    ));
}

#[test]
fn a_room_of_unknown_version_is_not_called_checked() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    drop(bundle(&out, |_, _, _| {}));
    let rooms = fs::read_to_string(out.join("rooms.json")).unwrap();
    for version in ["null", "\"org.example.own\""] {
        let rooms = rooms.replace("\"version\":\"10\"", &format!("\"version\":{version}"));
        forge(&out, "rooms.json", &rooms);
        let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
        let proof = prove(&bundle, &Job::new().0).unwrap();
        assert_eq!((proof.signed, proof.no_version), (0, 3), "{version}");
    }
}

#[test]
fn a_key_that_is_not_there_is_no_fault() {
    let proof = proved(|number, pdu, _| {
        if number == 1 {
            let signatures = pdu["signatures"]["example.org"].take();
            let signature = signatures.as_object().unwrap().values().next().unwrap();
            pdu["signatures"] = json!({ "example.org": { "ed25519:lost": signature } });
        }
    });
    assert!(proof.is_good());
    assert_eq!((proof.signed, proof.no_key), (2, 1));
}

#[test]
fn numbers_that_do_not_agree() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    drop(bundle(&out, |_, _, _| {}));
    let rooms = fs::read_to_string(out.join("rooms.json")).unwrap();
    let rooms = rooms.replace("\"event_count\":3", "\"event_count\":4");
    forge(&out, "rooms.json", &rooms);
    forge(
        &out,
        "media_refs.json",
        r#"[{"media_id":"abcdefgh","length":9}]"#,
    );
    forge(&out, "media/ab/cd/efgh", "picture");
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    let proof = prove(&bundle, &Job::new().0).unwrap();
    insta::assert_snapshot!(faults(&proof), @r"
    room: rooms.json says 4 events, and there are 3: export again
    media: it has 7 bytes instead of the 9 that media_refs.json says: export again
    ");
}

#[test]
fn many_faults_are_counted() {
    let mut proof = Proof::default();
    for number in 0..10_000 {
        proof.fault("event", &number.to_string(), "wrong".to_owned());
    }
    assert_eq!(proof.faults.len() as u64 + proof.more, 10_000);
    assert!(proof.faults.len() < 2_000);
}

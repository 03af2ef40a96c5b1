//! Bundles of the Python toolkit are read as they are.

mod generator;

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId};
use serde::Deserialize;
use serde_json::Value;

use self::generator::{Old, Packed, any_run, pack};
use super::*;
use crate::model::device::Device;

#[derive(Debug, Default, Deserialize)]
struct Devices {
    devices: Vec<Device>,
}

/// The bundle in a new folder, in one of its forms.
fn laid(old: &Old, form: Packed, around: bool) -> (tempfile::TempDir, PathBuf) {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("files");
    fs::create_dir(&dir).unwrap();
    old.write(&dir);
    if form == Packed::No {
        return (tmp, dir);
    }
    let out = tmp.path().join("synapse-export-20250827T090000Z.tar.zst");
    pack(&dir, &out, form, around);
    (tmp, out)
}

fn opened(old: &Old) -> (tempfile::TempDir, crate::Result<Bundle>) {
    let (tmp, path) = laid(old, Packed::Zstd, true);
    let bundle = Bundle::open(&path, &tmp.path().join("work"));
    (tmp, bundle)
}

/// Whether what is read is what was written, or fails where that says so.
fn same(read: crate::Result<Value>, written: &Value, path: &str) {
    match (read, written["_error"].as_str()) {
        (Ok(read), None) => assert_eq!(read, *written, "{path}"),
        (Err(error), Some(reason)) => {
            let text = error.to_string();
            assert!(
                text.contains(&format!(
                    "because its export failed ({reason}): export again"
                )),
                "{text}"
            );
        }
        (read, _) => panic!("{path}: {read:?} of {written}"),
    }
}

/// Everything that was written is what is read.
fn check(old: &Old, bundle: &Bundle) {
    assert_eq!(bundle.schema().exporter_version, 1);
    assert_eq!(bundle.server_name(), "example.org");
    let users = bundle.users().unwrap();
    assert_eq!(users.len(), old.users.len());
    for (read, written) in users.iter().zip(&old.users) {
        assert_eq!(written["user_id"], read.user_id.as_str());
        assert_eq!(written["displayname"].as_str(), read.displayname.as_deref());
        assert_eq!(
            written["is_admin"].as_bool().unwrap_or_default(),
            read.is_admin
        );
        assert_eq!(written["deactivated"].as_bool().unwrap(), read.deactivated);
        assert_eq!(
            written["shadow_banned"].as_bool().unwrap_or_default(),
            read.shadow_banned
        );
        assert_eq!(written["creation_ts"].as_u64(), read.creation_ts);
        assert_eq!(
            written["threepids"].as_array().cloned().unwrap_or_default(),
            read.threepids
        );
    }
    let rooms = bundle.rooms().unwrap();
    assert_eq!(rooms.len(), old.rooms.len());
    for (read, written) in rooms.iter().zip(&old.rooms) {
        let id = &read.room_id;
        assert_eq!(written["room_id"], id.as_str());
        assert_eq!(written["name"].as_str(), read.name.as_deref());
        let alias = written["canonical_alias"].as_str();
        let alias = alias.and_then(|alias| OwnedRoomAliasId::try_from(alias).ok());
        assert_eq!(alias, read.canonical_alias);
        assert_eq!(
            written["creator"].as_str(),
            read.creator.as_ref().map(|id| id.as_str())
        );
        assert_eq!(written["join_rules"].as_str(), read.join_rules.as_deref());
        assert_eq!(
            written["guest_access"].as_str(),
            read.guest_access.as_deref()
        );
        assert_eq!(
            written["history_visibility"].as_str(),
            read.history_visibility.as_deref()
        );
        assert_eq!(written["federatable"].as_bool(), read.federatable);
        assert_eq!(written["public"].as_bool(), read.public);
        assert_eq!(read.version, Some(RoomVersionId::V10));
        let members = bundle
            .memberships(id)
            .map(|members| serde_json::to_value(members).unwrap());
        same(members, &old.memberships[id.as_str()], "memberships.json");
        let state = &old.room_state[id.as_str()];
        match bundle.room_state(id) {
            Ok(read) => assert_eq!(serde_json::to_value(read).unwrap(), *state),
            Err(error) => {
                assert_eq!(*state, serde_json::json!([]));
                assert!(
                    error
                        .to_string()
                        .contains("room_state.json has no events of"),
                    "{error}"
                );
            }
        }
        assert_eq!(bundle.events(id).unwrap().count(), 0);
    }
    for written in &old.users {
        let user = OwnedUserId::try_from(written["user_id"].as_str().unwrap()).unwrap();
        let read = bundle.of_user::<Devices>(OfUser::Devices, &user);
        let Some(devices) = &old.devices else {
            assert!(read.unwrap().devices.is_empty());
            continue;
        };
        let written = &devices[user.as_str()];
        let names = |list: Vec<(String, Option<String>)>| serde_json::to_value(list).unwrap();
        match written["devices"].as_array() {
            Some(written) => {
                let written = written.iter().map(|device| {
                    let name = device["display_name"].as_str().map(str::to_owned);
                    (device["device_id"].as_str().unwrap().to_owned(), name)
                });
                let read = read.unwrap().devices.into_iter();
                let read = read.map(|device| (device.device_id, device.display_name));
                assert_eq!(names(read.collect()), names(written.collect()));
            }
            None => same(read.map(|_| Value::Null), written, "devices.json"),
        }
    }
    let aliases = old.aliases.iter().filter_map(|(alias, room)| {
        let alias = OwnedRoomAliasId::try_from(alias.as_str()).ok()?;
        let room = OwnedRoomId::try_from(room.as_str()?).ok()?;
        (alias.server_name() == "example.org").then_some((alias, room))
    });
    assert_eq!(bundle.aliases().unwrap(), aliases.collect());
}

/// What version 1 doesn't have is nothing, not a failure.
fn check_the_rest(bundle: &Bundle) {
    assert!(bundle.media().unwrap().is_empty());
    assert!(bundle.directory().unwrap().is_empty());
    assert!(bundle.server_keys().unwrap().is_empty());
    assert!(bundle.problems().unwrap().is_empty());
    assert_eq!(bundle.key_backups().unwrap().count(), 0);
    assert_eq!(bundle.state_snapshots().unwrap().count(), 0);
    assert!(
        bundle
            .media_content("aabbcccccccccccccccccccc")
            .unwrap()
            .is_none()
    );
}

#[test]
fn the_sample_is_read_in_every_form() {
    let old = Old::sample();
    for (form, around) in [
        (Packed::No, false),
        (Packed::Tar, false),
        (Packed::Tar, true),
        (Packed::Zstd, false),
        (Packed::Zstd, true),
    ] {
        let (tmp, path) = laid(&old, form, around);
        let bundle = Bundle::open(&path, &tmp.path().join("work")).unwrap();
        check(&old, &bundle);
        check_the_rest(&bundle);
    }
}

#[test]
fn what_the_toolkit_could_not_read_is_said() {
    let (_tmp, bundle) = opened(&Old::sample());
    let bundle = bundle.unwrap();
    let refused = OwnedRoomId::try_from("!refused:example.org").unwrap();
    let unknown = OwnedRoomId::try_from("!unknown:example.org").unwrap();
    let user = OwnedUserId::try_from("@b:example.org").unwrap();
    let said = |error: Error| match error {
        Error::Bundle { reason, .. } => reason,
        other => panic!("{other}"),
    };
    insta::assert_snapshot!(said(bundle.memberships(&refused).unwrap_err()), @"memberships.json has no data of !refused:example.org, because its export failed (HTTP 403: not in room): export again");
    insta::assert_snapshot!(said(bundle.room_state(&refused).unwrap_err()), @"room_state.json has no events of !refused:example.org, because its export failed: export again");
    insta::assert_snapshot!(said(bundle.room_state(&unknown).unwrap_err()), @"!unknown:example.org is not in room_state.json: its export failed (problems.json says why); export again");
    insta::assert_snapshot!(said(bundle.of_user::<Devices>(OfUser::Devices, &user).unwrap_err()), @"devices.json has no data of @b:example.org, because its export failed (HTTP 500): export again");
}

#[test]
fn a_server_without_users_has_no_name() {
    let mut old = Old::sample();
    old.users.clear();
    insta::assert_snapshot!(reason(opened(&old).1), @"users.json is empty, so nothing says which server it is from: export again");
}

#[test]
fn what_the_manifest_lists_has_to_be_there_and_as_it_was() {
    let damaged = |damage: &dyn Fn(&Path)| {
        let (tmp, dir) = laid(&Old::sample(), Packed::No, false);
        damage(&dir);
        reason(Bundle::open(&dir, &tmp.path().join("work")))
    };
    for name in [
        "users.json",
        "rooms.json",
        "room_state.json",
        "memberships.json",
        "aliases.json",
        "devices.json",
        "metadata.json",
        "media_refs.json",
    ] {
        let end = "copy the bundle again, or export again";
        assert_eq!(
            damaged(&|dir| fs::remove_file(dir.join(name)).unwrap()),
            format!("{name} is missing: {end}")
        );
        assert_eq!(
            damaged(&|dir| fs::write(dir.join(name), "{}").unwrap()),
            format!("{name} does not match its checksum in manifest.json: {end}")
        );
    }
    insta::assert_snapshot!(damaged(&|dir| fs::write(dir.join("pushers.json"), "{}").unwrap()), @"pushers.json is not in manifest.json: copy the bundle again, or export again");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_run_of_the_toolkit_is_read(old in any_run(), form in prop_oneof![Just(Packed::No), Just(Packed::Tar), Just(Packed::Zstd)], around in any::<bool>()) {
        let (tmp, path) = laid(&old, form, around);
        let bundle = Bundle::open(&path, &tmp.path().join("work")).unwrap();
        check(&old, &bundle);
        check_the_rest(&bundle);
    }
}

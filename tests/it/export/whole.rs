//! Everything that was made on a Synapse is in the bundle, and nothing else.

mod rooms;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use ferryman::{
    bundle::{Bundle, OfUser},
    lab::{fill::Filled, path::path},
    model::{
        account_data::AccountData, cross_signing::CrossSigning, event_line::EventLine,
        key_backup::KeyBackupLine, pending::Pending, push_rules::PushRules, receipt::Receipt,
    },
};
use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Value, json, value::RawValue};

use self::rooms::{events, gaps, left_room, rooms};
pub(super) use self::rooms::{is_complete, timeline};
use super::source::{Export, Source, Way};

/// All of it, as far as this way shows it.
pub(super) async fn is_told(source: &Source, bundle: &Bundle, way: Way) {
    let filled = &source.filled;
    assert!(bundle.schema().complete);
    accounts(filled, bundle);
    keys(filled, bundle);
    backups(filled, bundle);
    account_data(filled, bundle, way);
    push(filled, bundle);
    receipts(filled, bundle);
    pending(filled, bundle);
    media(filled, bundle, way);
    rooms(source, bundle).await;
    events(source, bundle).await;
    left_room(filled, bundle);
    gaps(filled, bundle);
}

/// What the operator reads, and the list of problems: only of two events that nobody can check.
pub(super) fn is_said(source: &Source, export: &Export, way: Way) {
    let counts = source.filled.counts;
    let exported = format!(
        "Exported {} accounts, {} rooms and {} events in ",
        counts.users,
        counts.rooms,
        thousands(counts.events)
    );
    assert!(
        export.said.contains(&exported),
        "{exported}: {}",
        export.said
    );
    let odd = ["odd values in version 1", "odd values in version 5"]
        .map(|name| &source.filled.things.events[name].event_id);
    let mut expected = odd.map(|event| {
        format!(
            "event content: {event}: it has numbers that canonical JSON doesn't have, so its content hash can't be \
             checked"
        )
    });
    expected.sort();
    let mut found = export.problem_lines();
    found.sort();
    assert_eq!(found, expected);
    assert!(
        export.said.contains("2 things could not be done"),
        "{}",
        export.said
    );
    assert_eq!(export.code, Some(8));
    let hidden = export
        .said
        .contains("What this way of reading does not show");
    assert_eq!(hidden, way == Way::Api, "{}", export.said);
}

fn thousands(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}

/// Every user's devices, as Synapse lists them.
pub(super) async fn sessions(source: &Source) -> BTreeMap<String, BTreeSet<String>> {
    let mut devices = BTreeMap::new();
    for id in source.filled.things.accounts.keys() {
        let served = path("/_synapse/admin/v2/users", &[id, "devices"]);
        let served = source.filled.admin().get(&served).await.unwrap();
        let of_user = served["devices"].as_array().unwrap().iter();
        let of_user = of_user.map(|device| device["device_id"].as_str().unwrap().to_owned());
        devices.insert(id.clone(), of_user.collect());
    }
    devices
}

fn of<T: serde::de::DeserializeOwned + Default>(bundle: &Bundle, file: OfUser, user: &str) -> T {
    bundle.of_user(file, user.try_into().unwrap()).unwrap()
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap()
}

fn accounts(filled: &Filled, bundle: &Bundle) {
    let users = bundle.users().unwrap();
    assert!(users.is_sorted_by_key(|user| user.user_id.as_str()));
    assert_eq!(users.len(), filled.things.accounts.len());
    for user in users {
        let id = user.user_id.as_str();
        let made = &filled.things.accounts[id];
        let flags = [
            user.is_admin,
            user.locked,
            user.suspended,
            user.shadow_banned,
        ];
        assert_eq!(
            flags,
            [made.admin, made.locked, made.suspended, made.shadow_banned],
            "{id}"
        );
        let flags = [user.deactivated, user.erased, user.is_guest];
        assert_eq!(
            flags,
            [made.deactivated, made.erased, made.is_guest],
            "{id}"
        );
        assert_eq!(user.user_type.as_deref(), made.user_type, "{id}");
        assert_eq!(user.appservice_id.as_deref(), made.appservice_id, "{id}");
        assert_eq!(user.threepids.len(), made.threepids.len(), "{id}");
        assert_eq!(user.external_ids.len(), made.external_ids.len(), "{id}");
        assert_eq!(json!(user.profile), json!(made.profile), "{id}");
        let devices: Value = of(bundle, OfUser::Devices, id);
        let devices = devices["devices"].as_array().cloned().unwrap_or_default();
        let found: BTreeMap<&str, Option<&str>> = devices
            .iter()
            .map(|device| {
                (
                    device["device_id"].as_str().unwrap(),
                    device["display_name"].as_str(),
                )
            })
            .collect();
        let made = filled.things.devices.get(id).into_iter().flatten();
        let made: BTreeMap<&str, Option<&str>> = made
            .map(|(device, made)| (device.as_str(), made.display_name.as_deref()))
            .collect();
        assert_eq!(found, made, "{id}");
    }
    let found: BTreeSet<String> = bundle
        .directory()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, filled.things.directory.published);
}

fn keys(filled: &Filled, bundle: &Bundle) {
    for (id, devices) in &filled.things.devices {
        let found: BTreeMap<String, Value> = of(bundle, OfUser::DeviceKeys, id);
        let made: BTreeMap<String, Value> = devices
            .iter()
            .filter_map(|(device, made)| Some((device.clone(), made.keys.clone()?)))
            .collect();
        assert_eq!(found, made, "{id}");
    }
    for id in filled.things.accounts.keys() {
        let found: CrossSigning = of(bundle, OfUser::CrossSigning, id);
        let Some(made) = filled.things.cross_signing.get(id) else {
            assert!(found.is_empty(), "{id}: {found:?}");
            continue;
        };
        let mut master = made.master.clone();
        let signers = master["signatures"].as_object_mut().unwrap();
        let others: Vec<String> = signers
            .keys()
            .filter(|signer| *signer != id)
            .cloned()
            .collect();
        for signer in others {
            let key = master["keys"].as_object().unwrap().values().next().unwrap();
            let signed = json!({ key.as_str().unwrap(): made.master["signatures"][&signer] });
            let by: CrossSigning = of(bundle, OfUser::CrossSigning, &signer);
            let user: OwnedUserId = id.as_str().try_into().unwrap();
            assert_eq!(
                json!(by.signed_users[&user]),
                signed,
                "{signer} has verified {id}"
            );
        }
        master["signatures"]
            .as_object_mut()
            .unwrap()
            .retain(|signer, _| signer == id);
        assert_eq!(value(&found.master_key.unwrap()), master, "{id}");
        assert_eq!(
            value(&found.self_signing_key.unwrap()),
            made.self_signing,
            "{id}"
        );
        assert_eq!(
            value(&found.user_signing_key.unwrap()),
            made.user_signing,
            "{id}"
        );
    }
}

fn backups(filled: &Filled, bundle: &Bundle) {
    let mut expected = Vec::new();
    for (user, versions) in &filled.things.backups {
        for backup in versions.iter().filter(|backup| !backup.deleted) {
            expected.push(
                json!({"user_id": user, "version": backup.version, "algorithm": backup.algorithm,
                "auth_data": backup.auth_data}),
            );
            for (room, sessions) in &backup.sessions {
                for (session, content) in sessions {
                    expected.push(
                        json!({"user_id": user, "version": backup.version, "room_id": room,
                        "session_id": session, "session": content}),
                    );
                }
            }
        }
    }
    let lines = bundle.key_backups().unwrap();
    let found: Vec<Value> = lines
        .map(|line: ferryman::Result<KeyBackupLine>| serde_json::to_value(line.unwrap()).unwrap())
        .collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
}

fn account_data(filled: &Filled, bundle: &Bundle, way: Way) {
    let made = &filled.things.account_data;
    for (id, account) in &filled.things.accounts {
        let found: AccountData = of(bundle, OfUser::AccountData, id);
        assert_eq!(
            json!(found.global),
            json!(made.global.get(id).cloned().unwrap_or_default()),
            "{id}"
        );
        let mut rooms = made.rooms.get(id).cloned().unwrap_or_default();
        for (room, tags) in made.tags.get(id).into_iter().flatten() {
            let of_room = rooms.entry(room.clone()).or_default();
            of_room.insert("m.tag".to_owned(), json!({ "tags": tags }));
        }
        if way == Way::Api && (account.locked || account.is_guest) {
            for of_room in rooms.values_mut() {
                of_room.remove("m.tag");
            }
            rooms.retain(|_, of_room| !of_room.is_empty());
        }
        assert_eq!(json!(found.rooms), json!(rooms), "{id}");
    }
}

fn push(filled: &Filled, bundle: &Bundle) {
    let made = &filled.things.push;
    for id in filled.things.accounts.keys() {
        let found: PushRules = of(bundle, OfUser::PushRules, id);
        let Some(rules) = made.rules.get(id) else {
            assert!(found.is_empty(), "{id} has changed nothing: {found:?}");
            continue;
        };
        let found = json!(found);
        let mut expected = rules.own.len();
        for own in &rules.own {
            let rule = rule(&found, own.kind, &own.rule_id);
            for (field, value) in own.body.as_object().unwrap() {
                assert_eq!(rule[field], *value, "{id}: {}: {field}", own.rule_id);
            }
        }
        let mut defaults = BTreeSet::new();
        for (kind, rule_id, enabled) in &rules.enabled {
            if rule_id == ".m.rule.master" && !enabled {
                // It is off by itself: nothing has changed.
                continue;
            }
            assert_eq!(rule(&found, kind, rule_id)["enabled"], *enabled);
            if rule_id.starts_with('.') {
                defaults.insert(rule_id);
            }
        }
        for (kind, rule_id, actions) in &rules.actions {
            assert_eq!(rule(&found, kind, rule_id)["actions"], *actions);
            defaults.insert(rule_id);
        }
        expected += defaults.len();
        let kinds = found.as_object().unwrap().values();
        let count: usize = kinds.map(|rules| rules.as_array().unwrap().len()).sum();
        assert_eq!(count, expected, "{id}: {found}");
    }
    for id in filled.things.accounts.keys() {
        let found: Vec<Value> = of(bundle, OfUser::Pushers, id);
        let mut made = made.pushers.get(id).cloned().unwrap_or_default();
        made.sort_by_key(|pusher| (pusher["app_id"].to_string(), pusher["pushkey"].to_string()));
        assert_eq!(found, made, "{id}");
    }
}

fn rule<'a>(rules: &'a Value, kind: &str, id: &str) -> &'a Value {
    let mut of_kind = rules[kind].as_array().unwrap().iter();
    of_kind
        .find(|rule| rule["rule_id"] == id)
        .unwrap_or_else(|| panic!("{kind} {id} in {rules}"))
}

fn receipts(filled: &Filled, bundle: &Bundle) {
    for made in &filled.things.receipts {
        let found: BTreeMap<OwnedRoomId, Vec<Receipt>> =
            of(bundle, OfUser::Receipts, &made.user_id);
        let room: OwnedRoomId = made.room.as_str().try_into().unwrap();
        let found = found[&room].iter().any(|receipt| {
            receipt.receipt_type == made.kind
                && receipt.event_id == made.event_id
                && receipt.thread_id == made.thread
                && receipt.ts.is_some()
        });
        assert!(found, "{made:?}");
    }
    let count: usize = filled
        .things
        .accounts
        .keys()
        .flat_map(|id| of::<BTreeMap<OwnedRoomId, Vec<Receipt>>>(bundle, OfUser::Receipts, id))
        .map(|(_, receipts)| receipts.len())
        .sum();
    assert_eq!(count, filled.things.receipts.len());
}

fn pending(filled: &Filled, bundle: &Bundle) {
    let mut count = 0;
    for id in filled.things.accounts.keys() {
        count += of::<BTreeMap<OwnedRoomId, Pending>>(bundle, OfUser::Pending, id).len();
    }
    assert_eq!(count, filled.things.pending.len());
    for made in &filled.things.pending {
        let found: BTreeMap<OwnedRoomId, Pending> = of(bundle, OfUser::Pending, &made.user_id);
        let found = &found[<&RoomId>::try_from(made.room.as_str()).unwrap()];
        assert_eq!(found.membership, made.membership);
        let pdu = value(found.pdu.as_ref().unwrap());
        assert_eq!(pdu["state_key"], made.user_id);
        assert_eq!(pdu["content"]["membership"], made.membership);
        let stripped: Vec<Value> = found
            .stripped_state
            .as_ref()
            .unwrap()
            .iter()
            .map(|raw| value(raw))
            .collect();
        let own =
            |event: &Value| event["type"] == "m.room.member" && event["state_key"] == made.user_id;
        assert!(!stripped.iter().any(own));
        let mut others: Vec<Value> = made
            .stripped
            .iter()
            .filter(|event| !own(event))
            .cloned()
            .collect();
        others.sort_by_key(|event| (event["type"].to_string(), event["state_key"].to_string()));
        assert_eq!(stripped, others);
    }
}

fn media(filled: &Filled, bundle: &Bundle, way: Way) {
    let found = bundle.media().unwrap();
    assert_eq!(found.len(), filled.things.media.len());
    for item in found {
        let uri = format!("mxc://{}/{}", bundle.server_name(), item.media_id);
        let made = &filled.things.media[&uri];
        assert_eq!(item.user_id.unwrap(), made.user_id);
        assert_eq!(item.media_type.as_deref(), made.media_type);
        assert_eq!(item.upload_name.as_deref(), made.name);
        assert_eq!(item.quarantined_by.is_some(), made.quarantined);
        assert_eq!(item.safe_from_quarantine, made.protected);
        let content = bundle.media_content(&item.media_id).unwrap();
        let expected = made.content.as_ref().filter(|_| !made.quarantined);
        // What is in quarantine has one in the database only.
        let hashed = made.content.is_some() && (way == Way::Database || !made.quarantined);
        assert_eq!(item.sha256.is_some(), hashed);
        let bytes = content.map(|mut content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            bytes
        });
        assert_eq!(bytes.as_ref(), expected, "{uri}");
    }
}

//! An export by the API from a real, wholly filled Synapse: everything that was made there is in the bundle.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

use ferryman::{
    bundle::{Bundle, OfUser},
    clock::SystemClock,
    config,
    job::{Job, Problem},
    lab::{
        fill::{Filled, fill_wholly, source_options},
        names::Names,
        path::path,
        synapse::Synapse,
    },
    model::{
        account_data::AccountData,
        cross_signing::CrossSigning,
        key_backup::KeyBackupLine,
        pending::Pending,
        push_rules::PushRules,
        receipt::Receipt,
        wanted::{History, Media, Wanted},
    },
    source::{admin_api::Client, api_reader::ApiReader, export, summary::ExportSummary},
};
use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Value, json, value::RawValue};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_in_the_bundle() {
    let names = Names::fresh().unwrap();
    let source = Synapse::start(source_options(names.server_name.clone()))
        .await
        .unwrap();
    let filled = Box::pin(fill_wholly(&source)).await.unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let before = sessions(&source, &filled).await;

    let wanted = Wanted {
        act_as_users: true,
        media: Media::All,
        ..Wanted::default()
    };
    let summary = export(&source, &filled, wanted, &tmp.path().join("all")).await;
    assert!(summary.complete);
    assert_eq!(
        sessions(&source, &filled).await,
        before,
        "nobody is logged in any more, and no device has come or gone"
    );
    problems(&filled, &summary.problems);
    let bundle = Bundle::open(&tmp.path().join("all"), &tmp.path().join("work")).unwrap();
    assert!(bundle.schema().complete);
    accounts(&filled, &bundle);
    keys(&filled, &bundle);
    backups(&filled, &bundle);
    account_data(&filled, &bundle);
    push(&filled, &bundle);
    receipts(&filled, &bundle);
    pending(&filled, &bundle);
    media(&filled, &bundle);
    left_room(&filled, &bundle);
    gaps(&filled, &bundle);

    parts(&source, &filled, &bundle, tmp.path()).await;
    let wanted = Wanted::default();
    let summary = export(&source, &filled, wanted, &tmp.path().join("seen")).await;
    assert_eq!(others(&summary.problems), Vec::<&Problem>::new());
    assert!(
        summary
            .unseen
            .iter()
            .any(|unseen| unseen.subject == "push rules")
    );
    let seen = Bundle::open(&tmp.path().join("seen"), &tmp.path().join("work")).unwrap();
    accounts(&filled, &seen);
    let pending: usize = filled
        .things
        .accounts
        .keys()
        .map(|id| of::<BTreeMap<OwnedRoomId, Pending>>(&seen, OfUser::Pending, id).len())
        .sum();
    assert_eq!(pending, filled.things.pending.len());
}

async fn export(source: &Synapse, filled: &Filled, wanted: Wanted, out: &Path) -> ExportSummary {
    let client = Client::new(&config::Synapse {
        database: None,
        homeserver_yaml: None,
        media_path: None,
        url: source.url().to_owned(),
        admin_token: filled.admin().token().unwrap().clone(),
    })
    .unwrap();
    let name = source.server_name();
    let reader = ApiReader::new(client, name.clone(), &wanted);
    let (job, _events) = Job::new();
    let page = Box::new(|_: &_, _: &_| String::new());
    export::run(reader, name, wanted, out, page, &job, &SystemClock)
        .await
        .unwrap()
}

/// Every user's devices, and the number of all tokens.
async fn sessions(source: &Synapse, filled: &Filled) -> (BTreeMap<String, BTreeSet<String>>, u64) {
    let mut devices = BTreeMap::new();
    for id in filled.things.accounts.keys() {
        let served = path("/_synapse/admin/v2/users", &[id, "devices"]);
        let served = filled.admin().get(&served).await.unwrap();
        let of_user = served["devices"].as_array().unwrap().iter();
        let of_user = of_user.map(|device| device["device_id"].as_str().unwrap().to_owned());
        devices.insert(id.clone(), of_user.collect());
    }
    let database = source.server.folder().join("homeserver.db");
    let database =
        rusqlite::Connection::open_with_flags(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap();
    let count = "SELECT count(*) FROM access_tokens";
    (
        devices,
        database.query_row(count, [], |row| row.get(0)).unwrap(),
    )
}

/// Only what nobody can see is missing: what is quarantined.
fn problems(filled: &Filled, problems: &[Problem]) {
    let uris = filled.things.media.iter();
    let quarantined = uris.filter(|(_, medium)| medium.quarantined);
    let quarantined: BTreeSet<&str> = quarantined
        .map(|(uri, _)| uri.rsplit('/').next().unwrap())
        .collect();
    let found: BTreeSet<&str> = others(problems)
        .into_iter()
        .map(|problem| {
            assert_eq!(problem.step, "media content", "{problem:?}");
            problem.subject.as_str()
        })
        .collect();
    assert_eq!(found, quarantined);
}

/// Without those of single events: of numbers that canonical JSON doesn't have, and of what Synapse has changed itself.
fn others(problems: &[Problem]) -> Vec<&Problem> {
    problems
        .iter()
        .filter(|problem| !matches!(problem.step.as_str(), "event" | "event content"))
        .collect()
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

fn account_data(filled: &Filled, bundle: &Bundle) {
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
        if account.locked || account.is_guest {
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

fn media(filled: &Filled, bundle: &Bundle) {
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
        assert_eq!(item.sha256.is_some(), expected.is_some());
        let bytes = content.map(|mut content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            bytes
        });
        assert_eq!(bytes.as_ref(), expected, "{uri}");
    }
}

/// Synapse answers nothing to its state any more.
fn left_room(filled: &Filled, bundle: &Bundle) {
    let room: OwnedRoomId = filled.room("deserted").try_into().unwrap();
    let state = bundle.room_state(&room).unwrap();
    assert!(state.iter().any(|event| event.get().contains("Deserted")));
    let memberships = bundle.memberships(&room).unwrap();
    for name in ["dave", "heidi"] {
        let user: OwnedUserId = filled.user(name).user_id().try_into().unwrap();
        assert_eq!(memberships[&user], "leave");
    }
}

/// Every gap has a state, whose events are all in the bundle.
fn gaps(filled: &Filled, bundle: &Bundle) {
    let room: OwnedRoomId = filled.room("purged").try_into().unwrap();
    let snapshots: Vec<_> = bundle
        .state_snapshots()
        .unwrap()
        .map(Result::unwrap)
        .filter(|snapshot| snapshot.room_id == room)
        .collect();
    assert_eq!(snapshots.len(), 1);
    let events: BTreeMap<String, bool> = bundle
        .events(&room)
        .unwrap()
        .map(Result::unwrap)
        .map(|line| (line.event_id.to_string(), line.outlier))
        .collect();
    for id in &snapshots[0].state_before {
        assert!(events.contains_key(id.as_str()), "{id}");
    }
    assert!(snapshots[0].state_before.len() > 5);
    assert!(
        !events[snapshots[0].event_id.as_str()],
        "it is of the timeline"
    );
}

/// Parts of histories are the ends of the whole ones.
async fn parts(source: &Synapse, filled: &Filled, whole: &Bundle, dir: &Path) {
    for (name, history) in [
        ("last3", History::Last(3)),
        ("none", History::None),
        ("today", "since:2020-01-01".parse().unwrap()),
        ("future", "since:2100-01-01".parse().unwrap()),
    ] {
        let wanted = Wanted {
            history,
            media: Media::None,
            ..Wanted::default()
        };
        let summary = export(source, filled, wanted, &dir.join(name)).await;
        assert_eq!(others(&summary.problems), Vec::<&Problem>::new(), "{name}");
        let part = Bundle::open(&dir.join(name), &dir.join("work")).unwrap();
        // An event with numbers that canonical JSON doesn't have counts, but isn't in either.
        let odd = ["version_1", "loose"].map(|room| filled.room(room));
        for room in whole.rooms().unwrap() {
            let id = &room.room_id;
            if odd.contains(&id.as_str()) {
                continue;
            }
            let all = timeline(whole, id);
            let expected = match history {
                History::Last(count) => {
                    &all[all.len().saturating_sub(usize::try_from(count).unwrap())..]
                }
                History::Since { .. } if name == "today" => &all[..],
                _ => &[],
            };
            assert_eq!(
                timeline(&part, id),
                expected,
                "{name} of {id} {:?}",
                room.name
            );
            assert_eq!(
                part.room_state(id).unwrap().len(),
                whole.room_state(id).unwrap().len()
            );
            complete(&part, id);
        }
    }
}

fn timeline(bundle: &Bundle, room: &RoomId) -> Vec<String> {
    let events = bundle.events(room).unwrap().map(Result::unwrap);
    let events = events.filter(|line| !line.outlier);
    events.map(|line| line.event_id.to_string()).collect()
}

/// The state, and all auth events of all events, are there.
fn complete(bundle: &Bundle, room: &RoomId) {
    let lines: Vec<_> = bundle.events(room).unwrap().map(Result::unwrap).collect();
    let ids: BTreeSet<String> = lines.iter().map(|line| line.event_id.to_string()).collect();
    for line in &lines {
        let header = ferryman::model::pdu::PduHeader::of(&line.pdu).unwrap();
        for event in &header.auth_events {
            assert!(
                ids.contains(event.id().as_str()),
                "{} in {room}",
                event.id()
            );
        }
    }
    for event in bundle.room_state(room).unwrap() {
        let id = value(&event)["event_id"].as_str().unwrap().to_owned();
        assert!(ids.contains(&id), "{id} in {room}");
    }
}

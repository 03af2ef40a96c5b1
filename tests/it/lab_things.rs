//! The things of a filled source, asked of Synapse itself: what was sent is what it serves.

use std::collections::BTreeSet;

use ferryman::lab::{
    Result,
    client::{Client, v3},
    fill::{Filled, backups::Backup, password},
    path::{encode, path},
    synapse::Synapse,
};
use serde_json::{Value, json};

/// All of them.
pub(crate) async fn are_served(source: &Synapse, filled: &Filled) -> Result<()> {
    accounts(source, filled).await?;
    keys(source, filled).await?;
    backups(source, filled).await?;
    account_data(filled).await?;
    push(source, filled).await?;
    receipts(filled).await?;
    pending(filled);
    directory(filled).await?;
    media(filled).await?;
    events(filled).await
}

/// A session of somebody's own: the filled one is a device that must stay as it is.
async fn log_in(source: &Synapse, user_id: &str) -> Result<Client> {
    let localpart = user_id[1..].split_once(':').unwrap().0;
    let device = json!({ "device_id": "LOOKING" });
    source
        .anonymous()
        .login_on(user_id, &password(localpart), &device)
        .await
}

async fn log_out(client: &Client) -> Result<()> {
    client.post(&v3(&["logout"]), &json!({})).await?;
    Ok(())
}

async fn accounts(source: &Synapse, filled: &Filled) -> Result<()> {
    let admin = filled.admin();
    let listed = source.users(admin).await?;
    let listed: BTreeSet<&str> = listed
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    let made: BTreeSet<&str> = filled.things.accounts.keys().map(String::as_str).collect();
    assert_eq!(listed, made);
    for (id, account) in &filled.things.accounts {
        let user = admin.get(&path("/_synapse/admin/v2/users", &[id])).await?;
        for (field, expected) in [
            ("admin", account.admin),
            ("locked", account.locked),
            ("suspended", account.suspended),
            ("shadow_banned", account.shadow_banned),
            ("deactivated", account.deactivated),
            ("erased", account.erased),
            ("is_guest", account.is_guest),
        ] {
            let served = &user[field];
            let is = served == &json!(true) || served == &json!(1);
            assert_eq!(is, expected, "{id}: {field} is {served}");
        }
        assert_eq!(user["user_type"], json!(account.user_type), "{id}");
        assert_eq!(user["appservice_id"], json!(account.appservice_id), "{id}");
        let pairs = |list: &Value, one: &str, other: &str| -> BTreeSet<(String, String)> {
            let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
            let list = list.as_array().unwrap().iter();
            list.map(|entry| (text(entry, one), text(entry, other)))
                .collect()
        };
        let made = |list: &[(&str, &str)]| -> BTreeSet<(String, String)> {
            list.iter()
                .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
                .collect()
        };
        assert_eq!(
            pairs(&user["threepids"], "medium", "address"),
            made(&account.threepids)
        );
        let links = pairs(&user["external_ids"], "auth_provider", "external_id");
        assert_eq!(links, made(&account.external_ids), "{id}");
        for (field, value) in &account.profile {
            assert_eq!(admin.profile(id).await?[*field], *value, "{id}: {field}");
        }
        let devices = path("/_synapse/admin/v2/users", &[id, "devices"]);
        let served = admin.get(&devices).await?;
        let served: BTreeSet<(&str, Option<&str>)> = served["devices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| {
                (
                    device["device_id"].as_str().unwrap(),
                    device["display_name"].as_str(),
                )
            })
            .collect();
        let made = filled.things.devices.get(id).into_iter().flatten();
        let made: BTreeSet<(&str, Option<&str>)> = made
            .map(|(id, device)| (id.as_str(), device.display_name.as_deref()))
            .collect();
        assert_eq!(served, made, "the devices of {id}");
    }
    Ok(())
}

async fn keys(source: &Synapse, filled: &Filled) -> Result<()> {
    let things = &filled.things;
    for (id, keys) in &things.cross_signing {
        let client = log_in(source, id).await?;
        let query = json!({ "device_keys": { id: [] } });
        let answer = client.post(&v3(&["keys", "query"]), &query).await?;
        let mut master = keys.master.clone();
        // An owner is shown the own signatures only.
        let signers = master["signatures"].as_object_mut().unwrap();
        signers.retain(|signer, _| signer == id);
        assert_eq!(answer["master_keys"][id], master, "{id}");
        assert_eq!(answer["self_signing_keys"][id], keys.self_signing, "{id}");
        assert_eq!(answer["user_signing_keys"][id], keys.user_signing, "{id}");
        for (device, made) in &things.devices[id] {
            let mut served = answer["device_keys"][id][device].clone();
            if let Some(served) = served.as_object_mut() {
                served.remove("unsigned");
            }
            assert_eq!(
                served,
                made.keys.clone().unwrap_or_default(),
                "{id}: {device}"
            );
        }
        log_out(&client).await?;
    }
    let alice = filled.admin();
    let bob = filled.user("bob").user_id();
    let query = json!({ "device_keys": { bob: [] } });
    let answer = alice.post(&v3(&["keys", "query"]), &query).await?;
    let mut master = things.cross_signing[bob].master.clone();
    let signers = master["signatures"].as_object_mut().unwrap();
    assert_eq!(signers.len(), 2);
    // Of somebody else's key she is shown her own signature only, not even its owner's.
    signers.retain(|signer, _| signer == alice.user_id());
    assert_eq!(answer["master_keys"][bob], master);
    Ok(())
}

async fn backups(source: &Synapse, filled: &Filled) -> Result<()> {
    for (id, versions) in &filled.things.backups {
        let client = log_in(source, id).await?;
        let current = client.get(&v3(&["room_keys", "version"])).await?;
        assert_eq!(current["version"], versions.last().unwrap().version);
        for backup in versions {
            backup_is_served(&client, backup).await?;
        }
        log_out(&client).await?;
    }
    Ok(())
}

async fn backup_is_served(client: &Client, backup: &Backup) -> Result<()> {
    let version = client
        .get(&v3(&["room_keys", "version", &backup.version]))
        .await;
    if backup.deleted {
        assert_eq!(version.unwrap_err().errcode(), Some("M_NOT_FOUND"));
        return Ok(());
    }
    let version = version?;
    assert_eq!(version["algorithm"], backup.algorithm);
    assert_eq!(version["auth_data"], backup.auth_data);
    let keys = format!("{}?version={}", v3(&["room_keys", "keys"]), backup.version);
    let served = client.get(&keys).await?;
    let rooms = backup.sessions.iter();
    let made: serde_json::Map<String, Value> = rooms
        .map(|(room, sessions)| (room.clone(), json!({ "sessions": sessions })))
        .collect();
    assert_eq!(
        served["rooms"],
        Value::Object(made),
        "version {}",
        backup.version
    );
    Ok(())
}

async fn account_data(filled: &Filled) -> Result<()> {
    let made = &filled.things.account_data;
    for id in filled.things.accounts.keys() {
        let served = path("/_synapse/admin/v1/users", &[id, "accountdata"]);
        let served = filled.admin().get(&served).await?;
        let mut served = served["account_data"].clone();
        // It is in the push rules' own place.
        served["global"]
            .as_object_mut()
            .unwrap()
            .remove("m.push_rules");
        assert_eq!(
            served["global"],
            json!(made.global.get(id).cloned().unwrap_or_default()),
            "{id}"
        );
        assert_eq!(
            served["rooms"],
            json!(made.rooms.get(id).cloned().unwrap_or_default()),
            "{id}"
        );
    }
    for user in filled.users.values() {
        for (room, tags) in made.tags.get(&user.user_id).into_iter().flatten() {
            let served = v3(&["user", &user.user_id, "rooms", room, "tags"]);
            assert_eq!(user.client.get(&served).await?["tags"], json!(tags));
        }
    }
    Ok(())
}

async fn push(source: &Synapse, filled: &Filled) -> Result<()> {
    for (id, rules) in &filled.things.push.rules {
        let client = log_in(source, id).await?;
        let all = client.get(&format!("{}/", v3(&["pushrules"]))).await?;
        let rule = |kind: &str, rule_id: &str| -> Value {
            let of_kind = all["global"][kind].as_array().unwrap();
            let found = of_kind.iter().find(|rule| rule["rule_id"] == rule_id);
            found
                .unwrap_or_else(|| panic!("{kind} {rule_id}: {of_kind:?}"))
                .clone()
        };
        for made in &rules.own {
            let served = rule(made.kind, &made.rule_id);
            assert_eq!(served["default"], false);
            for (field, value) in made.body.as_object().unwrap() {
                assert_eq!(served[field], *value, "{}: {field}", made.rule_id);
            }
        }
        for (kind, rule_id, enabled) in &rules.enabled {
            assert_eq!(rule(kind, rule_id)["enabled"], *enabled, "{rule_id}");
        }
        for (kind, rule_id, actions) in &rules.actions {
            assert_eq!(rule(kind, rule_id)["actions"], *actions, "{rule_id}");
        }
        log_out(&client).await?;
    }
    for (id, made) in &filled.things.push.pushers {
        let served = path("/_synapse/admin/v1/users", &[id, "pushers"]);
        let served = filled.admin().get(&served).await?["pushers"].clone();
        let served = served.as_array().unwrap();
        assert_eq!(served.len(), made.len(), "{id}");
        for pusher in made {
            // The Admin API adds the device and whether it is enabled.
            let same = |served: &&Value| {
                let mut fields = pusher.as_object().unwrap().iter();
                fields.all(|(field, value)| served[field] == *value)
            };
            assert_eq!(
                served.iter().filter(same).count(),
                1,
                "{pusher} in {served:?}"
            );
        }
    }
    Ok(())
}

/// The first sync of somebody, of one room.
async fn sync(client: &Client, room: &str) -> Result<Value> {
    let filter = encode(&json!({ "room": { "rooms": [room] } }).to_string());
    client
        .get(&format!("/_matrix/client/v3/sync?filter={filter}"))
        .await
}

async fn receipts(filled: &Filled) -> Result<()> {
    for receipt in &filled.things.receipts {
        let mut users = filled.users.values();
        let user = users.find(|user| user.user_id == receipt.user_id).unwrap();
        let served = sync(&user.client, &receipt.room).await?;
        let events = served["rooms"]["join"][&receipt.room]["ephemeral"]["events"].as_array();
        let receipts = events
            .into_iter()
            .flatten()
            .filter(|event| event["type"] == "m.receipt");
        let found = receipts
            .map(|event| &event["content"][&receipt.event_id][receipt.kind][&receipt.user_id])
            .any(|served| served.is_object() && served["thread_id"] == json!(receipt.thread));
        assert!(found, "{receipt:?} in {served}");
    }
    Ok(())
}

fn pending(filled: &Filled) {
    let made = &filled.things.pending;
    assert_eq!(made.len(), 5);
    for pending in made {
        let kinds: BTreeSet<&str> = pending
            .stripped
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        for kind in [
            "m.room.create",
            "m.room.join_rules",
            "m.room.member",
            "m.room.name",
        ] {
            assert!(kinds.contains(kind), "{kind} in {pending:?}");
        }
        let own = json!(pending.membership);
        assert!(pending.stripped.iter().any(|event| {
            event["state_key"] == pending.user_id && event["content"]["membership"] == own
        }));
    }
}

async fn directory(filled: &Filled) -> Result<()> {
    let made = &filled.things.directory;
    for (alias, room) in &made.aliases {
        assert_eq!(filled.admin().resolve(alias).await?, *room, "{alias}");
    }
    assert_eq!(made.aliases.len(), filled.counts.aliases);
    for room in filled.rooms.values() {
        let block = path("/_synapse/admin/v1/rooms", &[room, "block"]);
        let blocked = filled.admin().get(&block).await?["block"] == true;
        assert_eq!(blocked, made.blocked.contains(room), "{room}");
        let listing = v3(&["directory", "list", "room", room]);
        let published = filled.admin().get(&listing).await?["visibility"] == "public";
        assert_eq!(published, made.published.contains(room), "{room}");
    }
    Ok(())
}

async fn media(filled: &Filled) -> Result<()> {
    let admin = filled.admin();
    let mut listed = 0;
    for id in filled.things.accounts.keys() {
        let list = path("/_synapse/admin/v1/users", &[id, "media"]);
        let list = admin.get(&format!("{list}?limit=1000")).await?;
        for served in list["media"].as_array().unwrap() {
            let server = id.split_once(':').unwrap().1;
            let uri = format!("mxc://{server}/{}", served["media_id"].as_str().unwrap());
            let made = &filled.things.media[&uri];
            assert_eq!(made.user_id, *id);
            let length = made.content.as_ref().map(Vec::len);
            assert_eq!(served["media_length"], json!(length), "{served}");
            assert_eq!(served["media_type"], json!(made.media_type), "{served}");
            assert_eq!(served["upload_name"], json!(made.name), "{served}");
            assert_eq!(
                served["quarantined_by"].is_string(),
                made.quarantined,
                "{served}"
            );
            assert_eq!(served["safe_from_quarantine"], made.protected, "{served}");
            listed += 1;
        }
    }
    assert_eq!(listed, filled.things.media.len());
    Ok(())
}

async fn events(filled: &Filled) -> Result<()> {
    let admin = filled.admin();
    for (name, made) in &filled.things.events {
        let mut users = filled.users.values();
        let reader = users.find(|user| user.user_id == made.sender).unwrap();
        let event = v3(&["rooms", &made.room, "event", &made.event_id]);
        let served = reader.client.get(&event).await?;
        assert_eq!(served["type"], made.kind, "{name}");
        if made.redacted_by.is_none() {
            assert_eq!(served["content"], made.content, "{name}");
        } else {
            let because = &served["unsigned"]["redacted_because"]["event_id"];
            assert_eq!(*because, json!(made.redacted_by), "{name}");
            assert_ne!(served["content"], made.content, "{name}");
        }
    }
    for event in &filled.things.purged {
        let fetched = path("/_synapse/admin/v1/fetch_event", &[event]);
        let error = admin.get(&fetched).await.unwrap_err();
        assert_eq!(error.errcode(), Some("M_NOT_FOUND"), "{error}");
    }
    assert_eq!(filled.things.purged.len(), 10);
    Ok(())
}

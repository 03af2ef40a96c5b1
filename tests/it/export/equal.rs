//! A bundle of the API and one of the database, file by file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::Path,
};

use serde_json::{Value, json};

use super::source::Source;

/// Files about the export, not about the server.
const ABOUT_THE_EXPORT: [&str; 4] = [
    // Source, time, position, Synapse's version (which only the API tells).
    "schema.json",
    "metadata.json",
    // The checksums of the others.
    "manifest.json",
    "report.html",
];

/// Fails with every file that differs.
pub(super) fn are(api: &Path, database: &Path, source: &Source) {
    let names: BTreeSet<String> = files(api);
    assert_eq!(names, files(database));
    compare(&names, api, database, source);
}

fn compare(names: &BTreeSet<String>, api: &Path, database: &Path, source: &Source) {
    let hidden = Hidden::of(source);
    let mut different = Vec::new();
    for name in names {
        if ABOUT_THE_EXPORT.contains(&name.as_str()) {
            continue;
        }
        let [one, other] = [api, database].map(|dir| fs::read(dir.join(name)).unwrap());
        if one == other {
            continue;
        }
        let is_of = |ending: &str| Path::new(name).extension().is_some_and(|is| is == ending);
        if is_of("zst") && plain(&one) == plain(&other) {
            // An export that goes on where another stopped begins a new frame there.
            continue;
        }
        if !is_of("json") {
            different.push(format!(
                "{name}: {}",
                first_line(&plain(&one), &plain(&other))
            ));
            continue;
        }
        let texts = [one, other];
        let [mut one, mut other]: [Value; 2] =
            [0, 1].map(|side| serde_json::from_slice(&texts[side]).unwrap());
        hidden.remove(name, &mut one);
        hidden.remove(name, &mut other);
        if one != other {
            values(name, &one, &other, &mut different);
        } else if !Hidden::FILES.contains(&name.as_str()) {
            let [one, other] = texts.map(|text| String::from_utf8(text).unwrap());
            different.push(format!("{name}, in bytes: {}", first_line(&one, &other)));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Who and what Synapse's API doesn't show, not even to users themselves.
struct Hidden {
    admin: String,
    server_name: String,
    /// Nobody can act as them.
    unreachable: BTreeSet<String>,
}

impl Hidden {
    /// Where something is hidden.
    const FILES: [&'static str; 9] = [
        "users.json",
        "devices.json",
        "account_data.json",
        "push_rules.json",
        "receipts.json",
        "cross_signing.json",
        "media_refs.json",
        "server_keys.json",
        "problems.json",
    ];

    fn of(source: &Source) -> Self {
        let accounts = source.filled.things.accounts.iter();
        Self {
            admin: source.filled.admin().user_id().to_owned(),
            server_name: source.synapse.server_name().to_string(),
            unreachable: accounts
                .filter(|(_, account)| account.locked || account.is_guest)
                .map(|(user, _)| user.clone())
                .collect(),
        }
    }

    fn remove(&self, name: &str, file: &mut Value) {
        match name {
            // The export is itself a use of the admin's session.
            "users.json" => {
                for user in file.as_array_mut().unwrap() {
                    if user["user_id"] == *self.admin {
                        user["last_seen_ts"] = Value::Null;
                    }
                }
            }
            "devices.json" => {
                for device in file[&self.admin]["devices"].as_array_mut().unwrap() {
                    for field in ["last_seen_ts", "last_seen_ip", "last_seen_user_agent"] {
                        device[field] = Value::Null;
                    }
                }
            }
            "account_data.json" => {
                let users = file.as_object_mut().unwrap();
                for user in &self.unreachable {
                    let Some(data) = users.get_mut(user) else {
                        continue;
                    };
                    let rooms = data["rooms"].as_object_mut().unwrap();
                    for of_room in rooms.values_mut() {
                        of_room.as_object_mut().unwrap().remove("m.tag");
                    }
                    rooms.retain(|_, of_room| *of_room != json!({}));
                }
                users.retain(|_, data| *data != json!({ "global": {}, "rooms": {} }));
            }
            "push_rules.json" | "receipts.json" | "cross_signing.json" => {
                let users = file.as_object_mut().unwrap();
                users.retain(|user, _| !self.unreachable.contains(user));
            }
            // The hash of a content that is not handed out.
            "media_refs.json" => {
                for item in file.as_array_mut().unwrap() {
                    if item["quarantined_by"].is_string() {
                        item["sha256"] = Value::Null;
                    }
                }
            }
            // Each time it is asked, or made, it is good for another day.
            "server_keys.json" => {
                for key in file[&self.server_name].as_array_mut().unwrap() {
                    key["valid_until_ts"] = Value::Null;
                    key["signatures"] = Value::Null;
                }
            }
            "problems.json" => {
                let problems = file.as_array_mut().unwrap();
                // A Synapse of some seconds has not finished its background updates.
                problems.retain(|problem| {
                    problem["step"] != "not visible" && problem["step"] != "background updates"
                });
            }
            _ => {}
        }
    }
}

/// Where two values differ.
fn values(place: &str, one: &Value, other: &Value, different: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let [one, other] =
                    [one, other].map(|object| object.get(name).unwrap_or(&Value::Null));
                values(&format!("{place} {name}"), one, other, different);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for place_in in 0..one.len().max(other.len()) {
                let [one, other] =
                    [one, other].map(|list| list.get(place_in).unwrap_or(&Value::Null));
                values(&format!("{place} {place_in}"), one, other, different);
            }
        }
        _ if one == other => {}
        _ => different.push(format!("{place}\n  API: {one}\n  database: {other}")),
    }
}

/// Every file below a folder.
fn files(dir: &Path) -> BTreeSet<String> {
    let manifest = fs::read(dir.join("manifest.json")).unwrap();
    let listed: BTreeMap<String, String> = serde_json::from_slice(&manifest).unwrap();
    let mut names: BTreeSet<String> = listed.into_keys().collect();
    names.insert("manifest.json".to_owned());
    names
}

fn plain(bytes: &[u8]) -> String {
    let mut text = String::new();
    match zstd::Decoder::new(bytes).and_then(|mut plain| plain.read_to_string(&mut text)) {
        Ok(_) => text,
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

fn first_line(one: &str, other: &str) -> String {
    let mut lines = one.lines().zip(other.lines()).enumerate();
    let different = lines.find(|(_, (one, other))| one != other);
    let counts = (one.lines().count(), other.lines().count());
    match different {
        Some((line, (one, other))) => {
            format!(
                "line {} of {counts:?}\n  API: {one}\n  database: {other}",
                line + 1
            )
        }
        None => format!("{counts:?} lines"),
    }
}

//! Each section from small tables, good rows and bad ones side by side.

use std::{fs, path::Path};

use ruma::server_name;
use serde_json::{Value, json};

use super::*;
use crate::{
    config,
    job::{Job, Problem},
    model::wanted::{Media, Wanted},
    source::{
        database::{about, key_backups, media, server_keys, users},
        homeserver_yaml::HomeserverYaml,
        intake::{Intake, Record},
        reader::Reader,
    },
};

/// Synapse's tables, as far as they are read.
const TABLES: &str = include_str!("tables.sql");

/// What a section hands over, and its problems as `step, subject: reason`.
#[derive(Default)]
struct Read {
    records: Vec<Record>,
    problems: Vec<String>,
}

fn section(
    rows: &str,
    wanted: Wanted,
    read: impl FnOnce(&mut Database, &Intake) -> Result<()> + Send,
) -> Read {
    let mut database = database(&format!("{TABLES}{rows}"));
    let (job, _events) = Job::new();
    let (intake, mut receiver) =
        Intake::new(job, wanted, server_name!("ferry.test"), 1_000_000_000, None).unwrap();
    let mut all = Read::default();
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read(&mut database, &intake));
        while let Some(record) = receiver.blocking_recv() {
            match record {
                Record::Problem(Problem {
                    step,
                    subject,
                    reason,
                }) => {
                    all.problems.push(format!("{step}, {subject}: {reason}"));
                }
                record => all.records.push(record),
            }
        }
        reading.join().unwrap().unwrap();
    });
    all
}

/// Everything of a user that the bundle would hold.
fn shown(record: &Record) -> Value {
    let Record::User(record) = record else {
        panic!("no user");
    };
    json!({
        "user": record.user,
        "account_data": record.account_data,
        "push_rules": record.push_rules,
        "pushers": record.pushers,
        "receipts": record.receipts,
        "devices": record.devices,
        "device_keys": record.device_keys,
        "cross_signing": record.cross_signing,
        "pending": record.pending,
        "password_hash": record.password_hash.is_some(),
    })
}

/// A user who has a row of everything, problems of whom there are none.
fn anna() -> Value {
    let read = section(
        include_str!("anna.sql"),
        Wanted {
            password_hashes: true,
            ..Wanted::default()
        },
        users::read,
    );
    assert_eq!(read.problems, Vec::<String>::new());
    assert_eq!(read.records.len(), 1);
    let anna = shown(&read.records[0]);
    assert_eq!(anna["password_hash"], true);
    anna
}

#[test]
fn the_account() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["user"], @r#"
    {
      "approved": false,
      "appservice_id": "bridge",
      "avatar_url": "mxc://ferry.test/a",
      "creation_ts": 1700000000000,
      "deactivated": true,
      "displayname": "Änna",
      "erased": true,
      "external_ids": [
        {
          "auth_provider": "oidc-a",
          "external_id": "1"
        },
        {
          "auth_provider": "oidc-z",
          "external_id": "2"
        }
      ],
      "is_admin": true,
      "is_guest": false,
      "last_seen_ts": 5000,
      "locked": true,
      "profile": {
        "m.tz": "Europe/Berlin"
      },
      "shadow_banned": true,
      "suspended": true,
      "threepids": [
        {
          "added_at": 2,
          "address": "a@b.c",
          "medium": "email",
          "validated_at": 1
        },
        {
          "added_at": 2,
          "address": "49123",
          "medium": "msisdn",
          "validated_at": 1
        }
      ],
      "user_id": "@anna:ferry.test",
      "user_type": "bot"
    }
    "#);
}

#[test]
fn account_data_and_receipts() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["account_data"], @r#"
    {
      "global": {
        "m.direct": {
          "@ben:other.test": [
            "!r:x"
          ]
        },
        "m.secret_storage.default_key": {}
      },
      "rooms": {
        "!r:x": {
          "m.fully_read": {
            "event_id": "$e"
          },
          "m.tag": {
            "tags": {
              "m.favourite": {},
              "u.work": {
                "order": 0.5
              }
            }
          }
        }
      }
    }
    "#);
    insta::assert_json_snapshot!(anna["receipts"], @r#"
    {
      "!q:x": [
        {
          "event_id": "$e:x",
          "receipt_type": "m.read.private",
          "thread_id": "main",
          "ts": null
        }
      ],
      "!r:x": [
        {
          "event_id": "$new:x",
          "receipt_type": "m.read",
          "ts": 7
        },
        {
          "event_id": "$thread:x",
          "receipt_type": "m.read",
          "thread_id": "$root:x",
          "ts": 8
        }
      ]
    }
    "#);
}

#[test]
fn devices_and_pushers() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["devices"], @r#"
    [
      {
        "device_id": "BARE",
        "display_name": null,
        "last_seen_ip": null,
        "last_seen_ts": null,
        "last_seen_user_agent": null
      },
      {
        "device_id": "PHONE",
        "display_name": "Phone",
        "last_seen_ip": "192.0.2.1",
        "last_seen_ts": 5000,
        "last_seen_user_agent": "Agent"
      }
    ]
    "#);
    insta::assert_json_snapshot!(anna["pushers"], @r#"
    [
      {
        "app_display_name": "App",
        "app_id": "app",
        "data": {
          "url": "https://push.test"
        },
        "device_display_name": "Phone",
        "kind": "http",
        "lang": "en",
        "org.matrix.msc3881.enabled": false,
        "profile_tag": "tag",
        "pushkey": "key"
      },
      {
        "app_display_name": "Mail",
        "app_id": "m.email",
        "data": null,
        "device_display_name": "a@b.c",
        "kind": "email",
        "lang": null,
        "profile_tag": "",
        "pushkey": "a@b.c"
      }
    ]
    "#);
}

#[test]
fn keys_with_all_signatures() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["device_keys"], @r#"
    {
      "PHONE": {
        "device_id": "PHONE",
        "keys": {
          "ed25519:PHONE": "phone"
        },
        "signatures": {
          "@anna:ferry.test": {
            "ed25519:PHONE": "own",
            "ed25519:ssk": "by-ssk"
          }
        },
        "user_id": "@anna:ferry.test"
      }
    }
    "#);
    insta::assert_json_snapshot!(anna["cross_signing"], @r#"
    {
      "master_key": {
        "keys": {
          "ed25519:msk": "msk"
        },
        "signatures": {
          "@anna:ferry.test": {
            "ed25519:PHONE": "by-phone"
          }
        },
        "usage": [
          "master"
        ],
        "user_id": "@anna:ferry.test"
      },
      "self_signing_key": {
        "keys": {
          "ed25519:ssk": "ssk"
        },
        "signatures": {
          "@anna:ferry.test": {
            "ed25519:msk": "m"
          }
        }
      },
      "signed_users": {
        "@ben:other.test": {
          "bens-msk": {
            "ed25519:usk": "by-usk"
          }
        }
      },
      "user_signing_key": {
        "keys": {
          "ed25519:usk": "usk"
        }
      }
    }
    "#);
}

#[test]
fn invites_and_knocks() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["pending"], @r#"
    [
      {
        "event_id": "$knock",
        "membership": "knock",
        "pdu": {
          "type": "m.room.member"
        },
        "room_id": "!k:other.test",
        "stripped_state": null,
        "user_id": "@anna:ferry.test"
      },
      {
        "event_id": "$invite",
        "membership": "invite",
        "pdu": {
          "depth": 3,
          "type": "m.room.member"
        },
        "room_id": "!z:other.test",
        "stripped_state": [
          {
            "content": {},
            "state_key": "",
            "type": "m.room.create"
          },
          {
            "content": {
              "name": "R"
            },
            "state_key": "",
            "type": "m.room.name"
          }
        ],
        "user_id": "@anna:ferry.test"
      }
    ]
    "#);
}

#[test]
fn push_rules_in_order_of_priority() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["push_rules"], @r#"
    {
      "content": [
        {
          "actions": [
            "notify"
          ],
          "default": false,
          "enabled": true,
          "pattern": "ferry",
          "rule_id": "word"
        }
      ],
      "override": [
        {
          "actions": [],
          "conditions": [],
          "default": true,
          "enabled": true,
          "rule_id": ".m.rule.master"
        },
        {
          "actions": [],
          "conditions": [],
          "default": false,
          "enabled": true,
          "rule_id": "high"
        },
        {
          "actions": [
            "notify"
          ],
          "conditions": [
            {
              "key": "type",
              "kind": "event_match",
              "pattern": "m"
            }
          ],
          "default": false,
          "enabled": false,
          "rule_id": "low"
        },
        {
          "actions": [
            "notify"
          ],
          "conditions": [
            {
              "key": "content.msgtype",
              "kind": "event_match",
              "pattern": "m.notice"
            }
          ],
          "default": true,
          "enabled": true,
          "rule_id": ".m.rule.suppress_notices"
        }
      ],
      "room": [
        {
          "actions": [
            "dont_notify"
          ],
          "default": false,
          "enabled": true,
          "rule_id": "!r:x"
        }
      ],
      "sender": [
        {
          "actions": [],
          "default": false,
          "enabled": true,
          "rule_id": "@spam:x"
        }
      ],
      "underride": [
        {
          "actions": [
            "notify"
          ],
          "default": true,
          "rule_id": ".org.example.new"
        }
      ]
    }
    "#);
}

#[test]
fn bad_rows_are_problems_and_the_rest_is_read() {
    let read = section(include_str!("bad.sql"), Wanted::default(), users::read);
    insta::assert_snapshot!(read.problems.join("\n"), @r#"
    profile, @bad:ferry.test: its custom fields are no JSON object (invalid type: sequence, expected a map at line 1 column 0)
    user, no-id: leading sigil is incorrect or missing
    third-party ID, @bad:ferry.test: its medium is missing or not readable
    account data, @bad:ferry.test: its m.broken is no JSON (EOF while parsing an object at line 1 column 1)
    room account data, @bad:ferry.test: "room" is no room ID (leading sigil is incorrect or missing)
    room account data, @bad:ferry.test: its m.y of !r:x is missing or not readable
    tag, @bad:ferry.test: its tag t of !r:x is no JSON (expected value at line 1 column 1)
    push rule, @bad:ferry.test: the conditions of global/override/x are no JSON (EOF while parsing a list at line 1 column 1)
    push rule, @bad:ferry.test: x is of an unknown kind
    push rule, @bad:ferry.test: global/odd/x is of an unknown kind
    push rule, @bad:ferry.test: global/room/!r:x has no pattern
    pusher, @bad:ferry.test: the data of app is no JSON (EOF while parsing an object at line 1 column 1)
    receipt, @bad:ferry.test: "event" in !r:x is no event ID (leading sigil is incorrect or missing)
    device keys, @bad:ferry.test: the keys of D are no JSON object (invalid type: sequence, expected a map at line 1 column 0)
    cross-signing keys, @bad:ferry.test: the master key is no JSON object (invalid type: null, expected a map at line 1 column 4)
    cross-signing keys, @bad:ferry.test: it has signed "nobody", which is no user ID (leading sigil is incorrect or missing)
    cross-signing keys, @bad:ferry.test: there is a key of the unknown kind "odd"
    invite, @bad:ferry.test: its event $gone in !a:x is missing or not readable
    invite, @bad:ferry.test: the stripped state of $odd in !b:x is unreadable (invalid type: integer `5`, expected struct Stripped at line 1 column 1)
    "#);
    insta::assert_json_snapshot!(read.records.iter().map(shown).collect::<Vec<_>>(), @r#"
    [
      {
        "account_data": {
          "global": {
            "m.fine": {}
          }
        },
        "cross_signing": {},
        "device_keys": {},
        "devices": [
          {
            "device_id": "D",
            "display_name": null,
            "last_seen_ip": null,
            "last_seen_ts": null,
            "last_seen_user_agent": null
          }
        ],
        "password_hash": false,
        "pending": [
          {
            "event_id": "$gone",
            "membership": "invite",
            "pdu": null,
            "room_id": "!a:x",
            "stripped_state": null,
            "user_id": "@bad:ferry.test"
          },
          {
            "event_id": "$odd",
            "membership": "invite",
            "pdu": {},
            "room_id": "!b:x",
            "stripped_state": null,
            "user_id": "@bad:ferry.test"
          }
        ],
        "push_rules": {},
        "pushers": [],
        "receipts": {
          "!r:x": [
            {
              "event_id": "$e",
              "receipt_type": "m.read",
              "ts": null
            }
          ]
        },
        "user": {
          "approved": null,
          "appservice_id": null,
          "avatar_url": null,
          "creation_ts": null,
          "deactivated": false,
          "displayname": null,
          "erased": false,
          "external_ids": [],
          "is_admin": false,
          "is_guest": false,
          "last_seen_ts": null,
          "locked": false,
          "shadow_banned": false,
          "suspended": false,
          "threepids": [],
          "user_id": "@bad:ferry.test",
          "user_type": null
        }
      }
    ]
    "#);
}

#[test]
fn a_partial_export_reads_some_users_only_and_no_devices() {
    let rows = format!(
        "{} INSERT INTO users (name, creation_ts) VALUES ('@ben:ferry.test', 1);",
        include_str!("anna.sql")
    );
    let wanted = Wanted {
        users: vec!["anna".to_owned()],
        devices: false,
        ..Wanted::default()
    };
    let read = section(&rows, wanted, users::read);
    let [anna] = &read.records[..] else {
        panic!("{} users", read.records.len());
    };
    let anna = shown(anna);
    assert_eq!(anna["user"]["user_id"], "@anna:ferry.test");
    assert_eq!(
        (&anna["devices"], &anna["password_hash"]),
        (&json!([]), &json!(false))
    );
    assert_eq!(anna["device_keys"], json!({}));
    // They are the user's, not a device's.
    assert!(anna["cross_signing"]["master_key"].is_object());
}

#[test]
fn more_users_than_are_read_together_come_in_the_order_of_their_ids() {
    let read = section(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1203)
         INSERT INTO users (name, creation_ts) SELECT '@u' || i || ':ferry.test', i FROM n;
         INSERT INTO account_data VALUES ('@u1203:ferry.test', 'm.direct', 1, '{}')",
        Wanted::default(),
        users::read,
    );
    let names: Vec<String> = read
        .records
        .iter()
        .map(|record| shown(record)["user"]["user_id"].to_string())
        .collect();
    assert_eq!(names.len(), 1203);
    assert!(names.is_sorted());
    let with_data = read.records.iter().map(shown);
    assert_eq!(
        with_data
            .filter(|user| user["account_data"] != json!({}))
            .count(),
        1
    );
}

#[test]
fn an_older_layout_has_fewer_columns() {
    let older = "ALTER TABLE users DROP COLUMN suspended; ALTER TABLE profiles DROP COLUMN fields;
        ALTER TABLE local_media_repository DROP COLUMN sha256;";
    let read = section(
        &format!("{} {older}", include_str!("anna.sql")),
        Wanted::default(),
        |database, to| {
            users::read(database, to)?;
            media::read(database, None, to)
        },
    );
    assert_eq!(read.problems, Vec::<String>::new());
    assert_eq!(shown(&read.records[0])["user"]["suspended"], false);
}

#[test]
fn key_backups_come_version_by_version() {
    let read = section(
        "INSERT INTO e2e_room_keys_versions (user_id, version, algorithm, auth_data, deleted) VALUES
           ('@b:ferry.test', 1, 'alg', '{}', 0), ('@a:ferry.test', 10, 'alg', '{\"k\":1}', 0),
           ('@a:ferry.test', 9, 'alg', '{}', 0), ('@a:ferry.test', 8, 'alg', '{}', 1),
           ('@c:ferry.test', 1, 'alg', 'not json', 0), ('@d:ferry.test', 1, 'alg', '{}', 0);
         INSERT INTO e2e_room_keys VALUES
           ('@a:ferry.test', '!r:x', 's2', 10, 1, 2, 1, '{\"ciphertext\":\"x\"}'),
           ('@a:ferry.test', '!r:x', 's1', 10, 0, 0, 0, '{}'),
           ('@a:ferry.test', '!q:x', 's3', 10, 0, 0, NULL, 'not json'),
           ('@a:ferry.test', '!r:x', 's1', 8, 0, 0, 0, '{}'),
           ('@c:ferry.test', '!r:x', 's1', 1, 0, 0, 0, '{}'),
           ('@d:ferry.test', '!r:x', 's1', 1, 0, 0, 0, '{}');",
        Wanted {
            users: vec!["?".to_owned()],
            ..Wanted::default()
        },
        key_backups::read,
    );
    let lines: Vec<String> = read
        .records
        .iter()
        .map(|record| match record {
            Record::KeyBackup(line) => serde_json::to_string(line).unwrap(),
            _ => panic!("no key backup"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"user_id":"@a:ferry.test","version":"9","algorithm":"alg","auth_data":{}}
    {"user_id":"@a:ferry.test","version":"10","algorithm":"alg","auth_data":{"k":1}}
    {"user_id":"@a:ferry.test","version":"10","room_id":"!r:x","session_id":"s1","session":{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{}}}
    {"user_id":"@a:ferry.test","version":"10","room_id":"!r:x","session_id":"s2","session":{"first_message_index":1,"forwarded_count":2,"is_verified":true,"session_data":{"ciphertext":"x"}}}
    {"user_id":"@b:ferry.test","version":"1","algorithm":"alg","auth_data":{}}
    {"user_id":"@d:ferry.test","version":"1","algorithm":"alg","auth_data":{}}
    {"user_id":"@d:ferry.test","version":"1","room_id":"!r:x","session_id":"s1","session":{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{}}}
    "#);
    insta::assert_snapshot!(read.problems.join("\n"), @r"
    key backup, @c:ferry.test: its auth_data is no JSON (expected ident at line 1 column 2)
    key backup, @a:ferry.test: a session of version 10: its session_data is no JSON (expected ident at line 1 column 2)
    ");
}

#[test]
fn media_come_with_their_contents_where_these_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("local_content/AA/AA");
    fs::create_dir_all(&folder).unwrap();
    for name in ["old", "new", "quarantined"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let rows = "INSERT INTO local_media_repository (media_id, user_id, media_type, upload_name, media_length,
             created_ts, quarantined_by, url_cache, safe_from_quarantine, sha256) VALUES
           ('AAAAold', '@a:ferry.test', 'image/png', 'ä.png', 3, 5, NULL, NULL, 1, 'ab'),
           ('AAAAnew', '@a:ferry.test', 'image/png', NULL, 3, 999999999, NULL, NULL, 0, NULL),
           ('AAAAquarantined', '@a:ferry.test', NULL, NULL, 11, 999999999, '@m:ferry.test', NULL, 0, NULL),
           ('AAAAmissing', NULL, NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL),
           ('../../x', '@b:ferry.test', NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL),
           ('AAAAreserved', '@b:ferry.test', NULL, NULL, NULL, 999999999, NULL, NULL, 0, NULL),
           ('AAAApreview', NULL, NULL, NULL, 5, 999999999, NULL, 'https://x', 0, NULL),
           ('AAAAwhose', 'nobody', NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL);";
    let wanted = |media| Wanted {
        media,
        ..Wanted::default()
    };
    let path = dir.path().to_owned();
    let read = section(
        rows,
        wanted(Media::NewerThan { days: 1 }),
        move |database, to| media::read(database, Some(&path), to),
    );
    let lines: Vec<String> = read
        .records
        .into_iter()
        .map(|record| match record {
            Record::Media(item, content) => {
                let content = content.map(|mut content| {
                    let mut text = String::new();
                    content.read_to_string(&mut text).unwrap();
                    text
                });
                format!("{} {content:?}", serde_json::to_string(&item).unwrap())
            }
            _ => panic!("no media"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"media_id":"AAAAnew","user_id":"@a:ferry.test","media_type":"image/png","upload_name":null,"length":3,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} Some("new")
    {"media_id":"AAAAold","user_id":"@a:ferry.test","media_type":"image/png","upload_name":"ä.png","length":3,"created_ts":5,"sha256":"ab","quarantined_by":null,"safe_from_quarantine":true} None
    {"media_id":"AAAAquarantined","user_id":"@a:ferry.test","media_type":null,"upload_name":null,"length":11,"created_ts":999999999,"sha256":null,"quarantined_by":"@m:ferry.test","safe_from_quarantine":false} None
    {"media_id":"AAAAreserved","user_id":"@b:ferry.test","media_type":null,"upload_name":null,"length":null,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} None
    {"media_id":"AAAAmissing","user_id":null,"media_type":null,"upload_name":null,"length":5,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} None
    "#);
    let place = dir.path().display().to_string();
    insta::assert_snapshot!(read.problems.join("\n").replace(&place, "STORE"), @r"
    media, ../../x: its ID is none of Synapse's
    media, AAAAwhose: its uploader is no user ID (leading sigil is incorrect or missing)
    media content, AAAAmissing: STORE/local_content/AA/AA/missing: No such file or directory (os error 2)
    ");
    // Without contents nobody looks for files.
    let read = section(rows, wanted(Media::Refs), |database, to| {
        media::read(database, None, to)
    });
    assert_eq!((read.records.len(), read.problems.len()), (5, 2));
}

#[test]
fn other_servers_keys_are_the_latest_of_each_without_repetitions() {
    let read = section(
        "INSERT INTO server_keys_json VALUES
           ('b.test', 'ed25519:1', 'b.test', 1, 1, x'7b226f6c64223a317d'),
           ('b.test', 'ed25519:1', 'm.test', 2, 1, '{\"new\":1}'),
           ('b.test', 'ed25519:2', 'b.test', 2, 1, '{\"new\":1}'),
           ('b.test', 'ed25519:3', 'b.test', 2, 1, '{\"more\":1}'),
           ('c.test', 'ed25519:1', 'c.test', 2, 1, 'not json'),
           ('e.test', 'ed25519:1', 'e.test', 2, 1, '{}');",
        Wanted::default(),
        |database, to| {
            let servers = ["b.test", "c.test", "d.test", "ferry.test"]
                .map(|name| name.try_into().unwrap())
                .into();
            server_keys::others(database, server_name!("ferry.test"), servers, to)
        },
    );
    let lines: Vec<String> = read
        .records
        .iter()
        .map(|record| match record {
            Record::ServerKeys(server, keys) => format!("{server} {}", keys.get()),
            _ => panic!("no keys"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    b.test {"more":1}
    b.test {"new":1}
    "#);
    insta::assert_snapshot!(read.problems.join("\n"), @r"
    server keys, c.test: its key ed25519:1 is no JSON (expected ident at line 1 column 2)
    server keys, c.test: Synapse has none
    server keys, d.test: Synapse has none
    ");
}

#[test]
fn the_server_is_that_of_its_users() {
    let about = |rows: &str| {
        let mut database = database(&format!("{TABLES}{rows}"));
        about::read(&mut database, server_name!("configured.test")).map(|about| {
            format!(
                "{} at {:?}, {} warnings",
                about.server_name,
                about.stream_position,
                about.warnings.len()
            )
        })
    };
    let version = "INSERT INTO schema_version (version) VALUES (94);";
    assert_eq!(
        about(version).unwrap(),
        "configured.test at None, 0 warnings"
    );
    let rows = format!(
        "{version} INSERT INTO users (name) VALUES ('@a:old.test'); INSERT INTO events VALUES (7), (-3);
         INSERT INTO background_updates (update_name) VALUES ('x');"
    );
    assert_eq!(about(&rows).unwrap(), "old.test at Some(7), 1 warnings");
    let rows = format!("{version} INSERT INTO users (name) VALUES ('anna');");
    assert!(
        about(&rows)
            .unwrap_err()
            .to_string()
            .contains("is called \"anna\"")
    );
}

/// The reader's own way, from the configuration on.
#[tokio::test]
async fn the_reader_opens_what_the_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "homeserver.yaml",
        "server_name: ferry.test\ndatabase: {args: {database: h.db}}",
    );
    Connection::open(dir.path().join("h.db"))
        .unwrap()
        .execute_batch(&format!(
            "{TABLES} INSERT INTO schema_version (version) VALUES (94); {}",
            include_str!("anna.sql")
        ))
        .unwrap();
    let mut settings = config::sample(dir.path()).synapse;
    let server = || server_name!("ferry.test").to_owned();
    let refused = DatabaseReader::new(&settings, server()).err().unwrap();
    insta::assert_snapshot!(refused, @"synapse.database is missing: give it, or synapse.homeserver_yaml, to read Synapse's database");
    settings.homeserver_yaml = Some(dir.path().join("homeserver.yaml"));
    let mut reader = DatabaseReader::new(&settings, server()).unwrap();
    assert_eq!(reader.about().await.unwrap().server_name, "ferry.test");

    // Contents are wanted, and the media store is not there.
    let wanted = Wanted {
        media: Media::All,
        ..Wanted::default()
    };
    let (job, _events) = Job::new();
    let (intake, mut records) = Intake::new(job, wanted, &server(), 0, None).unwrap();
    let refused = reader.users(&intake).await.unwrap_err().to_string();
    let place = dir.path().display().to_string();
    insta::assert_snapshot!(refused.replace(&place, "FOLDER"), @"Synapse's media store FOLDER/media_store is not there: set synapse.media_path to the folder that holds local_content, or export with --media refs");
    fs::create_dir(dir.path().join("media_store")).unwrap();
    reader.users(&intake).await.unwrap();
    assert!(matches!(records.recv().await, Some(Record::User(_))));

    // The own keys are made from the signing key that the yaml leads to.
    write(
        "ferry.test.signing.key",
        "ed25519 a YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n",
    );
    reader
        .server_keys([server()].into(), &intake)
        .await
        .unwrap();
    let Some(Record::ServerKeys(name, keys)) = records.recv().await else {
        panic!("no keys");
    };
    assert_eq!(name, "ferry.test");
    assert!(keys.get().contains("\"ed25519:a\""));

    // And without it Synapse is asked, which does not run here.
    fs::remove_file(dir.path().join("ferry.test.signing.key")).unwrap();
    settings.url = "http://127.0.0.1:9".to_owned();
    let yaml = HomeserverYaml::read(Path::new(settings.homeserver_yaml.as_ref().unwrap())).unwrap();
    assert!(yaml.key_object(0).is_err());
}

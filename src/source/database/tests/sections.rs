//! Each section from small tables, good rows and bad ones side by side.

mod bad_rows;
mod beyond_users;
mod push_rules;

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

//! Rows that Synapse would not have written.

use super::*;

#[test]
fn bad_rows_are_problems_and_the_rest_is_read() {
    let read = section(include_str!("../bad.sql"), Wanted::default(), users::read);
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

use clap::Parser;
use matrix_sdk_crypto::store::types::BackupDecryptionKey;

use super::*;
use crate::{
    Error,
    bot_keys::{
        cross_check::CrossCheck,
        errand::{All, Found, Stage},
        key_backup::{
            enable::{Enabled, KeyFrom, Storage},
            upload::{Failed, Uploaded},
            verify::Verified,
        },
        old_device::Device,
    },
    command::bot_keys::BotKeys,
    operation::bot_keys::Before,
};

fn found() -> Found {
    Found {
        from: vec!["storage/encrypted/matrix-sdk-crypto".into()],
        is_file: false,
        keys: 12_345,
        rooms: 500,
        broken: 0,
        list: None,
        changed: false,
        cross_checks: Vec::new(),
    }
}

fn enabled() -> Enabled {
    Enabled {
        version: "3".into(),
        public_key: "cHVibGlj".into(),
        key: BackupDecryptionKey::from_bytes(&[7; 32]),
        from: KeyFrom::New,
        storage: Storage::Made,
        opens_storage: true,
        signed_by: vec!["ed25519:OLD".into()],
        file: "files/recovery-key.txt".into(),
    }
}

fn failed(reason: &str) -> Failed {
    Failed {
        room: "!r:x".try_into().unwrap(),
        session: "c2Vzc2lvbg".into(),
        reason: reason.into(),
    }
}

fn all() -> All {
    All {
        user: "@bot:x".try_into().unwrap(),
        found: found(),
        enabled: enabled(),
        uploaded: Uploaded {
            keys: 12_345,
            sent: 12_300,
            there: 45,
            failed: Vec::new(),
        },
        verified: Verified {
            version: "3".into(),
            in_store: 12_345,
            in_backup: 12_345,
            compared: 12_345,
            doubtful: 0,
            wrong: Vec::new(),
        },
        took_ms: [
            (Stage::Extract, 4_400),
            (Stage::Enable, 80),
            (Stage::Upload, 9_200),
            (Stage::Verify, 6_000),
        ]
        .into(),
    }
}

fn outcome(done: Done) -> Outcome {
    Outcome {
        user: Some("@bot:x".try_into().unwrap()),
        result: Ok(done),
    }
}

fn said(done: Done) -> String {
    short(&[outcome(done)])
}

#[test]
fn the_whole_way_of_one() {
    let all = Box::new(all());
    insta::assert_snapshot!(said(Done::All { all, shown: None }), @r"
    **Status: COMPLETE**, of `@bot:x`

    - store: 12,345 keys of 500 rooms in `storage/encrypted/matrix-sdk-crypto`
    - backup: version `3`, made now, signed by `ed25519:OLD`
    - secret storage: set up; the recovery key opens it
    - uploaded: 12,300 keys; 45 as good or better there before
    - compared: 12,345 of 12,345 keys with version `3`, which has 12,345; all are there, and the same
    - took: reading the store 4.4 s, backup a moment, encrypting and uploading 9.2 s, comparing 6.0 s

    The recovery key is in `files/recovery-key.txt`: keep it where only you can read it, and nowhere else.

    Give the new bot this recovery key: it reads what the old one could. When it does, delete the old device. Next: `bot-keys delete-device`.
    ");
}

#[test]
fn what_is_missing_comes_with_its_reason() {
    let mut all = all();
    all.found.broken = 2;
    all.found.list = Some("files/failed-sessions.json".into());
    all.found.changed = true;
    all.found.cross_checks = vec![
        CrossCheck {
            rows: 12_000,
            found: 12_000,
            ..CrossCheck::default()
        },
        CrossCheck {
            rows: 12_000,
            found: 11_990,
            broken: 3,
            missing: 7,
            failed: Some("it panicked".into()),
            ..CrossCheck::default()
        },
    ];
    all.enabled.from = KeyFrom::SecretStorage;
    all.enabled.storage = Storage::Closed;
    all.uploaded.failed = vec![failed("the homeserver answered 500")];
    all.verified.wrong = vec![failed("it is missing")];
    all.verified.doubtful = 1;
    let all = Box::new(all);
    let shown = Some("EsTx aaaa".into());
    insta::assert_snapshot!(said(Done::All { all, shown }), @r"
    **Status: INCOMPLETE**, but for 2 places of the store that are broken, of `@bot:x`

    - store: 12,345 keys of 500 rooms in `storage/encrypted/matrix-sdk-crypto`
    - broken: 2 places, listed in `files/failed-sessions.json`
    - Sled itself: 12,000 rows, 12,000 of them taken out
    - Sled itself: 12,000 rows, 11,990 of them taken out, 3 broken, **7 missing**; **it did not get to the end** (it panicked), so nothing is known of other rows
    - **the store changed while it was read**: its newest keys may be missing; stop the bot, and do it again
    - backup: version `3`, there before; its key was in the secret storage
    - secret storage: **there, and closed**: nothing that was given opens it, so clients don't find the backup's key in it
    - uploaded: 12,300 keys; 45 as good or better there before; **1 not taken**
    - compared: 12,345 of 12,345 keys with version `3`, which has 12,345; **1 missing or different**; 1 that nothing proves replaced none
    - took: reading the store 4.4 s, backup a moment, encrypting and uploading 9.2 s, comparing 6.0 s

    1 key not taken:

    - `c2Vzc2lvbg` of `!r:x`: the homeserver answered 500

    1 key missing or different:

    - `c2Vzc2lvbg` of `!r:x`: it is missing

    The recovery key is in `files/recovery-key.txt`: keep it where only you can read it, and nowhere else.

    ```text
    EsTx aaaa
    ```

    The same command again goes on where this one ended.
    ");
}

#[test]
fn a_recovery_key_is_in_no_report() {
    let all = Box::new(all());
    let shown = Some("EsTx aaaa".into());
    let user = "@bot:x".try_into().unwrap();
    let enabled = Done::Enabled {
        user,
        enabled: enabled(),
        shown: Some("EsTx aaaa".into()),
    };
    for done in [Done::All { all, shown }, enabled] {
        let outcomes = [outcome(done)];
        assert!(short(&outcomes).contains("EsTx"));
        assert!(!full(&outcomes).contains("EsTx"));
        assert!(!data(&outcomes).to_string().contains("EsTx"));
    }
}

#[test]
fn single_steps() {
    let user = || "@bot:x".try_into().unwrap();
    let done = [
        Done::Extracted {
            found: found(),
            files: vec![
                "files/room-keys.txt".into(),
                "files/extracted-keys.json".into(),
            ],
            plain: Some("files/extracted-keys.json".into()),
        },
        Done::Enabled {
            user: user(),
            enabled: Enabled {
                from: KeyFrom::File,
                storage: Storage::Kept,
                opens_storage: false,
                ..enabled()
            },
            shown: None,
        },
        Done::Uploaded {
            user: user(),
            found: Found {
                is_file: true,
                from: vec!["files/extracted-keys.json".into()],
                ..found()
            },
            uploaded: all().uploaded,
        },
        Done::Verified {
            user: user(),
            found: found(),
            verified: all().verified,
        },
        Done::Deleted {
            user: user(),
            device: Device {
                device_id: "OLD".into(),
                display_name: Some("harbour <b>".into()),
                last_seen_ts: None,
            },
        },
    ];
    insta::assert_snapshot!(done.map(said).join("\n---\n"), @r"
    - store: 12,345 keys of 500 rooms in `storage/encrypted/matrix-sdk-crypto`

    `files/room-keys.txt` is an encrypted export that clients import with its passphrase.
    `files/extracted-keys.json` has the keys unencrypted: whoever has it can read the bot's messages. Remove it when it is not needed any more.

    ---
    **`@bot:x` has a key backup.**

    - backup: version `3`, there before; its key is in the bot's folder
    - secret storage: has the backup's key

    The recovery key is in `files/recovery-key.txt`: keep it where only you can read it, and nowhere else.

    Next: `bot-keys upload`, or `bot-keys all`.

    ---
    **All keys of `@bot:x` are in its key backup.**

    - file: 12,345 keys of 500 rooms in `files/extracted-keys.json`
    - uploaded: 12,300 keys; 45 as good or better there before

    Next: `bot-keys verify`.

    ---
    **Status: COMPLETE**, of `@bot:x`

    - store: 12,345 keys of 500 rooms in `storage/encrypted/matrix-sdk-crypto`
    - compared: 12,345 of 12,345 keys with version `3`, which has 12,345; all are there, and the same

    ---
    The device `OLD` (harbour \<b\>) of `@bot:x` is gone from the homeserver.
    ");
}

#[test]
fn several_bots_with_the_one_that_failed_first() {
    let failed = Outcome {
        user: Some("@other:x".try_into().unwrap()),
        result: Err(Error::Usage("no crypto store is there".into())),
    };
    let good = Done::Verified {
        user: "@bot:x".try_into().unwrap(),
        found: found(),
        verified: all().verified,
    };
    let outcomes = [outcome(good), failed];
    insta::assert_snapshot!(short(&outcomes), @r"
    **1 of 2 bots are done, and nothing is missing of them.**

    ### `@other:x`

    Not done: no crypto store is there

    ### `@bot:x`

    **Status: COMPLETE**, of `@bot:x`

    - store: 12,345 keys of 500 rooms in `storage/encrypted/matrix-sdk-crypto`
    - compared: 12,345 of 12,345 keys with version `3`, which has 12,345; all are there, and the same
    ");
    let data = data(&outcomes);
    assert_eq!(data[0]["good"], true);
    assert_eq!(data[0]["verified"]["compared"], 12_345);
    assert_eq!(data[1]["exit"], 2);
}

#[test]
fn no_key_is_in_what_machines_read() {
    let all = Box::new(all());
    let data = data(&[outcome(Done::All {
        all,
        shown: Some("EsTx".into()),
    })]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&data).unwrap(), @r#"
    [
      {
        "enabled": {
          "file": "files/recovery-key.txt",
          "from": "new",
          "opens_storage": true,
          "public_key": "cHVibGlj",
          "signed_by": [
            "ed25519:OLD"
          ],
          "storage": "made",
          "version": "3"
        },
        "found": {
          "broken": 0,
          "changed": false,
          "cross_checks": [],
          "from": [
            "storage/encrypted/matrix-sdk-crypto"
          ],
          "is_file": false,
          "keys": 12345,
          "list": null,
          "rooms": 500
        },
        "good": true,
        "took_ms": {
          "enable": 80,
          "extract": 4400,
          "upload": 9200,
          "verify": 6000
        },
        "uploaded": {
          "failed": [],
          "keys": 12345,
          "sent": 12300,
          "there": 45
        },
        "user": "@bot:x",
        "verified": {
          "compared": 12345,
          "doubtful": 0,
          "in_backup": 12345,
          "in_store": 12345,
          "version": "3",
          "wrong": []
        }
      }
    ]
    "#);
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    order: BotKeys,
}

#[test]
fn what_would_be_done() {
    let before = |backup, device: Option<&str>| Before {
        user: Some("@bot:x".try_into().unwrap()),
        found: Ok(backup),
        device: device.map(str::to_owned),
    };
    let bots = [
        before(None, None),
        before(Some(("4".to_owned(), 1_200)), None),
    ];
    let order = |words: &str| {
        let words = std::iter::once("bot-keys").chain(words.split_whitespace());
        Line::try_parse_from(words).unwrap().order
    };
    let unreached = Before {
        found: Err(Error::Usage("no token".into())),
        ..before(None, None)
    };
    let texts = [
        preview(&order("all"), &[unreached]),
        preview(&order("all"), &bots),
        preview(&order("enable --new-version"), &bots),
        preview(&order("upload"), &bots[1..]),
        preview(&order("delete-device"), &[before(None, Some("OLD"))]),
    ];
    insta::assert_snapshot!(texts.join("\n---\n"), @r"
    **The room keys of 1 bot will be read, put into their key backups and compared**; the stores are only read, recovery keys go into files on Ferryman's machine.

    - `@bot:x`: can't be done now: no token

    ---
    **The room keys of 2 bots will be read, put into their key backups and compared**; the stores are only read, recovery keys go into files on Ferryman's machine.

    - `@bot:x`: a new backup
    - `@bot:x`: the backup that is there, version `4` with 1,200 keys

    ---
    **2 bots will have a key backup**; the recovery key goes into a file on Ferryman's machine.

    - `@bot:x`: a new backup
    - `@bot:x`: a new backup, in place of version `4` with 1,200 keys

    ---
    **The room keys of 1 bot will go into their key backups**; nothing there is replaced by anything worse.

    - `@bot:x`: the backup that is there, version `4` with 1,200 keys

    ---
    **A device will be logged out and deleted; what it alone can read nobody can read after that.** Run `bot-keys verify` before.

    - `@bot:x`: device `OLD`
    ");
}

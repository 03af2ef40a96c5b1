//! Stores of matrix-sdk-sqlite, made by the SDK that is in use here.

use std::sync::Arc;

use matrix_sdk::SqliteCryptoStore;
use matrix_sdk_crypto::{OlmMachine, olm::ExportedRoomKey};
use ruma::{device_id, user_id};
use rusqlite::Connection;

use super::*;

/// A store with the keys of a fixture, and the keys as the SDK exports them. It stays open: its log has the newest rows.
pub(super) async fn made(passphrase: Option<&str>) -> (TempDir, Keys, OlmMachine) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteCryptoStore::open(folder.path(), passphrase)
        .await
        .unwrap();
    let machine = OlmMachine::with_store(
        user_id!("@bot:example.org"),
        device_id!("NEWDEVICE"),
        Arc::new(store),
        None,
    )
    .await
    .unwrap();
    let fixture = Fixture::new("v5-none");
    let given: Vec<ExportedRoomKey> = fixture
        .expected
        .into_values()
        .map(|key| serde_json::from_value(key).unwrap())
        .collect();
    machine
        .store()
        .import_exported_room_keys(given, |_, _| {})
        .await
        .unwrap();
    let exported = machine.store().export_room_keys(|_| true).await.unwrap();
    let mut expected = by_name(
        exported
            .iter()
            .map(|key| serde_json::to_value(key).unwrap()),
    );
    for key in expected.values_mut() {
        // False is what a key is without it.
        let shared = key.as_object_mut().unwrap().remove("m.shared_history");
        assert_eq!(shared, Some(Value::Bool(false)));
    }
    (folder, expected, machine)
}

#[tokio::test]
async fn every_key_is_the_one_that_the_sdk_exports_also_while_it_is_in_use() {
    for (made_with, read_with) in [
        (None, None),
        (Some(""), None),
        (Some(PASSPHRASE), Some(PASSPHRASE)),
    ] {
        let (folder, expected, _open) = made(made_with).await;
        let wish = match read_with {
            Some(passphrase) => with_passphrase(wish(folder.path()), passphrase),
            None => wish(folder.path()),
        };
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let before = names();
        let extracted = extract(&wish).unwrap();
        assert_eq!(expected.len(), SESSIONS);
        assert_eq!(keys(&extracted), expected, "{made_with:?}");
        assert_eq!(broken(&extracted), []);
        assert_eq!(names(), before);
    }
}

#[tokio::test]
async fn a_broken_row_is_listed_with_its_key() {
    let (folder, expected, machine) = made(Some("")).await;
    drop(machine);
    let db = Connection::open(folder.path().join("matrix-sdk-crypto.sqlite3")).unwrap();
    db.execute(
        "UPDATE inbound_group_session SET data = x'83' WHERE rowid = 3",
        [],
    )
    .unwrap();
    let sentence = sentence(extract(&wish(folder.path())), folder.path());
    insta::assert_snapshot!(sentence, @"crypto store …: 1 broken, the first one at row 3 of matrix-sdk-crypto.sqlite3 (it does not decrypt: it is damaged): give --skip-errors to take out all that is intact and to have the broken ones listed");
    let extracted = extract(&Wish {
        skip_errors: true,
        ..wish(folder.path())
    })
    .unwrap();
    assert_eq!(keys(&extracted).len(), expected.len() - 1);
    let listed = broken(&extracted);
    assert_eq!(listed[0].offset, Some(3));
    assert_eq!(listed[0].row_key.as_ref().unwrap().len(), 32);
}

#[tokio::test]
async fn a_wrong_passphrase_is_told() {
    let (folder, _, _open) = made(Some(PASSPHRASE)).await;
    insta::assert_snapshot!(sentence(extract(&wish(folder.path())), folder.path()), @"crypto store …/matrix-sdk-crypto.sqlite3: it is encrypted, and not with the empty passphrase that bots use: give its passphrase");
    let wrong = extract(&with_passphrase(wish(folder.path()), "battery staple"));
    insta::assert_snapshot!(sentence(wrong, folder.path()), @"crypto store …/matrix-sdk-crypto.sqlite3: the passphrase is wrong, or the row with the store's cipher is damaged");
}

#[test]
fn what_is_no_store_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("matrix-sdk-crypto.sqlite3"),
        "nothing of the kind",
    )
    .unwrap();
    insta::assert_snapshot!(sentence(extract(&wish(folder.path())), folder.path()), @"crypto store …/matrix-sdk-crypto.sqlite3: it can't be read as a crypto store of matrix-sdk-sqlite (file is not a database)");
}

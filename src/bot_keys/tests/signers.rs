//! The keys that sign: a device's and an identity's, out of stores of every kind.

use matrix_sdk_store_encryption::StoreCipher;
use ruma::user_id;
use serde_json::json;
use vodozemac::{Ed25519SecretKey, olm::Account};

use super::*;
use crate::bot_keys::{cipher, signer::Signer};

/// As `<key ID> of <user>` and with its public key.
fn told(extracted: &Extracted) -> Vec<(String, String)> {
    let tell = |signer: &Signer| (format!("{signer:?}"), signer.public_key().to_base64());
    let mut told: Vec<_> = extracted.signers().iter().map(tell).collect();
    told.sort();
    told
}

/// What a store of the repository is encrypted with.
fn cipher_of(fixture: &Fixture, passphrase: &str) -> StoreCipher {
    let log = fs::read(fixture.log()).unwrap();
    let row = [cipher::JSON, cipher::MESSAGE_PACK]
        .iter()
        .find_map(|begin| {
            let at = memchr::memmem::find(&log, begin)?;
            cipher::row(&log[at..])
        });
    StoreCipher::import(passphrase, row.unwrap()).unwrap()
}

/// An account as all versions write it, with some that only new ones do, and whose public key it has.
fn account(one_time_keys: usize) -> (String, String) {
    let mut account = Account::new();
    for _ in 0..one_time_keys.div_ceil(50) {
        account.generate_one_time_keys(50);
        account.mark_keys_as_published();
    }
    let pickle = serde_json::to_string(&account.pickle()).unwrap();
    let text = format!(
        r#"{{"user_id":"@bot:example.org","device_id":"OLDDEVICE","pickle":{pickle},"shared":true,"uploaded_signed_key_count":50,"creation_local_time":1}}"#
    );
    (text, account.ed25519_key().to_base64())
}

/// An identity, likewise.
fn identity() -> (String, String) {
    let keys = [(); 3].map(|()| Ed25519SecretKey::new());
    let signing = |key: &Ed25519SecretKey, usage: &str| {
        let public = key.public_key().to_base64();
        let public = json!({"user_id": "@bot:example.org", "usage": [usage], "keys": {format!("ed25519:{public}"): public}});
        format!(
            r#"{{"pickle":{},"public_key":{public}}}"#,
            serde_json::to_string(key).unwrap()
        )
    };
    let text = format!(
        r#"{{"user_id":"@bot:example.org","shared":true,"keys":{{"master_key":{},"user_signing_key":{},"self_signing_key":{}}}}}"#,
        signing(&keys[0], "master"),
        signing(&keys[1], "user_signing"),
        signing(&keys[2], "self_signing"),
    );
    (text, keys[0].public_key().to_base64())
}

/// Puts values into a store, each into a file of its own.
fn add(fixture: &Fixture, values: &[Vec<u8>]) {
    let blobs = fixture.log().with_file_name("blobs");
    fs::create_dir_all(&blobs).unwrap();
    for (number, value) in values.iter().enumerate() {
        let content = [b"\0\x08account\xff".as_slice(), value].concat();
        fs::write(blobs.join(number.to_string()), content).unwrap();
    }
}

#[test]
fn the_key_of_the_device_is_the_one_that_the_store_lists_for_it() {
    for name in ["v4-none", "v5-none"] {
        let fixture = Fixture::new(name);
        let log = fs::read(fixture.log()).unwrap();
        let listed = br#""ed25519:OLDDEVICE":""#;
        let at = memchr::memmem::find(&log, listed).unwrap() + listed.len();
        let public = String::from_utf8(log[at..at + 43].to_vec()).unwrap();
        let expected = ("ed25519:OLDDEVICE of @bot:example.org".to_owned(), public);
        assert_eq!(told(&fixture.extract().unwrap()), [expected], "{name}");
    }
}

#[test]
fn an_encrypted_store_gives_it_too() {
    for version in ["v4", "v5"] {
        for (mode, passphrase) in [("empty", ""), ("correct-horse", PASSPHRASE)] {
            let fixture = Fixture::new(&format!("{version}-{mode}"));
            let extracted = extract(&with_passphrase(fixture.wish(), passphrase)).unwrap();
            let told = told(&extracted);
            assert_eq!(told.len(), 1, "{version} {mode}");
            assert_eq!(told[0].0, "ed25519:OLDDEVICE of @bot:example.org");
        }
    }
}

#[test]
fn an_account_and_an_identity_are_found_in_stores_of_all_versions() {
    for (name, passphrase) in [
        ("v4-empty", Some("")),
        ("v5-correct-horse", Some(PASSPHRASE)),
        ("v7-none", None),
        ("v7-empty", Some("")),
        ("v7-correct-horse", Some(PASSPHRASE)),
    ] {
        let fixture = Fixture::new(name);
        let ((account, of_device), (identity, of_master)) = (account(3), identity());
        let texts = [account.clone(), identity, account];
        let values = texts.map(|text| match passphrase {
            None => text.into_bytes(),
            Some(passphrase) => {
                let cipher = cipher_of(&fixture, passphrase);
                let sealed = cipher.encrypt_value_data(text.into_bytes()).unwrap();
                serde_json::to_vec(&sealed).unwrap()
            }
        });
        add(&fixture, &values);
        let wish = with_passphrase(fixture.wish(), passphrase.unwrap_or_default());
        let extracted = extract(&wish).unwrap();
        assert_eq!(keys(&extracted), fixture.expected, "{name}");
        let told = told(&extracted);
        let user = "@bot:example.org";
        for expected in [
            (format!("ed25519:OLDDEVICE of {user}"), of_device),
            (format!("ed25519:{of_master} of {user}"), of_master),
        ] {
            let found = told.iter().filter(|it| **it == expected).count();
            assert_eq!(found, 1, "{name}: {expected:?} in {told:?}");
        }
    }
}

#[test]
fn an_account_with_all_its_one_time_keys_is_read_and_not_taken_for_broken() {
    let fixture = Fixture::new("v7-empty");
    let (account, public) = account(5_000);
    let sealed = cipher_of(&fixture, "").encrypt_value_data(account.into_bytes());
    let value = serde_json::to_vec(&sealed.unwrap()).unwrap();
    assert!(value.len() > 2 << 20, "{}", value.len());
    add(&fixture, &[value]);
    let extracted = fixture.extract().unwrap();
    assert_eq!(keys(&extracted), fixture.expected);
    assert_eq!(told(&extracted)[0].1, public);
}

#[tokio::test]
async fn an_sqlite_store_gives_both() {
    for (made_with, read_with) in [
        (None, None),
        (Some(""), None),
        (Some(PASSPHRASE), Some(PASSPHRASE)),
    ] {
        let (folder, _, machine) = sqlite::made(made_with).await;
        let wish = match read_with {
            Some(passphrase) => with_passphrase(wish(folder.path()), passphrase),
            None => wish(folder.path()),
        };
        let of_device = (
            "ed25519:NEWDEVICE of @bot:example.org".to_owned(),
            machine.identity_keys().ed25519.to_base64(),
        );
        // It has no identity yet.
        assert_eq!(
            told(&extract(&wish).unwrap()),
            std::slice::from_ref(&of_device)
        );
        machine.bootstrap_cross_signing(false).await.unwrap();
        let extracted = extract(&wish).unwrap();
        let seeds = machine.export_cross_signing_keys().await.unwrap().unwrap();
        let seed = Ed25519SecretKey::from_base64(seeds.master_key.as_deref().unwrap()).unwrap();
        let master = seed.public_key().to_base64();
        let of_master = (format!("ed25519:{master} of @bot:example.org"), master);
        let mut expected = [of_device, of_master];
        expected.sort();
        assert_eq!(told(&extracted), expected, "{made_with:?}");
        let signers = extracted.signers();
        assert_eq!(signers.of(user_id!("@bot:example.org"), None).count(), 2);
        assert_eq!(signers.of(user_id!("@other:example.org"), None).count(), 0);
    }
}

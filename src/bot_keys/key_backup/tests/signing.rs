//! Who signs a new version, and whether the SDK takes the signatures for what they are.

use matrix_sdk_crypto::{
    OlmMachine,
    backups::{SignatureState, SignatureVerification},
    store::MemoryStore,
    types::RoomKeyBackupInfo,
};
use ruma::{OwnedDeviceId, UserId, owned_device_id, user_id};
use serde_json::Value;
use vodozemac::{Ed25519PublicKey, Ed25519SecretKey, Ed25519Signature, olm::Account};

use super::*;
use crate::bot_keys::signer::{Signer, Signers, from_json};

/// A device of the bot's with an identity, and what its store says of both.
struct Device {
    machine: OlmMachine,
    account: Signer,
    master: Signer,
    /// What a homeserver publishes of it.
    published: Value,
}

fn account_of(user: &UserId, device: &str, account: &Account) -> Signer {
    let text = json!({"user_id": user, "device_id": device, "pickle": account.pickle()});
    from_json(text.to_string().as_bytes()).unwrap()
}

fn master_of(user: &UserId, seed: &Ed25519SecretKey) -> Signer {
    let master = json!({"pickle": seed, "public_key": {}});
    let text = json!({"user_id": user, "shared": true, "keys": {"master_key": master}});
    from_json(text.to_string().as_bytes()).unwrap()
}

async fn device() -> Device {
    let user = user_id!("@bot:x");
    let own = Account::new();
    let account = account_of(user, "OLD", &own);
    let store = MemoryStore::new();
    let machine = OlmMachine::with_store(user, &owned_device_id!("OLD"), store, Some(own))
        .await
        .unwrap();
    let uploads = machine.bootstrap_cross_signing(false).await.unwrap();
    let seed = machine.export_cross_signing_keys().await.unwrap().unwrap();
    let seed = Ed25519SecretKey::from_base64(&seed.master_key.clone().unwrap()).unwrap();
    let keys = machine
        .get_device(user, &owned_device_id!("OLD"), None)
        .await
        .unwrap()
        .unwrap();
    let published = json!({
        "device_keys": {"@bot:x": {"OLD": keys.as_device_keys()}},
        "master_keys": {"@bot:x": uploads.upload_signing_keys_req.master_key},
    });
    Device {
        machine,
        account,
        master: master_of(user, &seed),
        published,
    }
}

/// What came of a new version: its `auth_data`, and who signed it.
async fn made(
    published: &Value,
    signers: &[&Signer],
    device: Option<OwnedDeviceId>,
) -> (Value, Vec<String>) {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    server.set(|memory| memory.published = published.clone());
    let mut all = Signers::default();
    for signer in signers {
        all.add((*signer).clone());
    }
    let wanted = Wanted {
        signers: all,
        device,
        ..Wanted::default()
    };
    let enabled = server.enable(dir.path(), &wanted).await.unwrap();
    let auth_data = server.memory.lock().unwrap().versions[0]["auth_data"].clone();
    assert_eq!(auth_data["public_key"], enabled.public_key);
    // A version that is there is not signed once more.
    let again = server.enable(dir.path(), &wanted).await.unwrap();
    assert_eq!((again.version, again.signed_by.len()), (enabled.version, 0));
    (auth_data, enabled.signed_by)
}

async fn checked(machine: &OlmMachine, auth_data: &Value) -> SignatureVerification {
    let info =
        json!({"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": auth_data});
    let info: RoomKeyBackupInfo = serde_json::from_value(info).unwrap();
    let machine = machine.backup_machine();
    machine.verify_backup(info, true).await.unwrap()
}

/// By hand, over the canonical JSON of an object with one field.
fn is_signed(auth_data: &Value, signer: &Signer) -> bool {
    let message = format!(r#"{{"public_key":{}}}"#, auth_data["public_key"]);
    let key = signer.public_key().to_base64();
    let key = Ed25519PublicKey::from_base64(&key).unwrap();
    let signature = &auth_data["signatures"][signer.user().as_str()][signer.key_id().as_str()];
    let signature = Ed25519Signature::from_base64(signature.as_str().unwrap()).unwrap();
    key.verify(message.as_bytes(), &signature).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_signed_by_the_device_and_the_identity() {
    let device = device().await;
    let (auth_data, by) = made(&device.published, &[&device.account, &device.master], None).await;
    assert_eq!(by.len(), 2);
    assert!(is_signed(&auth_data, &device.account) && is_signed(&auth_data, &device.master));
    let found = checked(&device.machine, &auth_data).await;
    assert_eq!(
        (found.device_signature, found.user_identity_signature),
        (
            SignatureState::ValidAndTrusted,
            SignatureState::ValidAndTrusted
        )
    );
    // Another public key in the same signatures.
    let mut changed = auth_data.clone();
    changed["public_key"] = json!("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo");
    let found = checked(&device.machine, &changed).await;
    assert_eq!(found.device_signature, SignatureState::Invalid);
    assert!(!found.trusted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_device_alone_is_enough() {
    let device = device().await;
    let mut published = device.published.clone();
    published.as_object_mut().unwrap().remove("master_keys");
    let signers = [&device.account, &device.master];
    let (auth_data, by) = made(&published, &signers, Some(owned_device_id!("OLD"))).await;
    assert_eq!(by, ["ed25519:OLD"]);
    let found = checked(&device.machine, &auth_data).await;
    assert_eq!(found.device_signature, SignatureState::ValidAndTrusted);
    assert_eq!(found.user_identity_signature, SignatureState::Missing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_homeserver_does_not_publish_does_not_sign() {
    let device = device().await;
    let user = user_id!("@bot:x");
    let nothing = json!({"device_keys": {"@bot:x": {}}});
    let both = [&device.account, &device.master];
    let strangers = [
        // The device has another key now, and the user another identity.
        &account_of(user, "OLD", &Account::new()),
        &master_of(user, &Ed25519SecretKey::new()),
    ];
    let of_another = user_id!("@other:x");
    let others = [
        &account_of(of_another, "OLD", &Account::new()),
        &master_of(of_another, &Ed25519SecretKey::new()),
    ];
    let another = Some(owned_device_id!("NEW"));
    for (published, signers, chosen) in [
        (&nothing, &both[..], None),
        (&device.published, &strangers, None),
        (&device.published, &others, None),
        (&device.published, &both[..1], another),
        (&device.published, &[], None),
    ] {
        let (auth_data, by) = made(published, signers, chosen).await;
        assert_eq!(auth_data["signatures"], json!({}), "{signers:?}");
        assert!(by.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_object_is_not_signed() {
    let account = Homeserver::start().await.account().await;
    let error = account.sign(json!(1), &Signers::default(), None).await;
    insta::assert_snapshot!(error.unwrap_err(), @"the backup can't be signed (invalid type: integer `1`, expected a map): report this as a fault");
}

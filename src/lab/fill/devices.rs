//! Devices with their keys, and cross-signing between them and between people.
//!
//! The keys sign, but nothing is encrypted with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Town,
    accounts::{BRIDGED, GUEST},
    signing_key::{SigningKey, random_key},
};
use crate::lab::{
    Result,
    client::{Client, DEVICE_NAME, v3},
};

/// What one device is called and has uploaded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Device {
    /// Its name, if it has one.
    pub display_name: Option<String>,
    /// Its identity keys with its own signature, as uploaded, and the self-signing key's if that has signed it.
    pub keys: Option<Value>,
    /// By key ID; each can be claimed once.
    pub one_time_keys: BTreeMap<String, Value>,
    /// By key ID.
    pub fallback_keys: BTreeMap<String, Value>,
}

/// A user's devices by ID.
pub type Devices = BTreeMap<String, Device>;

/// A device whose session and signing key are at hand.
pub(super) struct Signer {
    pub(super) client: Client,
    pub(super) device_id: String,
    pub(super) key: SigningKey,
}

/// Everybody's devices by user ID, and by localpart the first one with keys.
pub(super) type Made = (BTreeMap<String, Devices>, BTreeMap<&'static str, Signer>);

/// Logs people in more often than once and uploads keys for some devices.
pub(super) async fn devices(town: &Town) -> Result<Made> {
    let mut devices: BTreeMap<String, Devices> = BTreeMap::new();
    for (name, client) in &town.clients {
        let Some(id) = client.device_id() else {
            continue;
        };
        // These were registered, which names no device; all others have logged in.
        let named = !["alice", GUEST, BRIDGED].contains(name);
        let device = Device {
            display_name: named.then(|| DEVICE_NAME.to_owned()),
            ..Device::default()
        };
        let of_user = devices.entry(client.user_id().to_owned()).or_default();
        of_user.insert(id.to_owned(), device);
    }
    let bob = town.who("bob");
    for (id, name) in [
        ("BOBSPHONE", Some("Bobs Telefon 📱 „privat“")),
        ("BOB/tablet+1", Some("Tablet")),
        ("BOBSNAMELESS", None),
    ] {
        let mut device = json!({ "device_id": id });
        if let Some(name) = name {
            device["initial_device_display_name"] = json!(name);
        }
        bob.login_on("bob", &super::password("bob"), &device)
            .await?;
        let device = Device {
            display_name: name.map(str::to_owned),
            ..Device::default()
        };
        let of_bob = devices.entry(bob.user_id().to_owned()).or_default();
        of_bob.insert(id.to_owned(), device);
    }
    rename(bob, "BOB/tablet+1", &mut devices).await?;

    let mut signers = BTreeMap::new();
    for name in ["alice", "bob", "grace", "heidi", "judy"] {
        let device = format!("{}KEYS", name.to_uppercase());
        let client = town
            .who(name)
            .login_on(
                name,
                &super::password(name),
                &json!({ "device_id": device }),
            )
            .await?;
        let signer = Signer {
            key: SigningKey::of_device(&device)?,
            device_id: device,
            client,
        };
        let device = upload(&signer).await?;
        let of_user = devices.entry(town.id(name).to_owned()).or_default();
        of_user.insert(signer.device_id.clone(), device);
        signers.insert(name, signer);
    }
    Ok((devices, signers))
}

async fn rename(
    client: &Client,
    device_id: &str,
    devices: &mut BTreeMap<String, Devices>,
) -> Result<()> {
    let name = "Tablet, renamed";
    let path = v3(&["devices", device_id]);
    client.put(&path, &json!({ "display_name": name })).await?;
    if let Some(device) = devices
        .get_mut(client.user_id())
        .and_then(|devices| devices.get_mut(device_id))
    {
        device.display_name = Some(name.to_owned());
    }
    Ok(())
}

/// `POST /keys/upload`: identity keys, three one-time keys, a fallback key.
async fn upload(signer: &Signer) -> Result<Device> {
    let (user_id, id) = (signer.client.user_id(), &signer.device_id);
    let mut keys = json!({
        "user_id": user_id,
        "device_id": id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": { format!("curve25519:{id}"): random_key(), signer.key.id(): signer.key.public() },
    });
    signer.key.sign(user_id, &mut keys)?;
    let mut one_time_keys = BTreeMap::new();
    for number in 0..3 {
        let mut key = json!({ "key": random_key() });
        signer.key.sign(user_id, &mut key)?;
        one_time_keys.insert(format!("signed_curve25519:AAAA{number}"), key);
    }
    let mut fallback = json!({ "key": random_key(), "fallback": true });
    signer.key.sign(user_id, &mut fallback)?;
    let fallback_keys = BTreeMap::from([("signed_curve25519:FALL".to_owned(), fallback)]);
    let body = json!({
        "device_keys": keys,
        "one_time_keys": one_time_keys,
        "fallback_keys": fallback_keys,
    });
    signer.client.post(&v3(&["keys", "upload"]), &body).await?;
    Ok(Device {
        display_name: None,
        keys: Some(keys),
        one_time_keys,
        fallback_keys,
    })
}

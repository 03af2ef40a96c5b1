//! Cross-signing: each identity signs its own device, Alice has verified Bob, Bob has begun anew once.
//!
//! Shapes: [Cross-signing](https://spec.matrix.org/v1.16/client-server-api/#cross-signing).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Town,
    devices::{Devices, Signer},
    password,
    signing_key::SigningKey,
};
use crate::lab::{
    LabError, Result,
    client::{Client, v3},
};

/// One user's three public keys with all signatures. Synapse's `/keys/query` shows everybody only the signatures that
/// they made themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossSigning {
    /// With the signatures of the owner's device and of the people who verified the owner.
    pub master: Value,
    /// Signed by the master key.
    pub self_signing: Value,
    /// Signed by the master key.
    pub user_signing: Value,
}

struct Identity {
    self_signing: SigningKey,
    user_signing: SigningKey,
    public: CrossSigning,
}

impl Identity {
    fn new(user_id: &str) -> Result<Self> {
        let master = SigningKey::of_user()?;
        let (self_signing, user_signing) = (SigningKey::of_user()?, SigningKey::of_user()?);
        let mut signed = [
            (&self_signing, "self_signing"),
            (&user_signing, "user_signing"),
        ]
        .map(|(key, usage)| public(user_id, key, usage));
        for key in &mut signed {
            master.sign(user_id, key)?;
        }
        let [of_self, of_user] = signed;
        Ok(Self {
            public: CrossSigning {
                master: public(user_id, &master, "master"),
                self_signing: of_self,
                user_signing: of_user,
            },
            self_signing,
            user_signing,
        })
    }

    fn upload(&self) -> Value {
        json!({
            "master_key": self.public.master,
            "self_signing_key": self.public.self_signing,
            "user_signing_key": self.public.user_signing,
        })
    }

    fn master_id(&self) -> String {
        let keys = self.public.master["keys"].as_object();
        keys.and_then(|keys| keys.values().next()?.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

fn public(user_id: &str, key: &SigningKey, usage: &str) -> Value {
    json!({ "user_id": user_id, "usage": [usage], "keys": { key.id(): key.public() } })
}

/// A user's first identity, which no device has signed.
pub async fn sign_up(client: &Client) -> Result<CrossSigning> {
    let identity = Identity::new(client.user_id())?;
    let path = v3(&["keys", "device_signing", "upload"]);
    client.post(&path, &identity.upload()).await?;
    Ok(identity.public)
}

/// Uploads identities; the signatures of devices go into `devices`.
pub(super) async fn cross_sign(
    town: &Town,
    signers: &BTreeMap<&'static str, Signer>,
    devices: &mut BTreeMap<String, Devices>,
) -> Result<BTreeMap<String, CrossSigning>> {
    let mut identities = BTreeMap::new();
    for name in ["alice", "bob", "grace"] {
        let signer = &signers[name];
        let user_id = town.id(name);
        let mut identity = Identity::new(user_id)?;
        upload(signer, &identity, None).await?;
        if name == "bob" {
            // Beginning anew takes the password; nothing of the first identity stays.
            identity = Identity::new(user_id)?;
            upload(signer, &identity, Some(&password(name))).await?;
        }
        signer.key.sign(user_id, &mut identity.public.master)?;
        let mut body = json!({ user_id: { identity.master_id(): identity.public.master } });
        if let Some(keys) = devices
            .get_mut(user_id)
            .and_then(|devices| devices.get_mut(&signer.device_id)?.keys.as_mut())
        {
            identity.self_signing.sign(user_id, keys)?;
            body[user_id][&signer.device_id] = keys.clone();
        }
        publish(signer, &body).await?;
        identities.insert(name, identity);
    }
    verify(town, signers, &mut identities).await?;
    Ok(identities
        .into_iter()
        .map(|(name, identity)| (town.id(name).to_owned(), identity.public))
        .collect())
}

/// Alice signs Bob's master key; nobody but her is shown that signature.
async fn verify(
    town: &Town,
    signers: &BTreeMap<&'static str, Signer>,
    identities: &mut BTreeMap<&'static str, Identity>,
) -> Result<()> {
    let (alice, bob) = (town.id("alice"), town.id("bob"));
    let Some(mut of_bob) = identities.remove("bob") else {
        return Ok(());
    };
    let mut master = of_bob.public.master.clone();
    // A user signs what is published, without the signatures that it has already.
    master["signatures"] = json!({});
    identities["alice"].user_signing.sign(alice, &mut master)?;
    publish(
        &signers["alice"],
        &json!({ bob: { of_bob.master_id(): master } }),
    )
    .await?;
    of_bob.public.master["signatures"][alice] = master["signatures"][alice].clone();
    identities.insert("bob", of_bob);
    Ok(())
}

/// `POST /keys/device_signing/upload`; if Synapse asks for a password, once more with it.
async fn upload(signer: &Signer, identity: &Identity, password: Option<&str>) -> Result<()> {
    let path = v3(&["keys", "device_signing", "upload"]);
    let mut body = identity.upload();
    let asked = match (signer.client.post(&path, &body).await, password) {
        (
            Err(LabError::Answer {
                status: 401, body, ..
            }),
            Some(_),
        ) => body,
        (answer, _) => return answer.map(drop),
    };
    body["auth"] = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": signer.client.user_id() },
        "password": password,
        "session": asked["session"],
    });
    signer.client.post(&path, &body).await?;
    Ok(())
}

/// `POST /keys/signatures/upload`: it answers 200 for signatures that it refuses, too.
async fn publish(signer: &Signer, body: &Value) -> Result<()> {
    let path = v3(&["keys", "signatures", "upload"]);
    let answer = signer.client.post(&path, body).await?;
    if answer["failures"] == json!({}) {
        return Ok(());
    }
    Err(LabError::Answer {
        request: format!("POST {path}"),
        status: 200,
        body: answer,
    })
}

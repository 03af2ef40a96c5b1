//! Public keys of devices: everybody sees all of them, so the admin asks for many users at once.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::own::Own;
use crate::{
    Result,
    source::admin_api::{Client, Keys, Who},
};

/// Users that are asked for together.
pub(super) const TOGETHER: usize = 200;

/// Some users and their keys, from when the first of them is read until the last one is.
pub(super) struct Batch {
    users: Vec<OwnedUserId>,
    keys: OnceCell<Option<Keys>>,
}

impl Batch {
    pub(super) fn new(users: Vec<OwnedUserId>) -> Self {
        Self {
            users,
            keys: OnceCell::new(),
        }
    }

    /// The keys of all of them; none if they can't be read, which is told once.
    pub(super) async fn keys(
        &self,
        client: &Client,
        devices: bool,
        own: &mut Own,
    ) -> Result<Option<&Keys>> {
        let asked = async {
            let answer = client.keys(&Who::Admin, &self.users, devices).await;
            let subject = match self.users.as_slice() {
                [first, .., last] => format!("{first} to {last}"),
                [only] => only.to_string(),
                [] => String::new(),
            };
            own.or_none(answer, "device keys", &subject)
        };
        Ok(self.keys.get_or_try_init(|| asked).await?.as_ref())
    }
}

/// By device, without what Synapse adds.
pub(super) fn of(user: &UserId, keys: &Keys) -> BTreeMap<String, Box<RawValue>> {
    let devices = keys.device_keys.get(user.as_str()).into_iter().flatten();
    devices
        .filter_map(|(device, keys)| {
            let mut keys = keys.clone();
            keys.remove("unsigned");
            Some((device.clone(), serde_json::value::to_raw_value(&keys).ok()?))
        })
        .collect()
}

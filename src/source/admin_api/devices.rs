//! `GET /_synapse/admin/v2/users/{user_id}/devices`

use ruma::UserId;
use serde::Deserialize;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
    model::device::Device,
};

#[derive(Deserialize)]
struct Answer {
    devices: Vec<Device>,
}

impl Client {
    /// A local user's devices, by ID.
    pub async fn devices(&self, user: &UserId) -> Result<Vec<Device>> {
        let request = Request::get(format!(
            "/_synapse/admin/v2/users/{}/devices",
            encode(user.as_str())
        ));
        let mut devices = self.http.send::<Answer>(&request).await?.devices;
        devices.sort_by(|one, other| one.device_id.cmp(&other.device_id));
        Ok(devices)
    }
}

//! `GET /_synapse/admin/v1/fetch_event/{event_id}`

use ruma::EventId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    event: Box<RawValue>,
}

impl Client {
    /// One PDU, also an outlier. A redacted one comes with its old content: the caller empties it.
    pub async fn fetch_event(&self, event: &EventId) -> Result<Box<RawValue>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/fetch_event/{}",
            encode(event.as_str())
        ));
        Ok(self.http.send::<Answer>(&request).await?.event)
    }
}

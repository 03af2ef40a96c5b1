//! `POST /_matrix/media/v3/upload`.

use reqwest::Method;

use super::{Body, Client, TRIES, segment, text_field};
use crate::Result;

impl Client {
    /// Uploads bytes; the `mxc://` URI.
    pub async fn upload(&self, name: &str, kind: &'static str, bytes: &[u8]) -> Result<String> {
        let path = "/_matrix/media/v3/upload";
        let answer = self
            .request(
                Method::POST,
                &format!("{path}?filename={}", segment(name)),
                &Body::Bytes(bytes, kind),
                TRIES,
            )
            .await?;
        text_field(&answer, "content_uri", path)
    }
}

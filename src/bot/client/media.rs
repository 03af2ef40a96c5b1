//! `POST /_matrix/media/v3/upload`.

use reqwest::Method;

use super::{Client, text_field};
use crate::{Result, http::Request};

impl Client {
    /// Uploads bytes; the `mxc://` URI.
    pub async fn upload(&self, name: &str, kind: &'static str, bytes: Vec<u8>) -> Result<String> {
        let path = "/_matrix/media/v3/upload";
        let request = Request::new(Method::POST, path)
            .query("filename", name)
            .bytes(bytes, kind);
        text_field(&self.ask(request).await?, "content_uri", path)
    }
}

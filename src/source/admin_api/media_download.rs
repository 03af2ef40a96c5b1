//! `GET /_matrix/client/v1/media/download/{server_name}/{media_id}`, and `GET /_matrix/media/v3/download/…` of a Synapse
//! before 1.112, which doesn't have it.

use ruma::ServerName;
use tempfile::SpooledTempFile;

use super::Client;
use crate::{
    Error, Result,
    http::{Request, encode},
};

impl Client {
    /// A local media item's content. A quarantined one is asked for as an admin may (`rest/client/media.py`); an older
    /// Synapse knows no such question, and answers 404.
    pub async fn media_content(
        &self,
        own: &ServerName,
        media_id: &str,
        is_quarantined: bool,
    ) -> Result<SpooledTempFile> {
        let at = |path: &str| {
            let (server, item) = (encode(own.as_str()), encode(media_id));
            let request = Request::get(format!("{path}/download/{server}/{item}"))
                // An item that was announced and never came is not waited for.
                .query("timeout_ms", "1000")
                .query("allow_remote", "false");
            if is_quarantined {
                request.query("admin_unsafely_bypass_quarantine", "true")
            } else {
                request
            }
        };
        match self.http.download(&at("/_matrix/client/v1/media")).await {
            Err(Error::Answer { errcode, .. }) if errcode == "M_UNRECOGNIZED" => {
                self.http.download(&at("/_matrix/media/v3")).await
            }
            other => other,
        }
    }
}

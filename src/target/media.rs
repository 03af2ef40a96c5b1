//! Local media: what the target has of it, and the command by which it fetches a file.

use reqwest::{
    Method,
    header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
};
use ruma::{ServerName, http_headers::ContentDisposition};
use serde::Deserialize;

use super::Target;
use crate::{
    Result,
    http::{Request, encode},
};

/// What the target has of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Its length in bytes, if it says so.
    pub bytes: Option<u64>,
    /// MIME type.
    pub media_type: Option<String>,
    /// File name.
    pub name: Option<String>,
    /// SHA-256 of the content in lower-case hex, if the content was read.
    pub sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Limits {
    #[serde(rename = "m.upload.size")]
    upload: Option<u64>,
}

/// The command by which Tuwunel fetches a file from the resident under its own name. There is none for several at once
/// (`src/admin/media/` of 1.4.6 and 1.9.0), and a request for a file of its own never makes it ask elsewhere
/// (`src/api/client/media.rs`).
#[must_use]
pub fn fetch(own: &ServerName, media_id: &str, resident: &ServerName) -> String {
    format!("media get-remote-file mxc://{own}/{media_id} --server {resident}")
}

/// The command by which Tuwunel throws a file away, of any server. Its reply tells nothing: 1.4.6 calls a success an error
/// (`src/admin/media/commands.rs`).
#[must_use]
pub fn delete(own: &ServerName, media_id: &str) -> String {
    format!("media delete --mxc mxc://{own}/{media_id}")
}

impl Target {
    /// The most bytes of an upload, if the target says so: `GET /_matrix/client/v1/media/config`. Tuwunel's
    /// `max_request_size`.
    pub async fn upload_limit(&self) -> Result<Option<u64>> {
        let request = Request::get("/_matrix/client/v1/media/config");
        let limits: Option<Limits> = self.bot_http.find(&request).await?;
        Ok(limits.and_then(|limits| limits.upload))
    }

    /// Length, type and name of a local file, without its content; `None` if there is none.
    pub async fn held_media(&self, media_id: &str) -> Result<Option<Held>> {
        let request = self.download(Method::HEAD, media_id);
        let headers = self.bot_http.head(&request).await?;
        Ok(headers.as_ref().map(held))
    }

    /// A local file read whole, with its SHA-256; `None` if there is none.
    pub async fn read_media(&self, media_id: &str) -> Result<Option<Held>> {
        let request = self.download(Method::GET, media_id);
        let digest = self.bot_http.digest(&request).await?;
        Ok(digest.map(|digest| Held {
            bytes: Some(digest.bytes),
            sha256: Some(digest.sha256),
            ..held(&digest.headers)
        }))
    }

    fn download(&self, method: Method, media_id: &str) -> Request {
        let server = encode(self.server_name.as_str());
        let id = encode(media_id);
        Request::new(
            method,
            format!("/_matrix/client/v1/media/download/{server}/{id}"),
        )
    }
}

fn held(headers: &HeaderMap) -> Held {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Held {
        bytes: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        media_type: text(CONTENT_TYPE).map(str::to_owned),
        name: headers
            .get(CONTENT_DISPOSITION)
            .and_then(|value| ContentDisposition::try_from(value.as_bytes()).ok())
            .and_then(|disposition| disposition.filename)
            .filter(|name| !name.is_empty()),
        sha256: None,
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;
    use crate::target::admin_room::is_word;

    #[test]
    fn a_files_address_is_one_argument() {
        let (own, resident) = (server_name!("ferry.test:8448"), server_name!("r.test"));
        for id in ["AbCd-_9", "-dash", "--help"] {
            let command = fetch(own, id, resident);
            let words: Vec<_> = command.split(' ').collect();
            let [_, _, uri, "--server", "r.test"] = words[..] else {
                panic!("{words:?}");
            };
            assert!(is_word(uri), "{uri}");
            let command = delete(own, id);
            assert!(is_word(command.rsplit(' ').next().unwrap()), "{command}");
        }
    }

    #[test]
    fn names_are_read_in_every_form() {
        let name = |value: &str| {
            let headers = [(CONTENT_DISPOSITION, value.parse().unwrap())];
            held(&headers.into_iter().collect()).name
        };
        assert_eq!(name("inline; filename=a.txt").unwrap(), "a.txt");
        assert_eq!(
            name(r#"attachment; filename="a \"b\".txt""#).unwrap(),
            r#"a "b".txt"#
        );
        assert_eq!(
            name("attachment; filename*=utf-8''F%C3%A4hre.txt").unwrap(),
            "Fähre.txt"
        );
        assert_eq!(name(r#"attachment; filename="""#), None);
        assert_eq!(name("inline"), None);
    }
}

//! What stands before and after a file's bytes in a `multipart/mixed` answer.

use ruma::http_headers::{ContentDisposition, ContentDispositionType};

use crate::{
    resident::shelf::Medium,
    secret::{ExposeSecret, SecretString},
};

/// The type of what was uploaded without one.
pub const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The frame of one file.
pub(crate) struct Multipart {
    boundary: String,
    pub(super) head: Vec<u8>,
    pub(super) tail: Vec<u8>,
}

impl Multipart {
    /// `token` is random letters and digits, so that it stands in no file.
    pub(super) fn new(token: &SecretString, medium: &Medium) -> Self {
        let boundary = token.expose_secret().to_owned();
        let head = format!(
            "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\n\
             Content-Type: {}\r\nContent-Disposition: {}\r\n\r\n",
            kind(medium.media_type.as_deref()),
            disposition(medium.name.as_deref())
        );
        Self {
            head: head.into_bytes(),
            tail: format!("\r\n--{boundary}--\r\n").into_bytes(),
            boundary,
        }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/mixed; boundary={}", self.boundary)
    }

    /// Of the whole answer.
    pub(super) fn length(&self, content: u64) -> u64 {
        content + (self.head.len() + self.tail.len()) as u64
    }
}

/// A type that can stand in a header; Synapse takes any text for one, and where there is none says what anybody would.
#[must_use]
pub fn kind(media_type: Option<&str>) -> &str {
    media_type
        .map(str::trim)
        .filter(|kind| !kind.is_empty() && kind.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .unwrap_or(UNKNOWN_TYPE)
}

/// The name in quotes, or percent-encoded if it is more than ASCII. Whether a browser shows the file Tuwunel decides by
/// the type.
fn disposition(name: Option<&str>) -> ContentDisposition {
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
    ContentDisposition::new(ContentDispositionType::Attachment).with_filename(name)
}

//! Paths of Matrix requests: every segment is percent-encoded whole, as user IDs may hold slashes.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A fixed prefix and the segments behind it.
#[must_use]
pub fn path(prefix: &str, segments: &[&str]) -> String {
    segments.iter().fold(prefix.to_owned(), |path, segment| {
        format!("{path}/{}", encode(segment))
    })
}

/// One segment, or one value of a query.
#[must_use]
pub fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_whole() {
        assert_eq!(
            path(
                "/a/v1",
                &["@odd.name_=x/y-z+1:localhost:8", "m.room.name", ""]
            ),
            "/a/v1/%40odd.name_%3Dx%2Fy-z%2B1%3Alocalhost%3A8/m.room.name/"
        );
        assert_eq!(encode("#ä b"), "%23%C3%A4%20b");
    }
}

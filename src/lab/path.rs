//! Paths of Matrix requests: every segment is percent-encoded whole, as user IDs may hold slashes.

pub use crate::http::encode;

/// A fixed prefix and the segments behind it.
#[must_use]
pub fn path(prefix: &str, segments: &[&str]) -> String {
    segments.iter().fold(prefix.to_owned(), |path, segment| {
        format!("{path}/{}", encode(segment))
    })
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

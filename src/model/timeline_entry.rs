//! A timeline event as far as it is compared: its ID, its type, and a digest of its content.

use ruma::{CanonicalJsonObject, OwnedEventId};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

/// An event of the source or of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: OwnedEventId,
    /// Its type.
    pub kind: String,
    /// SHA-256 of its content in canonical form. A redacted event has another content than the one that was sent.
    pub content: [u8; 32],
}

impl TimelineEntry {
    /// From an event's parts.
    #[must_use]
    pub fn new(event_id: OwnedEventId, kind: String, content: &RawValue) -> Self {
        let content = digest(&kind, content);
        Self {
            event_id,
            kind,
            content,
        }
    }
}

fn digest(kind: &str, content: &RawValue) -> [u8; 32] {
    let text = match serde_json::from_str::<CanonicalJsonObject>(content.get()) {
        Ok(mut object) => {
            // Servers show clients `redacts` inside and outside of the content, whatever the room version says.
            if kind == "m.room.redaction" {
                object.remove("redacts");
            }
            ruma::CanonicalJsonValue::Object(object).to_string()
        }
        // Old room versions allow numbers that canonical JSON doesn't have.
        Err(_) => serde_json::from_str::<Value>(content.get())
            .map_or_else(|_| content.get().to_owned(), |value| value.to_string()),
    };
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: &str, text: &str) -> [u8; 32] {
        digest(kind, &RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn order_and_spaces_do_not_matter_but_content_does() {
        let one = content("m.room.message", r#"{"body":"é","n":1}"#);
        assert_eq!(
            one,
            content("m.room.message", r#"{ "n": 1, "body": "\u00e9" }"#)
        );
        assert_ne!(one, content("m.room.message", "{}"));
    }

    #[test]
    fn the_two_places_of_redacts_are_one() {
        let inside = content("m.room.redaction", r#"{"reason":"r","redacts":"$e"}"#);
        assert_eq!(inside, content("m.room.redaction", r#"{"reason":"r"}"#));
        assert_ne!(inside, content("m.room.redaction", "{}"));
    }

    #[test]
    fn numbers_of_old_rooms_are_compared_too() {
        assert_ne!(content("x", r#"{"n":1.5}"#), content("x", r#"{"n":2.5}"#));
    }
}

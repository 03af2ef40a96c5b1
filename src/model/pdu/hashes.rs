//! The hashes of a PDU, straight from its text where this text is canonical JSON; ruma computes the others, and is the
//! judge in the tests.

use std::borrow::Cow;

use ruma::{
    CanonicalJsonObject, OwnedEventId, RoomVersionId,
    room_version_rules::{EventIdFormatVersion, RedactionRules, RoomVersionRules},
    serde::{
        Base64,
        base64::{Standard, UrlSafe},
    },
};
use sha2::{Digest, Sha256};

use super::{Fields, Ordered, PduError, canonical, id_of, ordered::Form};

/// The limit of the specification, beyond which ruma gives no hash.
const MAX_BYTES: usize = 65_535;

/// What an event's hashes tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// See [`event_id`](super::event_id). With [`ContentHash::Unknown`] it is right only if the numbers in question are
    /// in fields that a redaction takes away.
    pub event_id: OwnedEventId,
    /// What the content hash says.
    pub content: ContentHash,
}

/// Whether an event's content is the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentHash {
    /// It is.
    Original,
    /// It isn't: the event is redacted, or damaged.
    Different,
    /// The event has numbers that canonical JSON doesn't have: see [`canonical`](super::canonical).
    Unknown,
}

impl ContentHash {
    fn of(is_original: bool) -> Self {
        if is_original {
            Self::Original
        } else {
            Self::Different
        }
    }
}

impl Ordered<'_> {
    /// Both hashes of the event.
    pub fn hashes(
        &self,
        version: &RoomVersionId,
        rules: &RoomVersionRules,
    ) -> Result<Hashes, PduError> {
        let quick = match self.form() {
            Form::Canonical => self.quick(version, rules),
            Form::Escaped => self.unescaped()?.quick(version, rules),
            Form::Unknown => None,
        };
        quick.map_or_else(|| slow(self.get(), version, rules), Ok)
    }

    /// The hashes of what is canonical JSON; `None` if it is nothing that an event usually is.
    fn quick(&self, version: &RoomVersionId, rules: &RoomVersionRules) -> Option<Hashes> {
        if self.form() != Form::Canonical || self.get().len() > MAX_BYTES {
            return None;
        }
        let is_hashed = |name: &str| !matches!(name, "hashes" | "signatures" | "unsigned");
        let content_hash = sha256(self.fields().filter(|(name, _)| is_hashed(name)));
        let said = self.value("hashes").and_then(said);
        let is: Base64<Standard, _> = Base64::new(content_hash);
        Some(Hashes {
            event_id: self.id(version, rules)?,
            content: ContentHash::of(said.is_some_and(|said| said == is.encode())),
        })
    }

    fn id(&self, version: &RoomVersionId, rules: &RoomVersionRules) -> Option<OwnedEventId> {
        let has_own = matches!(version, RoomVersionId::V1 | RoomVersionId::V2);
        if has_own && let Some(id) = self.value("event_id").and_then(text) {
            return (&*id).try_into().ok();
        }
        let kind = self.value("type").and_then(text)?;
        let content = match self.value("content") {
            Some(content) => format!("\"content\":{}", redacted(content, &kind, rules)?),
            None => String::new(),
        };
        let hash = sha256(self.fields().filter_map(|(name, field)| match name {
            "content" => Some((name, &*content)),
            _ => is_kept(name, &rules.redaction).then_some((name, field)),
        }));
        let hash = match rules.event_id_format {
            EventIdFormatVersion::V1 | EventIdFormatVersion::V2 => {
                Base64::<Standard, _>::new(hash).encode()
            }
            _ => Base64::<UrlSafe, _>::new(hash).encode(),
        };
        format!("${hash}").try_into().ok()
    }
}

/// The hash of an object of these fields.
fn sha256<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (place, (_, field)) in fields.enumerate() {
        hasher.update(if place == 0 { "{" } else { "," });
        hasher.update(field);
    }
    hasher.update("}");
    hasher.finalize().into()
}

/// The content hash that an event names.
fn said(hashes: &str) -> Option<Cow<'_, str>> {
    let Fields(hashes) = Fields::of(hashes).ok()?;
    let (_, value) = hashes.into_iter().find(|(name, _)| name == "sha256")?;
    text(value.get())
}

/// A JSON text without quotes and escapes.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    let plain = json.strip_prefix('"')?.strip_suffix('"')?;
    if plain.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(plain))
    }
}

/// Whether a top-level field is part of the reference hash.
///
/// Source: Matrix specification, room versions, "Redactions"; without `signatures`, which the hash leaves out.
fn is_kept(name: &str, rules: &RedactionRules) -> bool {
    match name {
        "event_id" | "type" | "room_id" | "sender" | "state_key" | "hashes" | "depth"
        | "prev_events" | "auth_events" | "origin_server_ts" => true,
        "origin" | "membership" | "prev_state" => rules.keep_origin_membership_prev_state,
        _ => false,
    }
}

/// What redaction leaves of the content.
fn redacted<'a>(content: &str, kind: &str, rules: &RoomVersionRules) -> Option<Cow<'a, str>> {
    if !content.starts_with('{') {
        return None;
    }
    // The rules name types of the specification only, and know nothing of these.
    if !kind.starts_with("m.room.") || matches!(kind, "m.room.message" | "m.room.encrypted") {
        return Some(Cow::Borrowed("{}"));
    }
    let mut content: CanonicalJsonObject = serde_json::from_str(content).ok()?;
    ruma::canonical_json::redact_content_in_place(&mut content, &rules.redaction, kind);
    serde_json::to_string(&content).ok().map(Cow::Owned)
}

/// The hashes of any event, by ruma.
fn slow(text: &str, version: &RoomVersionId, rules: &RoomVersionRules) -> Result<Hashes, PduError> {
    let (object, is_whole) = canonical(text)?;
    let said = || object.get("hashes")?.as_object()?.get("sha256")?.as_str();
    let is_original = || {
        said().is_some_and(|said| {
            ruma::signatures::content_hash(&object).is_ok_and(|is| is.encode() == said)
        })
    };
    Ok(Hashes {
        event_id: id_of(&object, version, rules)?,
        content: if is_whole {
            ContentHash::of(is_original())
        } else {
            ContentHash::Unknown
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::{
        collection::{btree_map, vec},
        option,
        prelude::*,
        sample::select,
    };
    use ruma::CanonicalJsonValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::pdu;

    const TYPES: [&str; 12] = [
        "m.room.message",
        "m.room.encrypted",
        "m.room.member",
        "m.room.create",
        "m.room.join_rules",
        "m.room.power_levels",
        "m.room.history_visibility",
        "m.room.redaction",
        "m.room.aliases",
        "m.room.server_acl",
        "m.reaction",
        "é\n.own",
    ];
    /// Fields that some redaction keeps, and one that none does.
    const CONTENT: [&str; 14] = [
        "membership",
        "join_authorised_via_users_server",
        "third_party_invite",
        "signed",
        "creator",
        "join_rule",
        "allow",
        "users",
        "invite",
        "history_visibility",
        "redacts",
        "aliases",
        "deny",
        "body",
    ];
    const TOP: [&str; 9] = [
        "origin",
        "membership",
        "prev_state",
        "redacts",
        "unsigned",
        "event_id",
        "state_key",
        "signatures",
        "\"ä\u{7}",
    ];
    const VERSIONS: [RoomVersionId; 12] = [
        RoomVersionId::V1,
        RoomVersionId::V2,
        RoomVersionId::V3,
        RoomVersionId::V4,
        RoomVersionId::V5,
        RoomVersionId::V6,
        RoomVersionId::V7,
        RoomVersionId::V8,
        RoomVersionId::V9,
        RoomVersionId::V10,
        RoomVersionId::V11,
        RoomVersionId::V12,
    ];

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            8 => "(?s).{0,8}".prop_map(Value::from),
            4 => any::<i64>().prop_map(|number| Value::from(number >> 11)),
            4 => any::<i16>().prop_map(Value::from),
            2 => any::<Option<bool>>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f32>().prop_map(|number| Value::from(f64::from(number))),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let name = prop_oneof![select(CONTENT.as_slice()).prop_map(str::to_owned), ".{0,3}"];
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                btree_map(name, inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn event() -> impl Strategy<Value = Value> {
        let content = prop_oneof![
            9 => btree_map(select(CONTENT.as_slice()), value(), 0..6).prop_map(|map| json!(map)),
            1 => value(),
        ];
        let top = btree_map(select(TOP.as_slice()), value(), 0..5);
        (select(TYPES.as_slice()), content, top, option::of(value())).prop_map(
            |(kind, content, top, hashes)| {
                let mut event = json!({
                    "type": kind, "content": content, "room_id": "!r:x", "sender": "@a:x",
                    "depth": 5, "origin_server_ts": 1_700_000_000_000_u64,
                    "prev_events": ["$a"], "auth_events": ["$b", "$c"],
                });
                for (name, value) in top {
                    event[name] = value;
                }
                match hashes {
                    Some(hashes) => event["hashes"] = hashes,
                    // The true hash, if there is one.
                    None => {
                        if let Ok(CanonicalJsonValue::Object(mut object)) = event.clone().try_into()
                            && ruma::signatures::add_content_hash_to_event(&mut object).is_ok()
                        {
                            event = serde_json::to_value(object).unwrap();
                        }
                    }
                }
                event
            },
        )
    }

    /// As Python writes it: ASCII only.
    fn ascii(text: &str) -> String {
        let mut units = [0; 2];
        let mut escaped = String::new();
        for c in text.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                escaped.push(c);
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(escaped, "\\u{unit:04x}").unwrap();
                }
            }
        }
        escaped
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_hashes_are_those_of_ruma(event in event(), version in select(VERSIONS.as_slice())) {
            let rules = pdu::rules(&version).unwrap();
            let text = event.to_string();
            // Two orders of the same fields fail at different columns: errors are not compared.
            let slow = slow(&text, &version, &rules).ok();
            for text in [ascii(&text), text] {
                let ordered = Ordered::without(&text, &[]).unwrap();
                prop_assert_eq!(&ordered.hashes(&version, &rules).ok(), &slow);
            }
        }
    }

    #[test]
    fn an_ordinary_event_needs_no_ruma_and_an_odd_one_does() {
        let rules = pdu::rules(&RoomVersionId::V11).unwrap();
        let is_quick = |content: Value| {
            let event = json!({"type": "m.room.message", "content": content, "hashes": {}});
            let text = ascii(&event.to_string());
            let ordered = Ordered::without(&text, &[]).unwrap();
            let ordered = match ordered.form() {
                Form::Escaped => ordered.unescaped().unwrap(),
                _ => Ordered::without(&text, &[]).unwrap(),
            };
            ordered.quick(&RoomVersionId::V11, &rules).is_some()
        };
        assert!(is_quick(json!({"body": "a \"b\"\n", "number": -15})));
        assert!(is_quick(json!({"body": "äöü \u{1f600}"})));
        assert!(!is_quick(json!({"body": 1.5})));
        assert!(!is_quick(json!({"body": "x".repeat(MAX_BYTES)})));
        assert!(!is_quick(json!("no object")));
    }
}

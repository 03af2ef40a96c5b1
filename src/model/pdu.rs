//! A PDU as raw JSON, and what Ferryman needs to read of it.

mod fields;
mod hashes;
mod header;
mod ordered;

use ruma::{
    CanonicalJsonObject, EventId, OwnedEventId, RoomVersionId, room_version_rules::RoomVersionRules,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use fields::Fields;
pub use hashes::{ContentHash, Hashes};
pub use header::{EventRef, PduHeader};
pub use ordered::{Opened, Ordered, ordered};

/// What went wrong with a PDU.
#[derive(Debug, thiserror::Error)]
pub enum PduError {
    /// Not a JSON object of the expected shape.
    #[error("not a readable event: {0}")]
    Json(#[from] serde_json::Error),
    /// The room version has no rules that we know.
    #[error("unknown room version {0}")]
    UnknownVersion(RoomVersionId),
    /// It has numbers that canonical JSON doesn't have, where they matter.
    #[error("it has numbers that canonical JSON doesn't have")]
    Numbers,
    /// The event ID can't be computed.
    #[error("its event ID can't be computed: {0}")]
    Hash(String),
}

/// The rules of a room version.
pub fn rules(version: &RoomVersionId) -> Result<RoomVersionRules, PduError> {
    version
        .rules()
        .ok_or_else(|| PduError::UnknownVersion(version.clone()))
}

/// The event's ID: its reference hash in versions 3 and up, its `event_id` field before.
///
/// Source: Matrix specification, server-server API, "Calculating the reference hash for an event".
pub fn event_id(raw: &RawValue, version: &RoomVersionId) -> Result<OwnedEventId, PduError> {
    let object: CanonicalJsonObject = serde_json::from_str(raw.get())?;
    id_of(&object, version, &rules(version)?)
}

/// An event as canonical JSON, and whether that is all of it.
///
/// Up to room version 5, Synapse takes fractions and integers beyond 53 bits, which canonical JSON doesn't have
/// (specification, appendices, "Canonical JSON"), and hashes what Python makes of them. Here they become null. What a
/// redaction takes away has no part in the event's ID, so that most of these events can be known by it all the same.
pub fn canonical(text: &str) -> Result<(CanonicalJsonObject, bool), PduError> {
    if let Ok(object) = serde_json::from_str(text) {
        return Ok((object, true));
    }
    let mut value: serde_json::Value = serde_json::from_str(text)?;
    without_odd_numbers(&mut value);
    Ok((serde_json::from_value(value)?, false))
}

/// Whether an event can travel: events of room versions up to 5 may have numbers that no request between servers can
/// have, because requests are signed as canonical JSON.
#[must_use]
pub fn can_travel(pdu: &RawValue, version: &RoomVersionId) -> bool {
    let is_strict = rules(version).is_ok_and(|rules| rules.authorization.strict_canonical_json);
    is_strict || serde_json::from_str::<CanonicalJsonObject>(pdu.get()).is_ok()
}

/// An event emptied by the rules of redactions, as canonical JSON. It keeps its ID.
pub fn emptied(
    pdu: &RawValue,
    event_id: &EventId,
    version: &RoomVersionId,
) -> Result<Box<RawValue>, PduError> {
    let rules = rules(version)?;
    let (object, is_whole) = canonical(pdu.get())?;
    let object = ruma::canonical_json::redact(object, &rules.redaction, None)
        .map_err(|error| PduError::Hash(error.to_string()))?;
    let emptied = serde_json::value::to_raw_value(&object)?;
    let is_same = || self::event_id(&emptied, version).is_ok_and(|id| id == *event_id);
    if !is_whole && !is_same() {
        return Err(PduError::Numbers);
    }
    Ok(emptied)
}

/// Whether an event has another content than the one that was signed: it was redacted.
#[must_use]
pub fn is_emptied(pdu: &RawValue, version: &RoomVersionId) -> bool {
    let hashes = rules(version)
        .and_then(|rules| Ordered::without(pdu.get(), &["unsigned"])?.hashes(version, &rules));
    hashes.is_ok_and(|hashes| hashes.content == ContentHash::Different)
}

/// The depth is bounded: `serde_json` refuses more than 128 levels.
fn without_odd_numbers(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Number(number) if number.as_i64().and_then(ruma::Int::new).is_none() => {
            *value = Value::Null;
        }
        Value::Array(items) => items.iter_mut().for_each(without_odd_numbers),
        Value::Object(fields) => fields.values_mut().for_each(without_odd_numbers),
        _ => {}
    }
}

fn id_of(
    object: &CanonicalJsonObject,
    version: &RoomVersionId,
    rules: &RoomVersionRules,
) -> Result<OwnedEventId, PduError> {
    let id = match object.get("event_id") {
        Some(ruma::CanonicalJsonValue::String(id))
            if matches!(version, RoomVersionId::V1 | RoomVersionId::V2) =>
        {
            id.clone()
        }
        _ => format!("${}", hash_of(object, rules)?),
    };
    OwnedEventId::try_from(id).map_err(|error| PduError::Hash(error.to_string()))
}

/// The hash by which events of room versions 1 and 2 name an event beside its ID.
pub fn reference_hash(raw: &RawValue, version: &RoomVersionId) -> Result<String, PduError> {
    let (object, _) = canonical(raw.get())?;
    hash_of(&object, &rules(version)?)
}

fn hash_of(object: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<String, PduError> {
    ruma::signatures::reference_hash(object, rules)
        .map_err(|error| PduError::Hash(error.to_string()))
}

/// A PDU's content.
pub fn content(raw: &RawValue) -> Result<&RawValue, PduError> {
    #[derive(Deserialize)]
    struct Pdu<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    Ok(serde_json::from_str::<Pdu<'_>>(raw.get())?.content)
}

/// The same PDU without some of its top-level fields; all other bytes stay as they are.
///
/// Fields keep their order: Synapse adds fields (`unsigned`, `event_id`, a second `redacts`) that were never signed.
pub fn without_fields(raw: &RawValue, drop: &[&str]) -> Result<Box<RawValue>, PduError> {
    let fields = Fields::of(raw.get())?;
    Ok(fields.join(|name, value| (!drop.contains(&name)).then(|| value.get().to_owned()))?)
}

/// The same PDU with some fields of its content left out; all other bytes stay as they are.
pub fn without_content_fields(raw: &RawValue, drop: &[&str]) -> Result<Box<RawValue>, PduError> {
    let fields = Fields::of(raw.get())?;
    Ok(fields.join(|name, value| {
        if name == "content"
            && let Ok(content) = without_fields(value, drop)
        {
            Some(content.get().to_owned())
        } else {
            Some(value.get().to_owned())
        }
    })?)
}

/// An event with the content hash that it should have.
#[cfg(test)]
pub(crate) fn hashed(mut pdu: serde_json::Value) -> serde_json::Value {
    let object: CanonicalJsonObject = serde_json::from_value(pdu.clone()).unwrap();
    let hash = ruma::signatures::content_hash(&object).unwrap().encode();
    pdu["hashes"] = serde_json::json!({ "sha256": hash });
    pdu
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn dropped_fields_leave_the_other_bytes_alone() {
        let pdu = raw(
            r#"{"z": 1.50,"unsigned":{"age":3},"content":{ "redacts":"$x", "b" : [1, 2] },"a":"é\u00e9"}"#,
        );
        assert_eq!(
            without_fields(&pdu, &["unsigned"]).unwrap().get(),
            r#"{"z":1.50,"content":{ "redacts":"$x", "b" : [1, 2] },"a":"é\u00e9"}"#
        );
        assert_eq!(
            without_content_fields(&pdu, &["redacts"]).unwrap().get(),
            r#"{"z":1.50,"unsigned":{"age":3},"content":{"b":[1, 2]},"a":"é\u00e9"}"#
        );
    }

    #[test]
    fn only_the_named_fields_go() {
        assert_eq!(without_fields(&raw("{}"), &["a"]).unwrap().get(), "{}");
        assert!(without_fields(&raw("[1]"), &["a"]).is_err());
    }

    #[test]
    fn the_id_of_a_version_3_event_is_its_hash() {
        let pdu = raw(
            r#"{"auth_events":[],"content":{"creator":"@a:x"},"depth":1,"hashes":{"sha256":"AAAA"},"origin_server_ts":1,"prev_events":[],"room_id":"!r:x","sender":"@a:x","state_key":"","type":"m.room.create"}"#,
        );
        let id = event_id(&pdu, &RoomVersionId::V10).unwrap();
        assert!(
            id.as_str().starts_with('$') && id.as_str().len() == 44,
            "{id}"
        );
        let with_unsigned = raw(&pdu
            .get()
            .replace("\"depth\":1", "\"depth\":1,\"unsigned\":{\"age\":5}"));
        assert_eq!(event_id(&with_unsigned, &RoomVersionId::V10).unwrap(), id);
    }

    #[test]
    fn numbers_that_canonical_json_does_not_have_are_left_out() {
        let (object, is_whole) =
            canonical(r#"{"a":[1.5,9007199254740991,9007199254740992,-3,1e30]}"#).unwrap();
        assert!(!is_whole);
        let text = serde_json::to_string(&object).unwrap();
        assert_eq!(text, r#"{"a":[null,9007199254740991,null,-3,null]}"#);
        assert!(canonical(r#"{"a":[-3]}"#).unwrap().1);
        assert!(canonical("[1.5]").is_err());
    }

    #[test]
    fn an_event_with_odd_numbers_travels_empty() {
        let odd = raw(
            r#"{"auth_events":[],"content":{"n":1.5},"depth":1,"hashes":{"sha256":"AAAA"},"origin_server_ts":1,"prev_events":[],"room_id":"!r:x","sender":"@a:x","type":"m.room.message"}"#,
        );
        let version = RoomVersionId::V5;
        assert!(!can_travel(&odd, &version));
        assert!(can_travel(&odd, &RoomVersionId::V6), "there is none");
        let whole = raw(&odd.get().replace("1.5", "15"));
        assert!(can_travel(&whole, &version));
        let id = event_id(&whole, &version).unwrap();
        let emptied = emptied(&odd, &id, &version).unwrap();
        assert_eq!(emptied.get(), odd.get().replace(r#""n":1.5"#, ""));
        assert!(can_travel(&emptied, &version));
        // Where the number counts, nobody can know the event's ID.
        let depth = raw(&odd.get().replace(r#""depth":1"#, r#""depth":1.5"#));
        assert!(matches!(
            super::emptied(&depth, &id, &version),
            Err(PduError::Numbers)
        ));
    }
}

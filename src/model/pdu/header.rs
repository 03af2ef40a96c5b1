//! What Ferryman reads of a PDU.

use std::{collections::BTreeMap, fmt};

use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId};
use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::SeqAccessDeserializer,
    },
};
use serde_json::value::RawValue;

use super::{Ordered, PduError, ordered::Form};

/// The fields that ordering, planning and serving need; the rest stays raw.
#[derive(Debug, Clone, Deserialize)]
pub struct PduHeader {
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Present for state events.
    pub state_key: Option<String>,
    /// Who sent it.
    pub sender: OwnedUserId,
    /// Absent in version 12 create events.
    pub room_id: Option<OwnedRoomId>,
    /// Milliseconds since the Unix epoch, as the sender's server said.
    pub origin_server_ts: u64,
    /// Distance from the create event, as the sender's server said.
    pub depth: u64,
    /// The events that it follows.
    pub prev_events: Vec<EventRef>,
    /// The events that allow it.
    pub auth_events: Vec<EventRef>,
    /// `content.membership`, if there is one.
    #[serde(rename = "content", deserialize_with = "membership")]
    pub membership: Option<String>,
    /// The servers that signed it, as it names them.
    #[serde(default, rename = "signatures", deserialize_with = "names")]
    signers: Vec<String>,
}

/// A reference to another event: an ID, or in room versions 1 and 2 an ID with its hashes.
#[derive(Debug, Clone)]
pub enum EventRef {
    /// Version 3 and up.
    Id(OwnedEventId),
    /// Versions 1 and 2.
    WithHash(OwnedEventId, BTreeMap<String, String>),
}

impl EventRef {
    /// The ID alone.
    #[must_use]
    pub fn id(&self) -> &OwnedEventId {
        match self {
            Self::Id(id) | Self::WithHash(id, _) => id,
        }
    }
}

impl<'de> Deserialize<'de> for EventRef {
    /// By hand: serde's own way with an untagged enum copies every value first, and a room has a million of them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = EventRef;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an event ID, or one with its hashes")
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<EventRef, E> {
                id.try_into().map(EventRef::Id).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<EventRef, A::Error> {
                let (id, hashes) = Deserialize::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(EventRef::WithHash(id, hashes))
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

impl PduHeader {
    /// Reads the header of a raw PDU.
    pub fn of(raw: &RawValue) -> Result<Self, PduError> {
        Ok(serde_json::from_str(raw.get())?)
    }

    /// The same of one that is in order already, without reading all of it again.
    pub fn of_ordered(pdu: &Ordered<'_>) -> Result<Self, PduError> {
        fn read<T: DeserializeOwned>(
            pdu: &Ordered<'_>,
            name: &str,
        ) -> Result<Option<T>, serde_json::Error> {
            pdu.value(name).map(serde_json::from_str).transpose()
        }
        fn need<T: DeserializeOwned>(
            pdu: &Ordered<'_>,
            name: &'static str,
        ) -> Result<T, serde_json::Error> {
            read(pdu, name)?.ok_or_else(|| de::Error::missing_field(name))
        }
        if pdu.form() == Form::Unknown {
            // A field may stand in it twice.
            return Ok(serde_json::from_str(pdu.get())?);
        }
        let kind: String = need(pdu, "type")?;
        let membership = |content| membership(&mut serde_json::Deserializer::from_str(content));
        let content = pdu.value("content");
        let content = content.ok_or_else(|| serde_json::Error::missing_field("content"))?;
        let signatures = pdu.value("signatures");
        let names = |signatures| names(&mut serde_json::Deserializer::from_str(signatures));
        Ok(Self {
            state_key: read(pdu, "state_key")?.flatten(),
            sender: need(pdu, "sender")?,
            room_id: read(pdu, "room_id")?.flatten(),
            origin_server_ts: need(pdu, "origin_server_ts")?,
            depth: need(pdu, "depth")?,
            prev_events: need(pdu, "prev_events")?,
            auth_events: need(pdu, "auth_events")?,
            membership: membership(content)?,
            signers: signatures.map(names).transpose()?.unwrap_or_default(),
            kind,
        })
    }

    /// The servers that signed it.
    pub fn signers(&self) -> impl Iterator<Item = OwnedServerName> {
        self.signers
            .iter()
            .filter_map(|server| server.as_str().try_into().ok())
    }

    /// Type and state key, if it is a state event.
    #[must_use]
    pub fn state_pair(&self) -> Option<(&str, &str)> {
        self.state_key
            .as_deref()
            .map(|key| (self.kind.as_str(), key))
    }
}

/// `membership` of an object; `None` of anything else, too.
fn membership<'de, D: Deserializer<'de>>(content: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Content {
        membership: Option<String>,
    }
    let content = <&RawValue>::deserialize(content)?;
    let content = serde_json::from_str::<Content>(content.get());
    Ok(content.ok().and_then(|content| content.membership))
}

/// The names of an object's fields.
fn names<'de, D: Deserializer<'de>>(object: D) -> Result<Vec<String>, D::Error> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object of signatures")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, IgnoredAny)) = map.next_entry()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    object.deserialize_map(Names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_every_version_are_read() {
        let refs: Vec<EventRef> =
            serde_json::from_str(r#"["$a",["$b:x",{"sha256":"h"}]]"#).unwrap();
        assert_eq!(refs[0].id(), "$a");
        assert_eq!(refs[1].id(), "$b:x");
    }

    /// What both ways read, or why they can't.
    fn both(pdu: &str) -> [Result<PduHeader, String>; 2] {
        let raw: &RawValue = serde_json::from_str(pdu).unwrap();
        let ordered = Ordered::without(pdu, &[]).unwrap();
        [PduHeader::of(raw), PduHeader::of_ordered(&ordered)]
            .map(|read| read.map_err(|error| error.to_string()))
    }

    #[test]
    fn an_event_in_order_has_the_same_header() {
        let whole = r#"{"type":"m.room.member","state_key":"@b:x","sender":"@a:x","room_id":"!r:x","origin_server_ts":5,
            "depth":7,"prev_events":["$p"],"auth_events":["$q","$r"],"content":{"membership":"join","n":1},
            "signatures":{"x":{"ed25519:1":"s"},"y z":{}},"hashes":{"sha256":"h"}}"#;
        for pdu in [
            whole.to_owned(),
            whole.replace(r#""state_key":"@b:x","#, ""),
            whole.replace(r#""state_key":"@b:x","#, r#""state_key":null,"#),
            whole.replace(r#""room_id":"!r:x","#, ""),
            whole.replace(r#"{"membership":"join","n":1}"#, "[]"),
            whole.replace(r#""n":1"#, r#""membership":"ban""#),
            whole.replace(r#""n":1"#, r#""n":1.5"#),
            whole.replace("signatures", "signature"),
        ] {
            let [one, other] = both(&pdu).map(Result::unwrap);
            assert_eq!(format!("{one:?}"), format!("{other:?}"), "{pdu}");
            let signers: Vec<_> = other.signers().collect();
            assert_eq!(signers.len(), usize::from(pdu.contains("signatures")));
        }
    }

    #[test]
    fn an_event_that_lacks_something_is_refused_both_ways() {
        let whole = r#"{"auth_events":[],"content":{},"depth":7,"origin_server_ts":5,"prev_events":[],"sender":"@a:x","type":"m"}"#;
        for name in [
            "auth_events",
            "content",
            "depth",
            "origin_server_ts",
            "prev_events",
            "sender",
            "type",
        ] {
            for read in both(&whole.replace(&format!("\"{name}\""), "\"other\"")) {
                let error = read.unwrap_err();
                assert!(
                    error.starts_with(&format!("not a readable event: missing field `{name}`")),
                    "{error}"
                );
            }
        }
        for (is, becomes) in [
            ("[]", "[3]"),
            ("7", "-7"),
            ("\"@a:x\"", "\"a\""),
            ("\"m\"", "{}"),
        ] {
            for read in both(&whole.replace(is, becomes)) {
                assert!(read.is_err());
            }
        }
    }
}

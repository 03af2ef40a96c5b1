//! A PDU with its fields in the order of canonical JSON.

use std::{borrow::Cow, ops::Range};

use serde_json::value::RawValue;

use super::{Fields, PduError, hashes::text};

/// A PDU whose fields are in the order of canonical JSON, on every level and without white space; texts and numbers are
/// as they were.
///
/// Synapse stores an event in one order and serves it in another, and neither is the sender's.
#[derive(Debug)]
pub struct Ordered<'a> {
    text: String,
    fields: Places<'a>,
    form: Form,
}

/// Fields by name, each with the place of its name and value in the text.
type Places<'a> = Vec<(Cow<'a, str>, Range<usize>)>;

/// How far a text is from canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// It is canonical.
    Canonical,
    /// Its texts have escapes that canonical JSON doesn't have: Synapse stores nothing but ASCII.
    Escaped,
    /// It has numbers or repeated fields of which this module doesn't know what they are in canonical JSON.
    Unknown,
}

/// A PDU whose top-level fields are known.
pub struct Opened<'a> {
    fields: Fields<'a>,
    bytes: usize,
}

impl<'a> Opened<'a> {
    /// Looks for the fields.
    pub fn of(pdu: &'a str) -> Result<Self, PduError> {
        Ok(Self {
            fields: Fields::of(pdu)?,
            bytes: pdu.len(),
        })
    }

    /// The value of a top-level field: `None` if it isn't there, an error if it is no text.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, PduError> {
        let Fields(fields) = &self.fields;
        let Some((_, value)) = fields.iter().find(|(is, _)| is == name) else {
            return Ok(None);
        };
        match text(value.get()) {
            Some(text) => Ok(Some(text)),
            None => Ok(Some(Cow::Owned(serde_json::from_str(value.get())?))),
        }
    }

    /// Orders the PDU, without some of its top-level fields.
    pub fn without(self, drop: &[&str]) -> Result<Ordered<'a>, PduError> {
        let Fields(mut fields) = self.fields;
        fields.retain(|(name, _)| !drop.contains(&&**name));
        let mut out = Out::new(Texts::AsTheyAre, self.bytes);
        let fields = out.object(fields)?;
        Ok(Ordered {
            text: out.text,
            fields,
            form: out.form,
        })
    }
}

impl<'a> Ordered<'a> {
    /// Orders a PDU, without some of its top-level fields.
    pub fn without(pdu: &'a str, drop: &[&str]) -> Result<Self, PduError> {
        Opened::of(pdu)?.without(drop)
    }

    /// The same with the escapes of canonical JSON, for hashing.
    pub(super) fn unescaped(&self) -> Result<Ordered<'_>, serde_json::Error> {
        let mut out = Out::new(Texts::Canonical, self.text.len());
        let Fields(fields) = Fields::of(&self.text)?;
        let fields = out.object(fields)?;
        Ok(Ordered {
            text: out.text,
            fields,
            form: out.form,
        })
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.text
    }

    /// The text as a value.
    pub fn into_raw(self) -> Result<Box<RawValue>, PduError> {
        Ok(RawValue::from_string(self.text)?)
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// The value of a top-level field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (name, place) = self.fields.iter().find(|(is, _)| is == name)?;
        // The name has no escape: it is one of those that are asked for.
        self.text.get(place.start + name.len() + 3..place.end)
    }

    /// The top-level fields: name, and the text of name and value.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, place)| (&**name, &self.text[place.clone()]))
    }
}

/// The same JSON in the form of [`Ordered`]; it need not be an object.
pub fn ordered(raw: &RawValue) -> Result<Box<RawValue>, PduError> {
    let mut out = Out::new(Texts::AsTheyAre, raw.get().len());
    out.value(raw)?;
    Ok(RawValue::from_string(out.text)?)
}

/// What becomes of texts.
#[derive(Clone, Copy, PartialEq)]
enum Texts {
    AsTheyAre,
    Canonical,
}

struct Out {
    text: String,
    texts: Texts,
    form: Form,
}

impl Out {
    fn new(texts: Texts, capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            texts,
            form: Form::Canonical,
        }
    }

    /// The depth is bounded: whatever is a [`RawValue`] was read by `serde_json`, which refuses more than 128 levels.
    fn value(&mut self, raw: &RawValue) -> Result<(), serde_json::Error> {
        let text = raw.get();
        match text.as_bytes() {
            [b'{', ..] => self.object(Fields::of(text)?.0).map(drop),
            [b'[', ..] => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                self.text.push('[');
                for (place, item) in items.into_iter().enumerate() {
                    if place > 0 {
                        self.text.push(',');
                    }
                    self.value(item)?;
                }
                self.text.push(']');
                Ok(())
            }
            [b'"', ..] if !has_canonical_escapes(text) => self.escaped(text),
            [b'-' | b'0'..=b'9', ..] if !is_canonical_number(text) => {
                self.form = Form::Unknown;
                self.text.push_str(text);
                Ok(())
            }
            _ => {
                self.text.push_str(text);
                Ok(())
            }
        }
    }

    fn escaped(&mut self, text: &str) -> Result<(), serde_json::Error> {
        if self.texts == Texts::Canonical {
            let text: String = serde_json::from_str(text)?;
            self.text.push_str(&serde_json::to_string(&text)?);
        } else {
            self.form = self.form.max(Form::Escaped);
            self.text.push_str(text);
        }
        Ok(())
    }

    /// Puts an object, and tells where its fields are.
    fn object<'a>(
        &mut self,
        mut fields: Vec<(Cow<'a, str>, &RawValue)>,
    ) -> Result<Places<'a>, serde_json::Error> {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.form = Form::Unknown;
        }
        let mut places = Vec::with_capacity(fields.len());
        self.text.push('{');
        for (place, (name, value)) in fields.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            let start = self.text.len();
            self.name(&name)?;
            self.value(value)?;
            places.push((name, start..self.text.len()));
        }
        self.text.push('}');
        Ok(places)
    }

    fn name(&mut self, name: &str) -> Result<(), serde_json::Error> {
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if name.bytes().all(is_plain) {
            self.text.extend(["\"", name, "\":"]);
        } else {
            self.text.extend([&serde_json::to_string(name)?, ":"]);
        }
        Ok(())
    }
}

/// Whether a JSON text has no other escapes than canonical JSON has. Those of control characters that have no letter
/// count as others.
fn has_canonical_escapes(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(place) = memchr(rest) {
        if !matches!(
            rest.get(place + 1),
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')
        ) {
            return false;
        }
        rest = &rest[place + 2..];
    }
    true
}

/// Where the next escape is.
fn memchr(text: &[u8]) -> Option<usize> {
    text.contains(&b'\\')
        .then(|| text.iter().position(|byte| *byte == b'\\'))
        .flatten()
}

/// Whether a JSON number is an integer that every reader takes for the same; 15 digits are below 2^53.
fn is_canonical_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()) && text != "-0"
}

#[cfg(test)]
mod tests {
    use ruma::CanonicalJsonObject;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn fields_are_put_in_order_on_every_level() {
        let pdu = raw(
            r#"{"z": 1.50,"content":{ "b" : [1, {"y":[ ],"x":{}} ], "a":"é\u00e9 \" {"},"a":null}"#,
        );
        let expected =
            r#"{"a":null,"content":{"a":"é\u00e9 \" {","b":[1,{"x":{},"y":[]}]},"z":1.50}"#;
        assert_eq!(ordered(&pdu).unwrap().get(), expected);
        let without = Ordered::without(pdu.get(), &["content"]).unwrap();
        assert_eq!(without.get(), r#"{"a":null,"z":1.50}"#);
        assert_eq!(without.value("z"), Some("1.50"));
        assert_eq!(without.value("content"), None);
    }

    #[test]
    fn what_is_canonical_is_known() {
        let form = |value: &str| {
            let text = format!(r#"{{"a":[{value}]}}"#);
            Ordered::without(&text, &[]).unwrap().form()
        };
        for canonical in [
            "0",
            "-1",
            "999999999999999",
            "true",
            "null",
            r#""é\n\\u""#,
            "{}",
        ] {
            assert_eq!(form(canonical), Form::Canonical, "{canonical}");
        }
        for escaped in [r#""\u00e9""#, r#""\/""#, r#""\\\u000a""#] {
            assert_eq!(form(escaped), Form::Escaped, "{escaped}");
        }
        for unknown in ["-0", "1.0", "1e3", "1000000000000000", r#"{"a":1,"a":1}"#] {
            assert_eq!(form(unknown), Form::Unknown, "{unknown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn order_is_that_of_canonical_json(keys in proptest::collection::vec(".{0,3}", 0..6), text in ".{0,9}") {
            let object: serde_json::Map<_, _> = keys.iter().rev().map(|key| {
                (key.clone(), serde_json::json!({ "b": text, (key): [text, { "z": 1, "y": key }] }))
            }).collect();
            let raw = serde_json::value::to_raw_value(&object).unwrap();
            let canonical: CanonicalJsonObject = serde_json::from_str(raw.get()).unwrap();
            let canonical = ruma::CanonicalJsonValue::Object(canonical).to_string();
            let ordered = ordered(&raw).unwrap();
            proptest::prop_assert_eq!(ordered.get(), canonical);
        }
    }
}

//! What a bundle's JSON may ask of this machine: counted byte by byte, before anything is made of it.

use std::io::{self, Read};

/// Levels of lists and objects: what is read as raw text has no limit of its own, and all else stops at 128.
const DEPTH: usize = 200;
/// What one file, line or entry may have.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes: u64,
    /// One takes some tens of bytes of memory.
    values: u64,
    /// Those of the values that become records of some hundred bytes.
    objects: u64,
}

/// What the bounds hold for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A file, or a line.
    Whole,
    /// Each entry of a file's list or map; the file may have any length.
    Entry,
}

impl Unit {
    fn limits(self) -> Limits {
        Limits {
            bytes: match self {
                // More than two million accounts.
                Self::Whole => 1024 * 1024 * 1024,
                // The state of a room with half a million members.
                Self::Entry => 512 * 1024 * 1024,
            },
            values: 32_000_000,
            objects: 4_000_000,
        }
    }
}

/// Goes through JSON, in pieces of any length, and stops it where it is too much. It need not be valid.
pub(super) struct Guard {
    unit: Unit,
    limits: Limits,
    depth: usize,
    in_text: bool,
    escaped: bool,
    bytes: u64,
    values: u64,
    objects: u64,
}

impl Guard {
    /// At the beginning.
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            unit,
            limits: unit.limits(),
            depth: 0,
            in_text: false,
            escaped: false,
            bytes: 0,
            values: 0,
            objects: 0,
        }
    }

    /// Takes the next piece. The error is a clause that says what is too much.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        for byte in piece {
            self.bytes += 1;
            if self.in_text {
                match (self.escaped, byte) {
                    (true, _) => self.escaped = false,
                    (false, b'\\') => self.escaped = true,
                    (false, b'"') => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                // The commas between values are counted, and what opens one.
                b'{' | b'[' => {
                    self.depth += 1;
                    self.values += 1;
                    self.objects += u64::from(*byte == b'{');
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth <= 1 && self.unit == Unit::Entry => {
                    (self.bytes, self.values, self.objects) = (0, 0, 0);
                }
                b',' => self.values += 1,
                _ => {}
            }
            if self.depth > DEPTH {
                return Err(format!("it is nested more than {DEPTH} levels deep"));
            }
        }
        let what = match self.unit {
            Unit::Whole => "it",
            Unit::Entry => "an entry",
        };
        for (count, limit, unit) in [
            (self.bytes, self.limits.bytes, "bytes"),
            (self.values, self.limits.values, "values"),
            (self.objects, self.limits.objects, "objects"),
        ] {
            if count > limit {
                return Err(format!("{what} has more than {limit} {unit}"));
            }
        }
        Ok(())
    }
}

/// A reader whose JSON is guarded.
pub(super) struct Guarded<R> {
    inner: R,
    guard: Guard,
}

impl<R> Guarded<R> {
    /// Guards what `inner` gives.
    pub(super) fn new(inner: R, unit: Unit) -> Self {
        Self {
            inner,
            guard: Guard::new(unit),
        }
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let piece = buffer.get(..count).unwrap_or_default();
        self.guard.take(piece).map_err(io::Error::other)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Limits = Limits {
        bytes: 100,
        values: 20,
        objects: 5,
    };

    fn said(unit: Unit, pieces: &[&str]) -> Option<String> {
        let mut guard = Guard::new(unit);
        guard.limits = SMALL;
        pieces
            .iter()
            .find_map(|piece| guard.take(piece.as_bytes()).err())
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_texts_are_none() {
        let mut guard = Guard::new(Unit::Whole);
        assert_eq!(guard.take("[".repeat(DEPTH).as_bytes()), Ok(()));
        insta::assert_snapshot!(guard.take(b"[").unwrap_err(), @"it is nested more than 200 levels deep");
        let text = format!("[\"\\\"{}\"", "[".repeat(300));
        assert_eq!(Guard::new(Unit::Whole).take(text.as_bytes()), Ok(()));
    }

    #[test]
    fn a_whole_file_is_bounded() {
        insta::assert_snapshot!(said(Unit::Whole, &[" "; 101]).unwrap(), @"it has more than 100 bytes");
        insta::assert_snapshot!(said(Unit::Whole, &["1,"; 21]).unwrap(), @"it has more than 20 values");
        insta::assert_snapshot!(said(Unit::Whole, &["{}"; 6]).unwrap(), @"it has more than 5 objects");
        assert_eq!(said(Unit::Whole, &["{}"; 5]), None);
    }

    #[test]
    fn a_file_of_entries_may_have_any_length_but_each_entry_is_bounded() {
        let entries = [&["{"][..], &["\"k\":[1,{}],"; 1000]].concat();
        assert_eq!(said(Unit::Entry, &entries), None);
        assert!(said(Unit::Whole, &entries).is_some());
        insta::assert_snapshot!(said(Unit::Entry, &[" "; 101]).unwrap(), @"an entry has more than 100 bytes");
    }

    /// JSON of at most so many levels below the outermost.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Into::into),
            r#"[\[\]{},"\\a]{0,8}"#.prop_map(Into::into),
        ];
        leaf.prop_recursive(8, 64, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map(r#"[\[\]{},"\\a]{0,4}"#, inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn after_a_whole_value_it_is_outside_again(value in json(), cut in any::<prop::sample::Index>()) {
            let text = value.to_string().into_bytes();
            let mut guard = Guard::new(Unit::Whole);
            let (first, second) = text.split_at(cut.index(text.len() + 1));
            guard.take(first).unwrap();
            guard.take(second).unwrap();
            prop_assert_eq!((guard.depth, guard.in_text, guard.escaped), (0, false, false));
        }
    }
}

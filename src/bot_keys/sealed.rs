//! The encrypted value of a row: `{"version":1,"ciphertext":[…],"nonce":[…]}`, bytes as numbers.
//!
//! Read by hand: it is nine tenths of a store's bytes, and nothing but numbers.

/// How a value begins. `serde_json` writes the fields in the order of their declaration and without spaces.
pub(super) const HEADER: &[u8] = br#"{"version":1,"ciphertext":["#;
/// What is between the two lists.
const BETWEEN: &[u8] = br#","nonce":["#;
/// Text of a session's list: some more than it takes.
const LONGEST_LIST: usize = 6_000;
/// Bytes of a nonce of XChaCha20-Poly1305.
const NONCE: usize = 24;
/// Bytes of its tag, without which nothing is a ciphertext.
const TAG: usize = 16;

/// An encrypted value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) ciphertext: Vec<u8>,
    pub(super) nonce: [u8; NONCE],
}

impl Sealed {
    /// Reads what follows [`HEADER`].
    pub(super) fn read(rest: &[u8]) -> Result<Self, String> {
        let (ciphertext, taken) = list(rest)?;
        if ciphertext.len() < TAG {
            return Err("its ciphertext is too short".into());
        }
        let rest = rest.get(taken..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(BETWEEN) else {
            return Err(if rest.len() < BETWEEN.len() {
                "it ends too early".into()
            } else {
                "its nonce is missing".into()
            });
        };
        let (nonce, taken) = list(rest)?;
        let nonce = nonce
            .try_into()
            .map_err(|nonce: Vec<u8>| format!("its nonce has {} bytes", nonce.len()))?;
        match rest.get(taken) {
            Some(b'}') => Ok(Self { ciphertext, nonce }),
            Some(_) => Err("something follows its nonce".into()),
            None => Err("it ends too early".into()),
        }
    }

    /// What tells this value from all others, in what follows [`HEADER`], without reading it: its nonce, which is random,
    /// and the checksum of its text, so that a damaged copy is another one. Nothing where there is no nonce.
    pub(super) fn fingerprint(rest: &[u8]) -> Option<u64> {
        let end = memchr::memchr(b']', rest)? + 1;
        let (nonce, taken) = list(rest.get(end..)?.strip_prefix(BETWEEN)?).ok()?;
        let text = rest.get(..end + BETWEEN.len() + taken)?;
        let random = nonce
            .first_chunk()
            .map(|first| u64::from_le_bytes(*first))?;
        Some(random ^ u64::from(crc32fast::hash(text)))
    }
}

/// The numbers up to `]`, and how many bytes of text they took with it.
fn list(text: &[u8]) -> Result<(Vec<u8>, usize), String> {
    let mut bytes = Vec::with_capacity(text.len().min(LONGEST_LIST) / 3);
    let mut at = 0;
    // All three lengths of a number are worked out, and one is taken: a processor guesses wrong which it will be.
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let [first, second, third, fourth] = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        let digit = |byte: u8| u16::from(byte.wrapping_sub(b'0'));
        let ends = |byte: u8| byte == b',' || byte == b']';
        let (one, two, three) = (digit(first), digit(second), digit(third));
        let (length, number, end) = if ends(second) {
            (1, one, second)
        } else if ends(third) {
            (2, one * 10 + two, third)
        } else {
            (3, one * 100 + two * 10 + three, fourth)
        };
        let digits = one < 10 && (length < 2 || two < 10) && (length < 3 || three < 10);
        if !(digits && number < 256 && ends(end)) {
            return Err(if rest.len() < 4 {
                "it ends too early".into()
            } else {
                format!("byte {at} of its list begins no number")
            });
        }
        // It is below 256.
        bytes.push(number.to_le_bytes()[0]);
        at += length + 1;
        if end == b']' {
            return Ok((bytes, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(ciphertext: &[u8], nonce: &[u8]) -> String {
        serde_json::to_string(&serde_json::json!({"ciphertext": ciphertext, "nonce": nonce}))
            .unwrap()
            .replace(r#"{"ciphertext":["#, "")
    }

    #[test]
    fn what_is_no_value_is_told() {
        let whole = text(&[7; 20], &[9; 24]);
        assert_eq!(Sealed::read(whole.as_bytes()).unwrap().nonce, [9; 24]);
        for (from, to) in [
            ("7,", "7x"),
            ("7,", "777,"),
            ("],", "],,"),
            ("}", "]"),
            ("nonce", "nonse"),
        ] {
            let broken = whole.replacen(from, to, 1);
            assert!(Sealed::read(broken.as_bytes()).is_err(), "{broken}");
        }
        insta::assert_snapshot!(
            [&whole[..9], &whole[..42], "7,,", &text(&[7; 20], &[1]), &text(&[], &[9; 24]), &text(&[1], &[9; 24])]
                .map(|text| Sealed::read(text.as_bytes()).unwrap_err())
                .join("\n"),
            @r"
        it ends too early
        it ends too early
        it ends too early
        its nonce has 1 bytes
        byte 0 of its list begins no number
        its ciphertext is too short
        "
        );
    }

    proptest! {
        #[test]
        fn any_value_comes_back(ciphertext in prop::collection::vec(any::<u8>(), 16..80), nonce: [u8; NONCE]) {
            let text = text(&ciphertext, &nonce);
            let read = Sealed::read(text.as_bytes());
            let fingerprint = Sealed::fingerprint(text.as_bytes());
            prop_assert!(fingerprint.is_some());
            for at in 0..text.len() {
                let mut damaged = text.clone().into_bytes();
                damaged[at] ^= 1;
                prop_assert!(at + 1 == text.len() || Sealed::fingerprint(&damaged) != fingerprint);
            }
            prop_assert_eq!(read, Ok(Sealed { ciphertext, nonce }));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>) {
            let _any = Sealed::read(&bytes);
        }
    }
}

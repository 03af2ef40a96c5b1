//! The encrypted value of a row: `{"version":1,"ciphertext":[…],"nonce":[…]}`, bytes as numbers.
//!
//! Read by hand: it is nine tenths of a store's bytes, and nothing but numbers.

/// How a value begins. `serde_json` writes the fields in the order of their declaration and without spaces.
pub(super) const HEADER: &[u8] = br#"{"version":1,"ciphertext":["#;
/// What is between the two lists.
const BETWEEN: &[u8] = br#","nonce":["#;
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

    /// What tells this encryption from all others: a nonce is random.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.nonce[..8]);
        u64::from_le_bytes(first)
    }
}

/// The numbers up to `]`, and how many bytes of text they took with it.
fn list(text: &[u8]) -> Result<(Vec<u8>, usize), String> {
    let mut bytes = Vec::with_capacity(1_536);
    let (mut number, mut digits) = (0_u16, 0_u8);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                number = number * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b',' | b']' if digits > 0 && number < 256 => {
                // It is below 256.
                bytes.push(number.to_le_bytes()[0]);
                (number, digits) = (0, 0);
                if *byte == b']' {
                    return Ok((bytes, at + 1));
                }
            }
            _ => return Err(format!("byte {at} of its list is no number's")),
        }
    }
    Err("it ends too early".into())
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
        byte 2 of its list is no number's
        its nonce has 1 bytes
        byte 0 of its list is no number's
        its ciphertext is too short
        "
        );
    }

    proptest! {
        #[test]
        fn any_value_comes_back(ciphertext in prop::collection::vec(any::<u8>(), 16..80), nonce: [u8; NONCE]) {
            let read = Sealed::read(text(&ciphertext, &nonce).as_bytes());
            prop_assert_eq!(read, Ok(Sealed { ciphertext, nonce }));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>) {
            let _any = Sealed::read(&bytes);
        }
    }
}

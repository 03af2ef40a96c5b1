//! Where values begin in some bytes, also where a bit of their beginning has flipped.

use memchr::memmem;

use crate::bot_keys::{sealed, signer};

/// How a plain session begins.
pub(super) const PLAIN: &[u8] = br#"{"pickle":{"initial_ratchet":{"inner":["#;
/// Both are looked for by either half, so that a damaged half does not hide the value.
const HALVES: [(Form, &[u8], usize); 2] =
    [(Form::Sealed, sealed::HEADER, 14), (Form::Plain, PLAIN, 19)];
/// Bytes that may differ between a value's beginning and what it should be.
const DAMAGED: usize = 3;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// Encrypted: a session or anything else.
    Sealed,
    /// A session's JSON.
    Plain,
    /// The JSON of an account, an identity, or of something else that belongs to a user.
    Owned,
}

/// The beginnings in `bytes`, in their order.
pub(super) fn starts(bytes: &[u8]) -> Vec<(usize, Form)> {
    let mut starts = Vec::new();
    for (form, whole, middle) in HALVES {
        let (first, second) = whole.split_at(middle);
        let by_first = memmem::find_iter(bytes, first);
        let by_second =
            memmem::find_iter(bytes, second).filter_map(|at| at.checked_sub(first.len()));
        starts.extend(
            by_first
                .chain(by_second)
                .filter(|at| is_near(bytes, *at, whole))
                .map(|at| (at, form)),
        );
    }
    starts.extend(memmem::find_iter(bytes, signer::BEGIN).map(|at| (at, Form::Owned)));
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Whether the bytes at a place are a beginning, but for a few.
fn is_near(bytes: &[u8], at: usize, whole: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| {
        // A beginning that is cut off is one, too: it ends too early.
        rest.iter()
            .zip(whole)
            .filter(|(is, should)| is != should)
            .count()
            <= DAMAGED
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_flipped_bit_hides_no_beginning() {
        for (form, whole, _) in HALVES {
            for at in 0..whole.len() * 8 {
                let mut bytes = [b"\xff".as_slice(), whole, b"12,34"].concat();
                bytes[1 + at / 8] ^= 1 << (at % 8);
                assert_eq!(starts(&bytes), [(1, form)], "bit {at}");
            }
        }
        assert_eq!(starts(br#"{"pickle":{"ratchet":{"inner":[1"#), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>) {
            let _any = starts(&bytes);
        }
    }
}

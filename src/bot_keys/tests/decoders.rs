//! What reads a store's bytes, with any bytes: it answers, whatever they are.

use proptest::prelude::*;

use super::*;
use crate::bot_keys::{
    cipher::{self, Cipher, Closed},
    stored_session::{from_json, from_message_pack},
};

/// The first plain session of a store.
fn plain() -> Vec<u8> {
    let fixture = Fixture::new("v4-none");
    let log = fs::read(fixture.log()).unwrap();
    let at = memchr::memmem::find(&log, br#"{"pickle":{"init"#).unwrap();
    let (_, length) = from_json(&log[at..]).unwrap();
    log[at..at + length].to_vec()
}

/// The cipher's row of a store as JSON, or (version 7) as `MessagePack`, and some bytes behind it.
fn row(name: &str) -> Vec<u8> {
    let fixture = Fixture::new(name);
    let log = fs::read(fixture.log()).unwrap();
    let found = [cipher::JSON, cipher::MESSAGE_PACK]
        .iter()
        .find_map(|begin| memchr::memmem::find(&log, begin));
    let at = found.unwrap();
    log[at..at + 900].to_vec()
}

#[test]
fn a_row_is_as_long_as_it_says_and_opens_only_with_its_passphrase() {
    for name in ["v5-correct-horse", "v7-correct-horse"] {
        let bytes = row(name);
        assert!(cipher::row(&bytes).unwrap().len() < bytes.len());
        assert!(Cipher::open(&bytes, &PASSPHRASE.into()).is_ok());
        let wrong = Cipher::open(&bytes, &"".into());
        assert_eq!(wrong.err(), Some(Closed::Passphrase));
        let cut = Cipher::open(&bytes[..60], &PASSPHRASE.into());
        assert_eq!(cut.err(), Some(Closed::NoRow));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_session_is_an_answer(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = plain();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Err(error) = from_json(&text) {
            prop_assert!(error.len() < 120 && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn a_changed_row_is_an_answer(at: prop::sample::Index, byte: u8) {
        for name in ["v5-empty", "v7-empty"] {
            let mut bytes = row(name);
            let at = at.index(400);
            bytes[at] = byte;
            let _any = cipher::row(&bytes);
        }
    }

    #[test]
    fn any_bytes_are_an_answer(bytes: Vec<u8>) {
        let _any = (from_json(&bytes).is_ok(), from_message_pack(&bytes).is_ok(), cipher::row(&bytes));
    }
}

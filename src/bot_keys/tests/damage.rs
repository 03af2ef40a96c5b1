//! Damaged stores: what is intact comes out, what is broken is listed, and it always ends.

use proptest::prelude::*;

use super::*;

/// Where the values of a log begin.
fn values(log: &[u8], begin: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(log, begin).collect()
}

/// The keys that are not those of the fixture.
fn wrong(found: &Keys, expected: &Keys) -> usize {
    found
        .iter()
        .filter(|(name, key)| expected.get(*name) != Some(key))
        .count()
}

#[test]
fn garbage_in_a_session_is_listed_and_the_others_come_out() {
    for (name, begin) in [
        ("v4-none", r#"{"pickle":{"init"#),
        ("v5-none", r#"{"pickle":{"init"#),
        ("v5-empty", r#"{"version":1,"ciph"#),
        ("v7-empty", r#"{"version":1,"ciph"#),
    ] {
        let fixture = Fixture::new(name);
        let mut log = fs::read(fixture.log()).unwrap();
        let values = values(&log, begin.as_bytes());
        for at in &values[values.len() - 2..] {
            log[at + 60..at + 260].fill(b'?');
        }
        fs::write(fixture.log(), log).unwrap();
        let extracted = fixture.skipping().unwrap();
        let found = keys(&extracted);
        let broken = broken(&extracted);
        assert_eq!(wrong(&found, &fixture.expected), 0, "{name}");
        assert!(found.len() >= SESSIONS - 2, "{name}: {}", found.len());
        for at in &values[values.len() - 2..] {
            let listed = broken
                .iter()
                .any(|it| it.offset == Some(*at as u64) && it.file == "db");
            assert!(listed, "{name}: {at} in {broken:?}");
        }
    }
}

#[test]
fn without_the_option_the_first_broken_session_stops() {
    let fixture = Fixture::new("v5-empty");
    let mut log = fs::read(fixture.log()).unwrap();
    let at = values(&log, br#"{"version":1,"ciph"#)[5];
    log[at + 100] = b'x';
    fs::write(fixture.log(), log).unwrap();
    let sentence = sentence(fixture.extract(), fixture.folder.path());
    let sentence = sentence.replace(&at.to_string(), "<byte>");
    insta::assert_snapshot!(sentence, @"crypto store …: 1 broken, the first one at byte <byte> of db (byte 72 of its list begins no number): give --skip-errors to take out all that is intact and to have the broken ones listed");
}

#[test]
fn a_store_cut_in_the_middle_of_a_value_gives_what_is_before() {
    let fixture = Fixture::new("v5-empty");
    let log = fs::read(fixture.log()).unwrap();
    let at = *values(&log, br#"{"version":1,"ciph"#).last().unwrap();
    fs::write(fixture.log(), &log[..at + 500]).unwrap();
    let extracted = fixture.skipping().unwrap();
    assert_eq!(wrong(&keys(&extracted), &fixture.expected), 0);
    insta::assert_snapshot!(broken(&extracted)[0].error, @"it ends too early");
    assert_eq!(broken(&extracted)[0].offset, Some(at as u64));
}

#[test]
fn without_the_row_of_the_cipher_all_is_lost_and_it_says_so() {
    let fixture = Fixture::new("v5-empty");
    let mut log = fs::read(fixture.log()).unwrap();
    for at in values(&log, br#"{"kdf_info":{"#) {
        log[at] = b'?';
    }
    fs::write(fixture.log(), log).unwrap();
    let found = |result| {
        let sentence = sentence(result, fixture.folder.path());
        let number = sentence.split(|it: char| !it.is_ascii_digit()).max();
        sentence.replace(number.unwrap(), "<n>")
    };
    insta::assert_snapshot!(found(fixture.extract()), @"crypto store …/matrix-sdk-crypto: <n> encrypted values are there, and the row with the store's cipher is nowhere: without it they are lost");
    insta::assert_snapshot!(found(fixture.skipping()), @"crypto store …: no session in it can be read: 1 broken, the first one at db (<n> encrypted values are there, and the row with the store's cipher is nowhere: without it they are lost)");
}

#[test]
fn a_damaged_number_of_rounds_does_not_keep_it_busy() {
    let fixture = Fixture::new("v5-empty");
    let log = fs::read(fixture.log()).unwrap();
    let text = String::from_utf8_lossy(&log).contains(r#""rounds":200000"#);
    assert!(text, "the row is there");
    let patient = replaced(&log, br#""rounds":200000"#, br#""rounds":900000000"#);
    fs::write(fixture.log(), patient).unwrap();
    assert!(fixture.extract().is_err());
}

#[test]
fn what_was_in_a_missing_blob_is_told_and_all_else_comes_out() {
    let fixture = Fixture::new("v7-blobs");
    let whole = fixture.extract().unwrap();
    assert_eq!(keys(&whole), fixture.expected);
    let mut missing = 0;
    for blob in fs::read_dir(fixture.folder.path().join("matrix-sdk-crypto/blobs")).unwrap() {
        let path = blob.unwrap().path();
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let extracted = fixture.skipping().unwrap();
        let found = keys(&extracted);
        assert_eq!(wrong(&found, &fixture.expected), 0);
        let listed = broken(&extracted);
        // What an older blob has, a newer one may have, too.
        assert!(found.len() == SESSIONS || listed.len() == 1, "{listed:?}");
        missing += listed.len();
        fs::write(&path, content).unwrap();
    }
    assert!(missing > 0);
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut new = bytes.to_vec();
    while let Some(at) = memchr::memmem::find(&new, from) {
        new.splice(at..at + from.len(), to.iter().copied());
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Sealed values can't be mistaken for others; plain ones are listed where nothing proves them.
    #[test]
    fn flipped_bits_cost_no_more_than_the_sessions_that_they_hit(
        plain: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..20),
    ) {
        let fixture = Fixture::new(if plain { "v5-none" } else { "v5-empty" });
        let mut log = fs::read(fixture.log()).unwrap();
        let row = memchr::memmem::find(&log, br#"{"kdf_info":{"#).unwrap_or(0);
        for (at, bit) in &flips {
            let at = at.index(log.len());
            // The cipher's row is the one place of which all depends.
            if plain || !(row..row + 900).contains(&at) {
                log[at] ^= 1 << bit;
            }
        }
        fs::write(fixture.log(), log).unwrap();
        match fixture.skipping() {
            Ok(extracted) => {
                let found = keys(&extracted);
                let broken = broken(&extracted);
                prop_assert!(found.len() + flips.len() >= SESSIONS);
                if plain {
                    prop_assert!(wrong(&found, &fixture.expected) <= broken.len());
                } else {
                    prop_assert_eq!(wrong(&found, &fixture.expected), 0);
                    prop_assert!(found.len() + broken.len() >= SESSIONS);
                }
            }
            Err(error) => prop_assert!(flips.len() >= SESSIONS, "{error}"),
        }
    }

    #[test]
    fn a_store_cut_anywhere_gives_what_is_left(plain: bool, at: prop::sample::Index) {
        let fixture = Fixture::new(if plain { "v7-none" } else { "v7-empty" });
        let log = fs::read(fixture.log()).unwrap();
        fs::write(fixture.log(), &log[..at.index(log.len())]).unwrap();
        if let Ok(extracted) = fixture.skipping() {
            prop_assert_eq!(wrong(&keys(&extracted), &fixture.expected), 0);
        }
    }

    #[test]
    fn any_bytes_as_a_store_are_an_answer(bytes: Vec<u8>, blob: Vec<u8>, at: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture::new("v5-none");
        let mut log = fs::read(fixture.log()).unwrap();
        let at = at.index(log.len());
        log.splice(at..at, bytes);
        fs::create_dir(folder.path().join("blobs")).unwrap();
        fs::write(folder.path().join("db"), log).unwrap();
        fs::write(folder.path().join("blobs/7"), blob).unwrap();
        let _any = extract(&Wish { skip_errors: true, ..wish(folder.path()) });
    }
}

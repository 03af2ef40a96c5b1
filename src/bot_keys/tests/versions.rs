//! Every version and every way to encrypt: the same keys as the crate that wrote the store.

use super::*;

#[test]
fn every_key_is_the_one_that_the_original_crate_exports() {
    for version in ["v4", "v5", "v7"] {
        for (mode, passphrase) in [
            ("none", None),
            ("empty", None),
            ("empty", Some("")),
            ("correct-horse", Some(PASSPHRASE)),
        ] {
            let fixture = Fixture::new(&format!("{version}-{mode}"));
            let wish = match passphrase {
                Some(passphrase) => with_passphrase(fixture.wish(), passphrase),
                None => fixture.wish(),
            };
            let extracted = extract(&wish).unwrap();
            assert_eq!(keys(&extracted), fixture.expected, "{version} {mode}");
            assert_eq!(broken(&extracted), [], "{version} {mode}");
            assert_eq!(extracted.rooms().unwrap(), 3);
            assert!(!extracted.changed());
        }
    }
}

#[test]
fn a_wrong_passphrase_is_told() {
    let fixture = Fixture::new("v5-correct-horse");
    insta::assert_snapshot!(sentence(fixture.extract(), fixture.folder.path()), @"crypto store …/matrix-sdk-crypto: it is encrypted, and not with the empty passphrase that bots use: give its passphrase");
    let wrong = extract(&with_passphrase(fixture.wish(), "battery staple"));
    insta::assert_snapshot!(sentence(wrong, fixture.folder.path()), @"crypto store …/matrix-sdk-crypto: the passphrase is wrong, or the row with the store's cipher is damaged");
}

#[test]
fn a_store_that_has_no_cipher_needs_no_passphrase() {
    let fixture = Fixture::new("v5-none");
    let extracted = extract(&with_passphrase(fixture.wish(), PASSPHRASE)).unwrap();
    assert_eq!(keys(&extracted), fixture.expected);
}

#[test]
fn of_two_stores_in_a_folder_both_are_read() {
    let (one, other) = (Fixture::new("v4-empty"), Fixture::new("v7-none"));
    let folder = one.folder.path();
    fs::rename(
        other.folder.path().join("matrix-sdk-crypto"),
        folder.join("matrix-sdk-state"),
    )
    .unwrap();
    let extracted = one.extract().unwrap();
    let mut expected = one.expected.clone();
    expected.extend(other.expected);
    assert_eq!(keys(&extracted), expected);
    assert_eq!(extracted.places().len(), 2);
}

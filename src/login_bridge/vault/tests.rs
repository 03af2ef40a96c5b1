//! A vault on disk, whole and torn.

use std::{fs, os::unix::fs::PermissionsExt};

use ruma::user_id;

use super::*;
use crate::secret::ExposeSecret;

const HASH: &str = "$2b$04$AuRCzFwT80YaTrQh2fwjL.H9PVZF3hOGjqV8w/oUwU7viL39KRjsq";
const OTHER: &str = "$2b$04$0PHk/1MtERiAFocLf.LxKuwIqP3/sUmi6MMaho.W9JsNn0fFg1c2K";

fn about() -> About {
    About {
        version: VERSION,
        made_ms: 5,
        migration: "b 1 keys".to_owned(),
        bundle: "b.tar.zst".to_owned(),
        target_keys: vec!["ed25519:a xyz".to_owned()],
    }
}

fn account(user: &UserId, hash: &str, password: &str) -> Account {
    Account {
        user: user.to_owned(),
        hash: hash.into(),
        password: password.into(),
    }
}

fn made(dir: &Path) -> Vault {
    let accounts = [
        account(user_id!("@a:x"), HASH, "randomA"),
        account(user_id!("@b:x"), OTHER, "randomB"),
    ];
    Vault::make(&dir.join("vault"), &about(), &accounts).unwrap()
}

/// All bytes of all files.
fn everything(dir: &Path) -> String {
    let files = fs::read_dir(dir).unwrap();
    files
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn it_is_private_and_knows_its_accounts_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(made(dir.path()));
    let path = dir.path().join("vault");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let vault = Vault::open(&path).unwrap().unwrap();
    assert_eq!(*vault.about(), about());
    assert_eq!(vault.state(user_id!("@a:x")), Some(State::Waiting));
    assert_eq!(vault.state(user_id!("@c:x")), None);
    let secrets = vault.secrets(user_id!("@b:x")).unwrap();
    assert_eq!(secrets.hash.expose_secret(), OTHER);
    assert_eq!(secrets.password.expose_secret(), "randomB");
    assert!(Vault::open(&dir.path().join("none")).unwrap().is_none());
}

#[test]
fn what_is_overwritten_is_nowhere_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let vault = made(dir.path());
    let (a, b) = (user_id!("@a:x"), user_id!("@b:x"));
    vault.put(a, State::Begun).unwrap();
    assert!(everything(dir.path()).contains(HASH));
    assert!(vault.secrets(a).is_some());
    vault.put(a, State::Moved).unwrap();
    let text = everything(dir.path());
    assert!(!text.contains(HASH) && !text.contains("randomA"), "{text}");
    assert!(text.contains(OTHER) && text.contains("randomB"), "{text}");
    assert!(vault.secrets(a).is_none());
    // Nobody comes back.
    vault.put(a, State::Waiting).unwrap();
    let vault = Vault::open(&dir.path().join("vault")).unwrap().unwrap();
    assert_eq!(vault.all(State::Moved), [a]);
    assert_eq!(vault.all(State::Waiting), [b]);
    assert_eq!(
        vault.count(),
        Count {
            waiting: 1,
            moved: 1,
            left: 0
        }
    );
    vault.put(b, State::Left).unwrap();
    let text = everything(dir.path());
    assert!(!text.contains("$2b$") && !text.contains("random"), "{text}");
    assert!(vault.hashes().is_empty());
}

const TOKEN: &str = "aTokenOfTuwunelsWhichHas32Bytes_";

#[test]
fn a_sessions_token_stays_as_long_as_it_is_of_use() {
    let dir = tempfile::tempdir().unwrap();
    let a = user_id!("@a:x");
    let vault = made(dir.path());
    let again = || Vault::open(&dir.path().join("vault")).unwrap().unwrap();
    let token = |vault: &Vault| {
        let session = vault.secrets(a).unwrap().session;
        session.map(|token| token.expose_secret().to_owned())
    };
    assert_eq!(token(&vault), None);
    vault.put(a, State::Begun).unwrap();
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    // It is begun anew before the session is closed.
    vault.put(a, State::Begun).unwrap();
    assert_eq!(token(&vault).as_deref(), Some(TOKEN));
    assert_eq!(token(&again()).as_deref(), Some(TOKEN));
    vault.put_session(a, Some(&"short".into())).unwrap();
    assert_eq!(token(&again()).as_deref(), Some("short"));
    for odd in [
        "x".repeat(ROOM + 1),
        "a b".to_owned(),
        "a*".to_owned(),
        String::new(),
    ] {
        vault.put_session(a, Some(&odd.as_str().into())).unwrap();
        assert_eq!((token(&vault), token(&again())), (None, None), "{odd}");
    }
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    vault.put_session(a, None).unwrap();
    assert_eq!((token(&vault), token(&again())), (None, None));
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    vault.put(a, State::Moved).unwrap();
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    assert!(!everything(dir.path()).contains(TOKEN));
    assert!(again().secrets(user_id!("@b:x")).unwrap().session.is_none());
}

#[test]
fn a_vault_of_the_first_format_is_still_one() {
    let dir = tempfile::tempdir().unwrap();
    drop(made(dir.path()));
    let path = dir.path().join("vault");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("\"version\":2", "\"version\":1");
    fs::write(&path, text.replace(&format!(" {}", "*".repeat(ROOM)), "")).unwrap();
    let a = user_id!("@a:x");
    let vault = Vault::open(&path).unwrap().unwrap();
    assert_eq!(
        vault.secrets(a).unwrap().password.expose_secret(),
        "randomA"
    );
    vault.put(a, State::Begun).unwrap();
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    assert!(vault.secrets(a).unwrap().session.is_none(), "no room");
    vault.put(a, State::Moved).unwrap();
    let text = everything(dir.path());
    assert!(
        text.contains(&format!("\nm {} @a:x\n", "*".repeat(68))),
        "{text}"
    );
    assert!(
        text.contains(&format!("\nw {OTHER} randomB @b:x\n")),
        "{text}"
    );
}

/// Whatever part of an overwriting is on disk when the machine comes back, its rest is done before anything else.
///
/// `torn` writes bytes of the new line over the old one: `from..to` of those of the secrets.
fn each_torn_line(letter_first: bool, format: u32, new: u8, check: impl Fn(&Vault, &str, &str)) {
    let dir = tempfile::tempdir().unwrap();
    let vault = made(dir.path());
    let a = user_id!("@a:x");
    vault.put(a, State::Begun).unwrap();
    vault.put_session(a, Some(&TOKEN.into())).unwrap();
    drop(vault);
    let path = dir.path().join("vault");
    let mut old = fs::read_to_string(&path).unwrap();
    if format == 1 {
        old = old.replace("\"version\":2", "\"version\":1");
        old = old.replace(&format!(" {}", "*".repeat(ROOM)), "");
        old = old.replace(&format!(" {TOKEN}{}", "*".repeat(ROOM - TOKEN.len())), "");
    }
    let at = old.find("\nb ").unwrap() + 1;
    let length = old[at + 2..].find(" @a:x").unwrap();
    let mut torn = 0;
    for from in 0..length {
        for to in [from + 1, from + 8, from + 17, length] {
            if to > length || (!letter_first && from > HASH.len() + 7) {
                continue;
            }
            let mut bytes = old.clone().into_bytes();
            if letter_first {
                bytes[at] = new;
            }
            bytes[at + 2 + from..at + 2 + to].fill(GONE);
            fs::write(&path, &bytes).unwrap();
            let vault = Vault::open(&path).unwrap().unwrap();
            let left = everything(dir.path());
            let place = format!("{from}..{to}");
            check(&vault, &left, &place);
            let whole = "*".repeat(length);
            assert_eq!(&left[at + 2..at + 2 + length], whole, "{place}");
            assert_eq!(left[at + 2 + length..], old[at + 2 + length..], "{place}");
            assert_eq!(left[..at], old[..at], "{place}");
            assert!(vault.secrets(a).is_none(), "{place}");
            let b = vault.secrets(user_id!("@b:x")).unwrap();
            assert_eq!(b.hash.expose_secret(), OTHER, "{place}");
            assert_eq!(b.password.expose_secret(), "randomB", "{place}");
            torn += 1;
        }
    }
    assert!(torn > 150, "{torn}");
}

#[test]
fn an_overwriting_that_was_torn_is_finished_when_the_vault_is_opened() {
    for (new, state) in [
        (b'm', State::Moved),
        (b'o', State::Open),
        (b'l', State::Left),
    ] {
        each_torn_line(true, VERSION, new, |vault, left, place| {
            assert_eq!(vault.state(user_id!("@a:x")), Some(state), "{place}");
            assert!(
                left.contains(&format!("\n{} *", char::from(new))),
                "{place}"
            );
        });
    }
}

/// The first format wrote letter and secrets at once, in which order only the disk knows.
#[test]
fn so_is_one_whose_letter_was_not_written() {
    for format in [1, VERSION] {
        each_torn_line(false, format, b'm', |vault, left, place| {
            assert_eq!(vault.state(user_id!("@a:x")), Some(State::Open), "{place}");
            assert!(left.contains("\no *"), "{place}: {left}");
        });
    }
}

#[test]
fn with_the_letter_alone_everything_goes() {
    let dir = tempfile::tempdir().unwrap();
    drop(made(dir.path()));
    let path = dir.path().join("vault");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\nw ", "\nm ")).unwrap();
    let vault = Vault::open(&path).unwrap().unwrap();
    assert_eq!(vault.count().moved, 2);
    let left = everything(dir.path());
    assert!(!left.contains("$2b$") && !left.contains("random"), "{left}");
}

#[test]
fn another_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(made(dir.path()));
    let path = dir.path().join("vault");
    let good = fs::read_to_string(&path).unwrap();
    let said = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = Vault::open(&path).err().expect("a refusal").to_string();
        error.replace(&*dir.path().to_string_lossy(), "DIR")
    };
    let lines = [
        said(""),
        said(&good.replace("\"version\":2", "\"version\":3")),
        said(&good.replace("@b:x", "nobody")),
        said(&good.replace("w $2b$04$A", "? $2b$04$A")),
        // Damaged, but not by an overwriting: nothing is erased.
        said(&good.replace("w $2b$04$A", "w $3b$04$A")),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    DIR/vault: line 1 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
    DIR/vault: line 1 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
    DIR/vault: line 3 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
    DIR/vault: line 2 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
    DIR/vault: line 2 is none of a vault: put the file back as it was, or remove it to begin anew from the bundle
    ");
    assert!(everything(dir.path()).contains("randomA"));
}

//! One value, from where it begins.

use super::{
    seen::Seen,
    starts::{Form, PLAIN},
};
use crate::bot_keys::{
    cipher::Cipher,
    room_key::RoomKey,
    sealed::{HEADER, Sealed},
    signer::{self, Signer},
    stored_session::from_json,
};

/// What a value turned out to be.
pub(super) enum Reading {
    /// A session that was encrypted, so that nothing of it can have changed.
    Sealed(RoomKey),
    /// A session that was not.
    Plain(RoomKey),
    /// An account or an identity.
    Signer(Signer),
    /// It needs a cipher, and there is none.
    Locked,
    /// No session, or one that was read before.
    Nothing,
    /// It can't be read: why, in one clause.
    Broken(String),
}

/// Reads the value with which `rest` begins.
pub(super) fn read(rest: &[u8], form: Form, cipher: Option<&Cipher>, seen: &Seen) -> Reading {
    match form {
        Form::Sealed => sealed(rest, cipher, seen),
        Form::Plain => plain(rest),
        Form::Owned => owned(rest),
    }
}

fn sealed(rest: &[u8], cipher: Option<&Cipher>, seen: &Seen) -> Reading {
    let Some(cipher) = cipher else {
        return Reading::Locked;
    };
    let rest = rest.get(HEADER.len()..).unwrap_or_default();
    let fingerprint = Sealed::fingerprint(rest);
    if fingerprint.is_some_and(|fingerprint| seen.has(fingerprint)) {
        return Reading::Nothing;
    }
    let value = match Sealed::read(rest) {
        Ok(value) => value,
        Err(error) => return Reading::Broken(error),
    };
    let Some(text) = cipher.decrypt(&value) else {
        return Reading::Broken("it does not decrypt: it is damaged".into());
    };
    let reading = if text.starts_with(PLAIN) {
        match from_json(&text) {
            Ok((key, _)) => Reading::Sealed(key),
            Err(error) => return Reading::Broken(error),
        }
    } else {
        owned(&text)
    };
    if let Some(fingerprint) = fingerprint {
        seen.add(fingerprint);
    }
    reading
}

/// An account, an identity, a device, anything else of the store.
fn owned(text: &[u8]) -> Reading {
    let signer = text
        .starts_with(signer::BEGIN)
        .then(|| signer::from_json(text))
        .flatten();
    signer.map_or(Reading::Nothing, Reading::Signer)
}

fn plain(rest: &[u8]) -> Reading {
    let read = if rest.starts_with(PLAIN) {
        from_json(rest)
    } else {
        // A few of its first bytes are wrong, and it is known what they were.
        let mended = [PLAIN, rest.get(PLAIN.len()..).unwrap_or_default()].concat();
        from_json(&mended)
    };
    match read {
        Ok((key, _)) => Reading::Plain(key),
        Err(error) => Reading::Broken(error),
    }
}

/// Whether a plain row's key, which may lack its front, is that of a session: room, (up to version 5) sender, session.
pub(super) fn is_of(key: &RoomKey, row: &[u8]) -> bool {
    let with_sender = [key.room_id.as_str(), &key.sender_key, &key.session_id];
    let without = [key.room_id.as_str(), &key.session_id];
    [with_sender.as_slice(), &without].iter().any(|parts| {
        let whole: Vec<u8> = parts
            .iter()
            .flat_map(|part| [part.as_bytes(), b"\xff"].concat())
            .collect();
        whole.ends_with(row)
    })
}

//! A vault's line: `<state> <hash> <random password> <room for a session's token> <user ID>`.
//!
//! What is not there, or not any more, is `*` in each byte. All lines of a vault keep their length.

use std::ops::Range;

use ruma::OwnedUserId;

use super::{Account, state::State};
use crate::{
    login_bridge::check::is_bcrypt,
    secret::{ExposeSecret, SecretString},
};

/// Stands in the place of each byte that is not there.
pub(super) const GONE: u8 = b'*';

/// The longest token that is put down. Tuwunel's have 32 bytes.
pub(super) const ROOM: usize = 64;

/// What an account waits with.
#[derive(Clone)]
pub(in super::super) struct Secrets {
    /// Synapse's.
    pub(in super::super) hash: SecretString,
    /// Ours.
    pub(in super::super) password: SecretString,
    /// The token of the bridge's session, as long as it may be open.
    pub(in super::super) session: Option<SecretString>,
}

/// An account's line.
pub(super) struct Entry {
    pub(super) state: State,
    /// While it waits.
    pub(super) secrets: Option<Secrets>,
    /// Where its line begins, in bytes.
    pub(super) at: u64,
    /// The bytes of all secrets and the blanks between them.
    pub(super) length: usize,
    /// The bytes of the room for a token, at their end.
    pub(super) room: usize,
    /// Something of the secrets is there that should not be, or the state's letter is the one before.
    pub(super) unfinished: bool,
}

/// The parts of an account's first line, with everything that is between them.
pub(super) fn parts(account: &Account) -> [&str; 8] {
    const NO_TOKEN: &str = "****************************************************************";
    const { assert!(NO_TOKEN.len() == ROOM) };
    [
        "w ",
        account.hash.expose_secret(),
        " ",
        account.password.expose_secret(),
        " ",
        NO_TOKEN,
        " ",
        account.user.as_str(),
    ]
}

impl Entry {
    /// Reads a line that begins at this byte of the file. The first format had no `room` for a token.
    pub(super) fn read(line: &str, at: u64, room: usize) -> Option<(OwnedUserId, Self)> {
        let (letter, rest) = line.split_once(' ')?;
        let &[letter] = letter.as_bytes() else {
            return None;
        };
        let state = State::of(letter)?;
        let (text, user) = rest.rsplit_once(' ')?;
        let user = OwnedUserId::try_from(user).ok()?;
        let mut entry = Self {
            state,
            secrets: None,
            at,
            length: text.len(),
            room,
            unfinished: false,
        };
        if !state.waits() {
            entry.unfinished = text.bytes().any(|byte| byte != GONE);
            return Some((user, entry));
        }
        // What is before the room, with the blank behind it.
        let kept = text.get(..text.len().checked_sub(room)?)?;
        entry.secrets = whole(kept, &text[kept.len()..], room > 0);
        if entry.secrets.is_none() {
            if !kept.contains(char::from(GONE)) {
                return None;
            }
            // The machine went down while they were overwritten, and nobody knows why they were.
            (entry.state, entry.unfinished) = (State::Open, true);
        }
        Some((user, entry))
    }

    /// The bytes of the file that its secrets have.
    pub(super) fn place(&self) -> Range<u64> {
        let begin = self.at + 2;
        begin..begin + self.length as u64
    }

    /// What stands in the room for a token: nothing that does not fit in, and nothing that could not be told from an
    /// empty one.
    pub(super) fn fitting(&self, token: &SecretString) -> Option<Vec<u8>> {
        let text = token.expose_secret();
        let is_plain =
            !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic() && it != GONE);
        let mut bytes = text.as_bytes().to_vec();
        (is_plain && bytes.len() <= self.room).then(|| {
            bytes.resize(self.room, GONE);
            bytes
        })
    }
}

/// The secrets, if nothing is overwritten of those that the account waits with.
fn whole(kept: &str, room: &str, has_room: bool) -> Option<Secrets> {
    let kept = if has_room {
        kept.strip_suffix(' ')?
    } else {
        kept
    };
    let (hash, password) = kept.split_once(' ')?;
    if !is_bcrypt(hash) || password.is_empty() || password.contains([char::from(GONE), ' ']) {
        return None;
    }
    let token = room.trim_end_matches(char::from(GONE));
    // Half a one is of a machine that went down before the session was used.
    let is_one = !token.is_empty() && !token.contains(char::from(GONE));
    Some(Secrets {
        hash: hash.into(),
        password: password.into(),
        session: is_one.then(|| token.into()),
    })
}

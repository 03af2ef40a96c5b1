//! Why something that was said is not sent again.

use std::fmt;

use serde::Serialize;

/// Why a message stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody has deleted it.
    Redacted,
    /// Whoever said it is of another server.
    Remote,
    /// Whoever said it has no account here that can be used.
    Closed,
    /// Whoever said it is not in the room any more.
    Gone,
    /// Who is in the room now could not all read it then.
    Hidden,
    /// It is encrypted, and the room has another ID: its keys belong to the old one.
    Encrypted,
    /// It means nothing without what it belongs to, which is not sent again.
    Related,
    /// It is a call, a verification, or something else that no client shows as a message.
    Other,
    /// It can't be read, or no server takes its numbers.
    Unreadable,
}

/// The reason in one clause, after "… are not sent again: ".
impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Redacted => "deleted",
            Self::Remote => "said by people of other servers",
            Self::Closed => "said by accounts that can't be used any more",
            Self::Gone => "said by people who are not in the room any more",
            Self::Hidden => "not to be read then by all who are in the room now",
            Self::Encrypted => "encrypted for the room's old ID",
            Self::Related => "part of something that is not sent again",
            Self::Other => "a call, a verification, or something else that no client shows",
            Self::Unreadable => "unreadable, or with numbers that no server takes",
        })
    }
}

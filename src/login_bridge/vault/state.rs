//! How far an account is.

/// How far an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has the random password.
    Waiting,
    /// Its password is being changed, or was when the bridge was killed: it may have either, and a session may be open.
    Begun,
    /// It has a password of its user's; a session of the bridge may be open whose token nobody knows.
    Open,
    /// It has a password of its user's.
    Moved,
    /// The bridge's time was over before the user came: it has the random password, and the hash is gone.
    Left,
}

impl State {
    const ALL: [(Self, u8); 5] = [
        (Self::Waiting, b'w'),
        (Self::Begun, b'b'),
        (Self::Open, b'o'),
        (Self::Moved, b'm'),
        (Self::Left, b'l'),
    ];

    pub(super) fn byte(self) -> u8 {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or(b'w', |(_, byte)| *byte)
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == byte);
        found.map(|(state, _)| *state)
    }

    /// Whether hash and random password are still there.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Waiting | Self::Begun)
    }
}

/// How many accounts are how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Not moved yet.
    pub waiting: u64,
    /// With a password of their user's.
    pub moved: u64,
    /// Not moved in time.
    pub left: u64,
}

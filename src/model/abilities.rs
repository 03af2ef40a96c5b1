//! What a target can take.

use ruma::RoomVersionId;
use serde::Serialize;

/// PDUs in one transaction (server-server API, "Transactions").
pub const PDU_LIMIT: usize = 50;

/// What a target can do, asked of the target itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// `Tuwunel 1.4.6`, `Synapse 1.163.2` …
    pub software: String,
    /// Takes the history by replay through the resident (Tuwunel), or only joins at the current state (a stand-in).
    pub replay: bool,
    /// Room versions that it can join.
    pub room_versions: Vec<RoomVersionId>,
}

/// The Tuwunel that whole migrations were run on.
const TRIED: [u32; 3] = [1, 4, 6];

/// Whether migrations were run on a target's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// On this one.
    Yes,
    /// Only on later ones.
    TooOld,
    /// Only on earlier ones.
    TooNew,
}

/// A version that can't be read counts as newer than all that are known.
const UNKNOWN: [u32; 3] = [u32::MAX; 3];

impl Abilities {
    /// Whether migrations were run on this version; anything but Tuwunel counts as too new.
    #[must_use]
    pub fn tried(&self) -> Tried {
        match self.tuwunel() {
            Some(version) if version < TRIED => Tried::TooOld,
            Some(TRIED) => Tried::Yes,
            _ => Tried::TooNew,
        }
    }

    /// Whether it shows a room's past only to those who may see the room: Tuwunel does from 1.9.0 on
    /// (`src/api/client/message.rs`). Backfilled events have no state of their own, by which it could judge who may read
    /// them. Where the version can't be read, it is not trusted to.
    #[must_use]
    pub fn protects_past(&self) -> bool {
        self.tuwunel()
            .is_some_and(|version| version >= [1, 9, 0] && version != UNKNOWN)
    }

    /// How many PDUs of one room can be in one transaction, each following the one before: all that a transaction may
    /// hold from Tuwunel 1.7.1 on, which puts them in order (`src/api/server/send.rs`). Before, it parses them in no fixed
    /// order.
    #[must_use]
    pub fn pdus_at_once(&self) -> usize {
        match self.tuwunel() {
            Some(version) if version >= [1, 7, 1] && version != UNKNOWN => PDU_LIMIT,
            _ => 1,
        }
    }

    /// Whether it takes an invite from a server that is not the inviter's own, as the resident is: Tuwunel does before
    /// 1.4.8 (`src/api/server/invite.rs`); later ones and Synapse compare the names.
    #[must_use]
    pub fn takes_invites(&self) -> bool {
        self.tuwunel().is_some_and(|version| version < [1, 4, 8])
    }

    /// Whether a user sees their own knock at a room that their server is not in. Tuwunel notes the knock from 1.7.1 on
    /// (`src/service/rooms/state_cache/update.rs`), but of the room it keeps whole events alone, which it reads from
    /// 1.8.0 on and panics at before (`src/service/membership/knock.rs`). Synapse always did both.
    #[must_use]
    pub fn keeps_knocks(&self) -> bool {
        self.tuwunel()
            .map_or(!self.replay, |version| version >= [1, 8, 0])
    }

    /// Whether it can hold e-mail addresses: Tuwunel does from 1.8.0 on (`src/admin/user/add_email.rs`).
    #[must_use]
    pub fn holds_addresses(&self) -> bool {
        self.tuwunel()
            .is_some_and(|version| version >= [1, 8, 0] && version != UNKNOWN)
    }

    /// Whether a user has a receipt for each thread of a room: Tuwunel does from 1.7.0 on
    /// (`src/service/rooms/read_receipt/data.rs`). Before, there is one of each type, and it knows no threads.
    #[must_use]
    pub fn keeps_threads_of_receipts(&self) -> bool {
        self.tuwunel()
            .map_or(!self.replay, |version| version >= [1, 7, 0])
    }

    /// Whether a receipt only ever goes forward, so that the same one can't come again with another time: Tuwunel does
    /// so from 1.8.0 on at the latest (`src/service/rooms/read_receipt/data.rs`).
    #[must_use]
    pub fn keeps_first_receipt(&self) -> bool {
        self.tuwunel().is_some_and(|version| version >= [1, 8, 0])
    }

    /// Whether a room can be made with an ID of our choice: Tuwunel lets it, before room version 12
    /// (`custom_room_id_check` in `src/api/client/room/create.rs`).
    #[must_use]
    pub fn takes_room_ids(&self) -> bool {
        self.tuwunel().is_some()
    }

    /// Tuwunel's version, or [`UNKNOWN`].
    fn tuwunel(&self) -> Option<[u32; 3]> {
        let (name, version) = self.software.split_once(' ')?;
        if !name.eq_ignore_ascii_case("tuwunel") {
            return None;
        }
        let digits = version
            .trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit());
        let mut numbers = digits.map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok);
        Some(match (next(), next(), next()) {
            (Some(major), Some(minor), patch) => [major, minor, patch.unwrap_or(0)],
            _ => UNKNOWN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_does_with_events() {
        let does = |software: &str| {
            let abilities = Abilities {
                software: software.to_owned(),
                replay: true,
                room_versions: Vec::new(),
            };
            (abilities.protects_past(), abilities.pdus_at_once())
        };
        assert_eq!(does("Tuwunel 1.4.6"), (false, 1));
        assert_eq!(does("Tuwunel 1.7.1"), (false, 50));
        assert_eq!(does("Tuwunel 1.8.3"), (false, 50));
        assert_eq!(does("Tuwunel 1.9.0 (abc)"), (true, 50));
        assert_eq!(does("Tuwunel 2.0"), (true, 50));
        assert_eq!(does("Tuwunel main"), (false, 1));
        assert_eq!(does("Synapse 1.163.2"), (false, 1));
    }

    #[test]
    fn which_versions_were_tried() {
        let tried = |software: &str| {
            let abilities = Abilities {
                software: software.to_owned(),
                replay: true,
                room_versions: Vec::new(),
            };
            abilities.tried()
        };
        assert_eq!(tried("Tuwunel 1.4.6 (6705efc)"), Tried::Yes);
        assert_eq!(tried("Tuwunel 1.4.5"), Tried::TooOld);
        assert_eq!(tried("Tuwunel 1.9.0"), Tried::TooNew);
        assert_eq!(tried("Tuwunel main"), Tried::TooNew);
    }

    #[test]
    fn what_a_version_takes_of_those_who_wait() {
        let can = |software: &str| {
            let abilities = Abilities {
                software: software.to_owned(),
                replay: software.starts_with("Tuwunel"),
                room_versions: Vec::new(),
            };
            (abilities.takes_invites(), abilities.keeps_knocks())
        };
        let holds = |software: &str| {
            let abilities = Abilities {
                software: software.to_owned(),
                replay: true,
                room_versions: Vec::new(),
            };
            abilities.holds_addresses()
        };
        assert!(holds("Tuwunel 1.8.0"));
        assert!(!holds("Tuwunel 1.7.1") && !holds("Tuwunel main") && !holds("Synapse 1.163.2"));
        assert_eq!(can("Tuwunel 1.4.6"), (true, false));
        assert_eq!(can("Tuwunel 1.4.7 (6705efc)"), (true, false));
        assert_eq!(can("Tuwunel 1.4.8"), (false, false));
        assert_eq!(can("Tuwunel 1.4.9.1"), (false, false));
        assert_eq!(can("Tuwunel 1.7.1-3-gabcdef"), (false, false));
        assert_eq!(can("Tuwunel 1.8.0"), (false, true));
        assert_eq!(can("Tuwunel 1.10"), (false, true));
        assert_eq!(can("Tuwunel main"), (false, true));
        assert_eq!(can("Synapse 1.163.2"), (false, true));
    }
}

//! What a target can take.

use ruma::RoomVersionId;
use serde::Serialize;

/// What a target can do, asked of the target itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// `Tuwunel 1.4.6`, `Synapse 1.163.2` …
    pub software: String,
    /// Takes the history by replay through the resident (Tuwunel), or only joins at the current state (a stand-in).
    pub replay: bool,
    /// Shows a room's past only to those who may see the room. Backfilled events have no state of their own, by which the
    /// target could judge who may read them.
    pub protects_past: bool,
    /// Room versions that it can join.
    pub room_versions: Vec<RoomVersionId>,
}

impl Abilities {
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

    /// Tuwunel's version; one that can't be read counts as newer than all that are known.
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
            _ => [u32::MAX; 3],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_takes_of_those_who_wait() {
        let can = |software: &str| {
            let abilities = Abilities {
                software: software.to_owned(),
                replay: software.starts_with("Tuwunel"),
                protects_past: false,
                room_versions: Vec::new(),
            };
            (abilities.takes_invites(), abilities.keeps_knocks())
        };
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

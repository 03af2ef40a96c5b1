//! How much of each room's history is replayed.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// How much of each room's history is replayed. What is older comes as backfill: several times faster, but without the
/// state at each event, and never in a client's sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replayed {
    /// All of it.
    #[default]
    All,
    /// So much that no room takes long: [`Replayed::of`] says how much that is.
    Auto,
    /// The last events, about so many.
    Last(u64),
}

/// [`Replayed::Auto`] replays at most so many events of a room, and at least so many.
const AUTO: (u64, u64) = (1_000, 100);
/// A replayed event costs the target a fixed part and a part for each local member, who may want to be notified: the
/// fixed part in members, and what a room may cost in all. Measured with Tuwunel 1.4.6 on two cores (`benches/import`):
/// 0.1 ms for each member, so that no room takes much longer than ten seconds.
const FIXED: u64 = 80;
const BUDGET: u64 = 100_000;

/// What replaying one event costs the target in a room with so many members, in units of about 0.1 ms.
#[must_use]
pub fn cost_of_an_event(members: u64) -> u64 {
    FIXED.saturating_add(members)
}

impl Replayed {
    /// How many of the last events of a room with so many members are replayed; nothing for all of them.
    #[must_use]
    pub fn of(self, members: u64) -> Option<u64> {
        let (most, least) = AUTO;
        match self {
            Self::All => None,
            Self::Auto => Some((BUDGET / cost_of_an_event(members)).clamp(least, most)),
            Self::Last(events) => Some(events),
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Auto => formatter.write_str("auto"),
            Self::Last(0) => formatter.write_str("none"),
            Self::Last(events) => events.fmt(formatter),
        }
    }
}

impl FromStr for Replayed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Last(0)),
            number => number.parse().map(Self::Last).map_err(|_| {
                "give `all`, `auto`, `none`, or how many events are replayed".to_owned()
            }),
        }
    }
}

impl Serialize for Replayed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_members_the_fewer_events() {
        let auto = |members| Replayed::Auto.of(members).unwrap();
        assert_eq!([2, 20, 100, 735].map(auto), [1_000, 1_000, 555, 122]);
        assert_eq!([10_000, u64::MAX].map(auto), [100, 100]);
        assert_eq!(Replayed::All.of(5), None);
        assert_eq!(Replayed::Last(7).of(5), Some(7));
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["all", "auto", "none", "500"] {
            assert_eq!(text.parse::<Replayed>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse(), Ok(Replayed::Last(0)));
        insta::assert_snapshot!("-1".parse::<Replayed>().unwrap_err(), @"give `all`, `auto`, `none`, or how many events are replayed");
    }
}

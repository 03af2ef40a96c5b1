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
    /// The last events, about so many.
    Last(u64),
}

impl fmt::Display for Replayed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
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
            "none" => Ok(Self::Last(0)),
            number => number
                .parse()
                .map(Self::Last)
                .map_err(|_| "give `all`, `none`, or how many events are replayed".to_owned()),
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
    fn what_is_written_is_read() {
        for text in ["all", "none", "500"] {
            assert_eq!(text.parse::<Replayed>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse(), Ok(Replayed::Last(0)));
        insta::assert_snapshot!("-1".parse::<Replayed>().unwrap_err(), @"give `all`, `none`, or how many events are replayed");
    }
}

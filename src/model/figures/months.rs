//! Events by month.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Matrix began in 2014: an event from before has a wrong date.
const FIRST: Month = Month {
    year: 2014,
    month: 1,
};

/// Whatever claims to be from later has a wrong date; it also bounds the map.
const LAST: Month = Month {
    year: 2099,
    month: 12,
};

/// A month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// `2026`
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
}

/// Timeline events by month, in UTC. Serialised as `{"2026-08": 12}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Months {
    /// The months that have events, as `2026-08`.
    each: BTreeMap<String, u64>,
    /// Events whose date can't be right: from before 2014 or after 2099.
    pub undated: u64,
}

impl Month {
    /// The month of a time in milliseconds since the Unix epoch, if jiff can say it.
    #[must_use]
    pub fn of(ms: u64) -> Option<Self> {
        let time = Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
        let date = time.to_zoned(TimeZone::UTC).date();
        Some(Self {
            year: date.year(),
            month: date.month(),
        })
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        let Self { year, month } = self;
        if month == 12 {
            Self {
                year: year + 1,
                month: 1,
            }
        } else {
            Self {
                year,
                month: month + 1,
            }
        }
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Month {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            year: year.parse()?,
            month: month.parse()?,
        })
    }
}

impl Months {
    pub(super) fn add(&mut self, ms: u64) {
        match Month::of(ms) {
            Some(month) if (FIRST..=LAST).contains(&month) => {
                *self.each.entry(month.to_string()).or_default() += 1;
            }
            _ => self.undated += 1,
        }
    }

    /// Each month that has events and their number, the earliest first.
    pub fn each(&self) -> impl Iterator<Item = (Month, u64)> {
        let month = |text: &str| text.parse().ok();
        self.each
            .iter()
            .filter_map(move |(text, events)| Some((month(text)?, *events)))
    }
}

//! What an export is to read: kept in the bundle, so that a partial one can say so.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What an export is to read. The default is everything but media contents and password hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of the operator's"
)]
pub struct Wanted {
    /// Patterns of user IDs or localparts (`*` and `?`); empty for all.
    #[serde(default)]
    pub users: Vec<String>,
    /// Patterns of room IDs or local aliases (`*` and `?`); empty for all.
    #[serde(default)]
    pub rooms: Vec<String>,
    /// Only what there is: users, devices, and rooms with their state, members and aliases. Nothing to carry anything
    /// from.
    #[serde(default)]
    pub inventory: bool,
    /// Devices and their keys.
    pub devices: bool,
    /// How much of the timelines.
    pub history: History,
    /// Local media.
    pub media: Media,
    /// The contents of quarantined media, too.
    #[serde(default)]
    pub quarantined: bool,
    /// Log in as each user for what only they can see (Admin API).
    #[serde(default)]
    pub act_as_users: bool,
    /// Password hashes (database).
    #[serde(default)]
    pub password_hashes: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            rooms: Vec::new(),
            inventory: false,
            devices: true,
            history: History::default(),
            media: Media::default(),
            quarantined: false,
            act_as_users: false,
            password_hashes: false,
        }
    }
}

/// How much of each room's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum History {
    /// All of it.
    #[default]
    All,
    /// The last events, so many.
    Last(u64),
    /// Nothing but the current state and what it rests on.
    None,
    /// From a day on: read from the end in stretches of 1,000 events, up to and with the first stretch that has no
    /// event of this day or later, then from the first such event.
    Since {
        /// The day, in UTC.
        day: jiff::civil::Date,
    },
}

impl History {
    /// Milliseconds since the Unix epoch at which [`History::Since`] begins.
    #[must_use]
    pub fn since_ms(&self) -> Option<u64> {
        let Self::Since { day } = self else {
            return None;
        };
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(u64::try_from(midnight.timestamp().as_millisecond()).unwrap_or_default())
    }
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Last(count) => write!(formatter, "{count}"),
            Self::None => formatter.write_str("none"),
            Self::Since { day } => write!(formatter, "since:{day}"),
        }
    }
}

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text} is neither all, none, a number nor since: and a date like 2026-01-31")
        };
        match text {
            "all" => Ok(Self::All),
            "none" | "0" => Ok(Self::None),
            _ => match text.strip_prefix("since:") {
                Some(day) => day
                    .parse()
                    .map(|day| Self::Since { day })
                    .map_err(|_| wrong()),
                None => text.parse().map(Self::Last).map_err(|_| wrong()),
            },
        }
    }
}

/// How much of the local media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Media {
    /// Nothing.
    None,
    /// The list.
    #[default]
    Refs,
    /// The list and all contents.
    All,
    /// The list, and the contents uploaded in the last so many days.
    NewerThan {
        /// Counted back from the export's beginning.
        days: u32,
    },
}

impl Media {
    /// The earliest upload, in milliseconds since the Unix epoch, whose content is wanted; `None` for no content.
    #[must_use]
    pub fn contents_since(&self, now_ms: u64) -> Option<u64> {
        match self {
            Self::None | Self::Refs => None,
            Self::All => Some(0),
            Self::NewerThan { days } => {
                Some(now_ms.saturating_sub(u64::from(*days) * 24 * 60 * 60 * 1000))
            }
        }
    }
}

impl fmt::Display for Media {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Refs => formatter.write_str("refs"),
            Self::All => formatter.write_str("all"),
            Self::NewerThan { days } => write!(formatter, "newer-than:{days}"),
        }
    }
}

impl FromStr for Media {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text} is neither none, refs, all nor newer-than: and a number of days");
        match text {
            "none" => Ok(Self::None),
            "refs" => Ok(Self::Refs),
            "all" => Ok(Self::All),
            _ => text
                .strip_prefix("newer-than:")
                .and_then(|days| days.parse().ok())
                .map(|days| Self::NewerThan { days })
                .ok_or_else(wrong),
        }
    }
}

macro_rules! as_text {
    ($kind:ty) => {
        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(History);
as_text!(Media);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_reads_back() {
        for text in ["all", "none", "500", "since:2026-01-31"] {
            assert_eq!(text.parse::<History>().unwrap().to_string(), text);
        }
        for text in ["none", "refs", "all", "newer-than:30"] {
            assert_eq!(text.parse::<Media>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse(), Ok(History::None));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_does() {
        insta::assert_snapshot!("since:soon".parse::<History>().unwrap_err(), @"since:soon is neither all, none, a number nor since: and a date like 2026-01-31");
        insta::assert_snapshot!("-3".parse::<History>().unwrap_err(), @"-3 is neither all, none, a number nor since: and a date like 2026-01-31");
        insta::assert_snapshot!("newer-than:x".parse::<Media>().unwrap_err(), @"newer-than:x is neither none, refs, all nor newer-than: and a number of days");
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let since: History = "since:1970-01-02".parse().unwrap();
        assert_eq!(since.since_ms(), Some(86_400_000));
        assert_eq!(History::All.since_ms(), None);
    }

    #[test]
    fn contents_are_counted_back_from_now() {
        assert_eq!(Media::Refs.contents_since(5), None);
        assert_eq!(Media::All.contents_since(5), Some(0));
        assert_eq!(
            Media::NewerThan { days: 1 }.contents_since(86_400_005),
            Some(5)
        );
    }
}

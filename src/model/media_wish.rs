//! Which local media an import carries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const MIB: u64 = 1024 * 1024;

/// Which by their age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WhichMedia {
    /// All whose contents the bundle has.
    #[default]
    All,
    /// None.
    None,
    /// Those that were uploaded in the last so many days before the export.
    NewerThan {
        /// Counted back from the export.
        days: u32,
    },
}

/// What the operator wants of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MediaWish {
    /// By age.
    pub which: WhichMedia,
    /// The largest, in MiB; nothing for no limit.
    pub max_mib: Option<u32>,
}

impl MediaWish {
    /// The earliest upload that is carried, in milliseconds since the Unix epoch, where the export was made at a time.
    #[must_use]
    pub fn since(&self, exported_ms: u64) -> u64 {
        match self.which {
            WhichMedia::NewerThan { days } => {
                exported_ms.saturating_sub(u64::from(days).saturating_mul(DAY_MS))
            }
            WhichMedia::All | WhichMedia::None => 0,
        }
    }

    /// The largest that is carried, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_mib
            .map_or(u64::MAX, |mib| u64::from(mib).saturating_mul(MIB))
    }
}

impl fmt::Display for WhichMedia {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::None => formatter.write_str("none"),
            Self::NewerThan { days } => write!(formatter, "newer-than:{days}"),
        }
    }
}

impl FromStr for WhichMedia {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = |text: &str| text.strip_prefix("newer-than:")?.parse().ok();
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            _ => days(text)
                .map(|days| Self::NewerThan { days })
                .ok_or_else(|| {
                    "give `all`, `none`, or `newer-than:` and a number of days".to_owned()
                }),
        }
    }
}

impl TryFrom<String> for WhichMedia {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WhichMedia> for String {
    fn from(which: WhichMedia) -> Self {
        which.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_as_it_is_read() {
        for text in ["all", "none", "newer-than:0", "newer-than:365"] {
            assert_eq!(text.parse::<WhichMedia>().unwrap().to_string(), text);
        }
        for text in ["", "refs", "newer-than:", "newer-than:-1", "365"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(text.parse::<WhichMedia>().unwrap_err(), @"give `all`, `none`, or `newer-than:` and a number of days");
            }
        }
    }

    #[test]
    fn the_edges_are_days_and_mebibytes() {
        let wish = MediaWish {
            which: WhichMedia::NewerThan { days: 2 },
            max_mib: Some(3),
        };
        assert_eq!(wish.since(5 * DAY_MS), 3 * DAY_MS);
        assert_eq!(wish.since(1), 0);
        assert_eq!(wish.max_bytes(), 3 * 1024 * 1024);
        assert_eq!(MediaWish::default().since(u64::MAX), 0);
        assert_eq!(MediaWish::default().max_bytes(), u64::MAX);
    }
}

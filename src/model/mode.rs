//! In which way rooms come over.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// Which rooms are made anew, without their history, or that all are joined through other servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// None: a room that can't be carried over stays behind.
    #[default]
    Resident,
    /// Those that can't be carried over with their history.
    Fallback,
    /// All.
    Local,
    /// None: each is joined through the servers that are in it, also by users who get another server's name.
    Federation,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Resident => "resident",
            Self::Fallback => "fallback",
            Self::Local => "local",
            Self::Federation => "federation",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "resident" => Ok(Self::Resident),
            "fallback" => Ok(Self::Fallback),
            "local" => Ok(Self::Local),
            "federation" => Ok(Self::Federation),
            _ => Err("give `resident`, `fallback`, `local` or `federation`".to_owned()),
        }
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Mode {
    /// Whether it is the one that nobody has to ask for.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for mode in [
            Mode::Resident,
            Mode::Fallback,
            Mode::Local,
            Mode::Federation,
        ] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(mode.is_usual(), mode == Mode::Resident);
        }
        insta::assert_snapshot!("here".parse::<Mode>().unwrap_err(), @"give `resident`, `fallback`, `local` or `federation`");
    }
}

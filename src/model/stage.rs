//! The stages of an import, by the names that its progress shows, and a choice among them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Accounts are made, adopted or reserved.
    Accounts,
    /// Admins of Synapse become admins.
    AdminRights,
    /// E-mail addresses are bound.
    Addresses,
    /// Display names and avatars are set.
    NamesAndPictures,
    /// Rooms are joined and replayed.
    Rooms,
    /// Room aliases are made.
    Aliases,
    /// Cross-signing keys are uploaded.
    Identities,
    /// Whom users have verified is uploaded.
    VerifiedPeople,
    /// Key backups are filled.
    KeyBackups,
    /// Rooms are listed in the room directory.
    RoomDirectory,
    /// What belongs to each user alone is set.
    Settings,
    /// Local media are fetched.
    Media,
}

impl Stage {
    /// All of them, in the order of an import.
    pub const ALL: [Self; 12] = [
        Self::Accounts,
        Self::AdminRights,
        Self::Addresses,
        Self::NamesAndPictures,
        Self::Rooms,
        Self::Aliases,
        Self::Identities,
        Self::VerifiedPeople,
        Self::KeyBackups,
        Self::RoomDirectory,
        Self::Settings,
        Self::Media,
    ];

    /// The word for it in a command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::AdminRights => "admin-rights",
            Self::Addresses => "e-mail-addresses",
            Self::NamesAndPictures => "names-and-pictures",
            Self::Rooms => "rooms",
            Self::Aliases => "aliases",
            Self::Identities => "encryption-identities",
            Self::VerifiedPeople => "verified-people",
            Self::KeyBackups => "key-backups",
            Self::RoomDirectory => "room-directory",
            Self::Settings => "settings",
            Self::Media => "media",
        }
    }

    /// The stages without whose work this one could do nothing right.
    #[must_use]
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Accounts | Self::Media => &[],
            Self::AdminRights | Self::Addresses | Self::NamesAndPictures | Self::Identities => {
                &[Self::Accounts]
            }
            // A join tells the room the name and picture that are set by then.
            Self::Rooms => &[Self::Accounts, Self::NamesAndPictures],
            Self::Aliases | Self::RoomDirectory => &[Self::Rooms],
            Self::VerifiedPeople | Self::KeyBackups => &[Self::Identities],
            Self::Settings => &[Self::Rooms, Self::Identities],
        }
    }

    /// What it needs, what that needs, and so on.
    #[must_use]
    pub fn rests_on(self) -> Stages {
        let needs = self.needs().iter();
        needs.fold(Stages::of(self.needs()), |all, needed| {
            all.and(needed.rests_on())
        })
    }
}

/// Some of the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stages(u16);

impl Stages {
    /// None.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub const fn of(stages: &[Stage]) -> Self {
        let (mut bits, mut place) = (0, 0);
        while place < stages.len() {
            bits |= 1 << stages[place] as u16;
            place += 1;
        }
        Self(bits)
    }

    /// All.
    #[must_use]
    pub const fn all() -> Self {
        Self::of(&Stage::ALL)
    }

    /// Whether a stage is among them.
    #[must_use]
    pub fn has(self, stage: Stage) -> bool {
        self.0 & Self::of(&[stage]).0 != 0
    }

    /// Those that are in either.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are in both.
    #[must_use]
    pub fn in_both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// All but these.
    #[must_use]
    pub fn others(self) -> Self {
        Self(Self::all().0 & !self.0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// In the order of an import.
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |stage| self.has(*stage))
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Stage::name).collect();
        formatter.write_str(&names.join(", "))
    }
}

impl FromStr for Stages {
    type Err = String;

    /// As it is displayed; the error is the name that is none.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .try_fold(Self::NONE, |stages, name| {
                let stage = Stage::ALL.into_iter().find(|stage| stage.name() == name);
                let stage = stage.ok_or_else(|| name.to_owned())?;
                Ok(stages.and(Self::of(&[stage])))
            })
    }
}

impl Serialize for Stages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Stage::name))
    }
}

impl<'de> Deserialize<'de> for Stages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Vec<String> = Vec::deserialize(deserializer)?;
        names.join(",").parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stage_needs_none_that_comes_later() {
        for stage in Stage::ALL {
            assert!(stage.needs().iter().all(|needed| *needed < stage));
        }
        assert_eq!(Stages::all().iter().collect::<Vec<_>>(), Stage::ALL);
        assert!(Stages::all().others().is_empty());
    }

    #[test]
    fn an_unknown_name_is_told() {
        assert_eq!("rooms, roms".parse::<Stages>().unwrap_err(), "roms");
        assert_eq!("".parse::<Stages>().unwrap(), Stages::NONE);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bits in 0_u16..1 << 12) {
            let stages = Stages(bits);
            prop_assert_eq!(stages.to_string().parse::<Stages>(), Ok(stages));
            let json = serde_json::to_string(&stages).unwrap();
            prop_assert_eq!(serde_json::from_str::<Stages>(&json).unwrap(), stages);
            prop_assert_eq!(stages.in_both(stages.others()), Stages::NONE);
            prop_assert_eq!(stages.and(stages.others()), Stages::all());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _either = text.parse::<Stages>();
        }
    }
}

//! `--only STAGE,…` and `--except STAGE,…`: what of an import is done.

use clap::{Args, ValueEnum, builder::PossibleValue};

use crate::{
    Error, Result,
    model::stage::{Stage, Stages},
};

/// A stage by its name, or several by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    name: &'static str,
    stages: Stages,
}

impl Part {
    const fn of(stage: Stage) -> Self {
        Self {
            name: stage.name(),
            stages: Stages::of(&[stage]),
        }
    }

    /// As it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// All that can be named: `users` and `encryption` are several.
static PARTS: [Part; 14] = [
    Part {
        name: "users",
        stages: Stages::of(&[
            Stage::Accounts,
            Stage::AdminRights,
            Stage::Addresses,
            Stage::NamesAndPictures,
        ]),
    },
    Part::of(Stage::Accounts),
    Part::of(Stage::AdminRights),
    Part::of(Stage::Addresses),
    Part::of(Stage::NamesAndPictures),
    Part::of(Stage::Rooms),
    Part::of(Stage::Aliases),
    Part {
        name: "encryption",
        stages: Stages::of(&[Stage::Identities, Stage::VerifiedPeople, Stage::KeyBackups]),
    },
    Part::of(Stage::Identities),
    Part::of(Stage::VerifiedPeople),
    Part::of(Stage::KeyBackups),
    Part::of(Stage::RoomDirectory),
    Part::of(Stage::Settings),
    Part::of(Stage::Media),
];

impl ValueEnum for Part {
    fn value_variants<'a>() -> &'a [Self] {
        &PARTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name))
    }
}

/// The choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Choice {
    /// Only these stages; a later import without it carries the rest. `users` are accounts, admin-rights,
    /// e-mail-addresses and names-and-pictures; `encryption` are encryption-identities, verified-people and key-backups
    #[arg(long, value_name = "STAGE", num_args = 1.., value_delimiter = ',', conflicts_with = "except")]
    pub only: Vec<Part>,
    /// All stages but these
    #[arg(long, value_name = "STAGE", num_args = 1.., value_delimiter = ',', hide_possible_values = true)]
    pub except: Vec<Part>,
}

impl Choice {
    /// The stages that are not done.
    pub fn left_out(&self) -> Result<Stages> {
        let all = |parts: &[Part]| {
            let parts = parts.iter();
            parts.fold(Stages::NONE, |all, part| all.and(part.stages))
        };
        let left_out = if self.only.is_empty() {
            all(&self.except)
        } else {
            all(&self.only).others()
        };
        if left_out == Stages::all() {
            return Err(Error::Usage(
                "--except leaves no stage: name fewer of them".to_owned(),
            ));
        }
        Ok(left_out)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        command::{
            Command,
            chat::{parse, pointed},
        },
        model::stage::Stages,
    };

    fn left_out(text: &str) -> crate::Result<Stages> {
        match parse(text).unwrap() {
            Command::Import(import) => import.stages.left_out(),
            Command::Plan(plan) => plan.stages.left_out(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stages_are_chosen_by_name() {
        assert_eq!(left_out("import").unwrap(), Stages::NONE);
        insta::assert_snapshot!(left_out("import --only users,rooms --admins").unwrap(), @"aliases, encryption-identities, verified-people, key-backups, room-directory, settings, media");
        insta::assert_snapshot!(left_out("plan --except media encryption").unwrap(), @"encryption-identities, verified-people, key-backups, media");
        insta::assert_snapshot!(left_out("import --except\n```\nmedia\nsettings\n```").unwrap(), @"settings, media");
        let all = "users,rooms,aliases,encryption,room-directory,settings,media";
        insta::assert_snapshot!(left_out(&format!("import --except {all}")).unwrap_err(), @"--except leaves no stage: name fewer of them");
        assert_eq!(
            left_out(&format!("import --only {all}")).unwrap(),
            Stages::NONE
        );
    }

    #[test]
    fn a_wrong_name_is_pointed_at_and_the_nearest_is_told() {
        let line = "import --only users,roms";
        insta::assert_snapshot!(parse(line).unwrap_err(), @"there is no stage roms: did you mean rooms?");
        insta::assert_snapshot!(pointed(line).unwrap(), @r"
        import --only users,roms
                            ^^^^
        ");
        insta::assert_snapshot!(parse("import --except dance").unwrap_err(), @"there is no stage dance: `!ferry help import` lists them");
        assert!(parse("import --only users --except media").is_err());
    }
}

//! `cutover [next|STEP] [--accept]` and `rollback`.

use clap::{Args, ValueEnum, builder::PossibleValue};

use super::freeze::InFront;
use crate::model::cutover::Step;

/// Which step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first one that is not done.
    Next,
    /// This one, also once more.
    One(Step),
}

static WHICH: [Which; 8] = [
    Which::Next,
    Which::One(Step::CatchUp),
    Which::One(Step::Freeze),
    Which::One(Step::LastSync),
    Which::One(Step::Verify),
    Which::One(Step::Switch),
    Which::One(Step::Settings),
    Which::One(Step::Federation),
];

impl ValueEnum for Which {
    fn value_variants<'a>() -> &'a [Self] {
        &WHICH
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Next => "next",
            Self::One(step) => step.name(),
        }))
    }
}

/// One step, or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: cutover next")]
pub struct Cutover {
    /// `next`, or a step by its name to take it once more; without it nothing is done but say what is done and what comes
    #[arg(value_name = "STEP")]
    pub which: Option<Which>,
    /// Go on although the step has found something wrong
    #[arg(long, requires = "which")]
    pub accept: bool,
    /// As for `import`, for accounts that are new since
    #[arg(long)]
    pub no_passwords: bool,
    /// Which proxy.
    #[command(flatten)]
    pub in_front: InFront,
}

/// The way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: rollback")]
pub struct Rollback {
    /// Which proxy.
    #[command(flatten)]
    pub in_front: InFront,
}

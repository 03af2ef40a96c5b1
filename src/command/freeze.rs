//! `freeze [--proxy NAME]` and `unfreeze [--proxy NAME]`.

use clap::{Args, ValueEnum, builder::PossibleValue};

use crate::model::proxy::Proxy;

/// Which proxy the lines are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
pub struct InFront {
    /// The reverse proxy for which the lines are; without it, what `public.proxy` says
    #[arg(long, value_name = "NAME")]
    pub proxy: Option<Proxy>,
}

impl ValueEnum for Proxy {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// How the doors are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: freeze --proxy nginx")]
pub struct Freeze {
    /// Which proxy.
    #[command(flatten)]
    pub in_front: InFront,
}

/// How they are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: unfreeze --proxy nginx")]
pub struct Unfreeze {
    /// Which proxy.
    #[command(flatten)]
    pub in_front: InFront,
}

//! `sign-on [SYNAPSE=TARGET …] [--claim NAME] [--bundle PATH]`.

use std::path::PathBuf;

use clap::Args;

use crate::model::provider_pair::Pair;

/// Which providers, and which bundle.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: sign-on oidc-keycloak=matrix-client\n\nWithout a provider: which ones the bundle knows, and how many users have each."
)]
pub struct SignOn {
    /// Synapse's name of a provider, and its ID on the target: what `client_id` is in Tuwunel's configuration
    #[arg(value_name = "SYNAPSE=TARGET")]
    pub providers: Vec<Pair>,
    /// What the provider calls the ID by which Synapse knows its users
    #[arg(long, value_name = "NAME", default_value = "sub")]
    pub claim: String,
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
}

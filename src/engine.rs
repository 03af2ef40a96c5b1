//! The commands' work, without a word of presentation: shared by the control room and the shell.

use std::{path::PathBuf, sync::Arc};

use crate::{
    Result,
    clock::Clock,
    config::{Config, Tokens},
    job::Job,
    migration::{
        outcome::{Finding, ImportSummary, Status, Verification},
        plan::Plan,
    },
    source::summary::ExportSummary,
};

/// What an export takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Where the bundle goes; default `<data_dir>/bundles/synapse-export-<UTC time>.tar.zst`.
    pub out: Option<PathBuf>,
}

/// One installation's servers, tokens and data.
#[derive(Clone)]
pub struct Engine {
    /// What the operator configured.
    pub config: Arc<Config>,
    /// The registrations' tokens.
    pub tokens: Arc<Tokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

#[expect(clippy::unused_async, reason = "being built")]
impl Engine {
    /// Is the installation itself sound?
    pub async fn doctor(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// Reads Synapse into a bundle.
    pub async fn export(&self, _job: &Job, _options: &ExportOptions) -> Result<ExportSummary> {
        Err(crate::Error::Stopped)
    }

    /// Says what an import of a bundle (default: the newest in `<data_dir>/bundles`) would do.
    pub async fn plan(&self, _bundle: Option<PathBuf>) -> Result<Plan> {
        Err(crate::Error::Stopped)
    }

    /// Carries a bundle over.
    pub async fn import(&self, _job: &Job, _bundle: Option<PathBuf>) -> Result<ImportSummary> {
        Err(crate::Error::Stopped)
    }

    /// Compares the target with a bundle.
    pub async fn verify(&self, _job: &Job, _bundle: Option<PathBuf>) -> Result<Verification> {
        Err(crate::Error::Stopped)
    }

    /// Where the migration stands.
    pub async fn status(&self) -> Result<Status> {
        Err(crate::Error::Stopped)
    }
}

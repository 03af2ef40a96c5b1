//! A stub: the demo is built elsewhere and replaces this module.

use crate::{Error, Result, cli::args::Demo};

/// Runs the whole journey on throw-away servers.
#[expect(clippy::unused_async, reason = "the real one starts servers")]
pub async fn run(_demo: &Demo) -> Result<()> {
    Err(Error::Usage("the demo is not part of this build".into()))
}

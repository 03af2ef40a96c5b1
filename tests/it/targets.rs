//! Which targets this machine has; a test that can't run on one says so loudly.

use ferryman::lab::tuwunel::find_binary;

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The real one.
    Tuwunel,
    /// A second Synapse.
    StandIn,
}

/// Runs a test against each target of this machine.
pub async fn each_target(name: &str, test: impl AsyncFn(Target)) {
    test(Target::StandIn).await;
    if tuwunel_or_skip(name) {
        test(Target::Tuwunel).await;
    }
}

/// Whether there is a Tuwunel; says so if not.
pub fn tuwunel_or_skip(name: &str) -> bool {
    let there = find_binary().is_some();
    if !there {
        eprintln!("SKIPPED: {name} on Tuwunel: no Tuwunel binary (set TUWUNEL_BIN)");
    }
    there
}

//! Which targets this machine has; a test that can't run on one says so loudly.

use std::io::Write;

use ferryman::lab::{postgres::find_binaries, tuwunel::find_binary};

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The real one.
    Tuwunel,
    /// A second Synapse.
    StandIn,
}

/// Runs a test against each target of this machine.
pub(crate) async fn each_target(name: &str, test: impl AsyncFn(Target)) {
    test(Target::StandIn).await;
    if tuwunel_or_skip(name) {
        test(Target::Tuwunel).await;
    }
}

/// Whether there is a Tuwunel; says so if not, where the test harness doesn't swallow it.
pub(crate) fn tuwunel_or_skip(name: &str) -> bool {
    let there = find_binary().is_some();
    if !there {
        let _closed = writeln!(
            std::io::stderr(),
            "SKIPPED: {name} on Tuwunel: no Tuwunel binary (set TUWUNEL_BIN)"
        );
    }
    there
}

/// Whether there is a PostgreSQL; says so if not.
pub(crate) fn postgres_or_skip(name: &str) -> bool {
    let there = find_binaries().is_some();
    if !there {
        let _closed = writeln!(
            std::io::stderr(),
            "SKIPPED: {name} on PostgreSQL: no initdb (install postgresql)"
        );
    }
    there
}

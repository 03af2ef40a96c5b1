//! The end of an export.

use super::{
    problems,
    text::{code, count, duration, number_of, size},
};
use crate::source::summary::ExportSummary;

/// For the room and the terminal.
#[must_use]
pub fn short(summary: &ExportSummary) -> String {
    render(summary, problems::FEW)
}

/// For the file.
#[must_use]
pub fn full(summary: &ExportSummary) -> String {
    format!("# Export\n\n{}", render(summary, usize::MAX))
}

fn render(summary: &ExportSummary, limit: usize) -> String {
    format!(
        "**Exported {}, {} and {}** in {}, with {}.\n\nBundle: {} ({}). Next: `plan`.\n{}",
        count(summary.users, "account", "accounts"),
        count(summary.rooms, "room", "rooms"),
        count(summary.events, "event", "events"),
        duration(summary.elapsed_ms),
        if summary.requests == 1 {
            "1 request to Synapse".to_owned()
        } else {
            format!("{} requests to Synapse", number_of(summary.requests))
        },
        code(&summary.bundle.display()),
        size(summary.bytes),
        problems::list(&summary.problems, limit)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Problem;

    #[test]
    fn with_more_problems_than_the_room_takes() {
        let problem = Problem {
            step: "room state".into(),
            subject: "!a:ferry.test".into(),
            reason: "Synapse answered 500".into(),
        };
        let mut summary = ExportSummary {
            bundle: "data/bundles/synapse-export.tar.zst".into(),
            bytes: 1_450_000,
            source: crate::bundle::SourceKind::AdminApi,
            unseen: Vec::new(),
            warnings: Vec::new(),
            users: 22,
            rooms: 44,
            events: 1_563,
            requests: 310,
            elapsed_ms: 12_000,
            complete: true,
            problems: vec![problem; 10],
        };
        insta::assert_snapshot!(short(&summary), @r"
        **Exported 22 accounts, 44 rooms and 1,563 events** in 12 s, with 310 requests to Synapse.

        Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). Next: `plan`.

        **10 things could not be done**

        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - room state: `!a:ferry.test`: Synapse answered 500
        - … and 2 more, see the report
        ");
        assert_eq!(full(&summary).matches("room state").count(), 10);
        summary.problems.clear();
        insta::assert_snapshot!(full(&summary), @r"
        # Export

        **Exported 22 accounts, 44 rooms and 1,563 events** in 12 s, with 310 requests to Synapse.

        Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). Next: `plan`.
        ");
    }
}

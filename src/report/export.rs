//! The end of an export.

use std::fmt::Write;

use super::{
    problems,
    text::{code, count, duration, escape, number_of, sentence, size},
};
use crate::{bundle::SourceKind, source::summary::ExportSummary};

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
    let way = match summary.source {
        SourceKind::Database => "from its database".to_owned(),
        SourceKind::AdminApi if summary.requests == 1 => "with 1 request to Synapse".to_owned(),
        SourceKind::AdminApi => format!("with {} requests to Synapse", number_of(summary.requests)),
    };
    let next = match summary {
        summary if !summary.complete => {
            "**It is not complete**, the problems say why: export again."
        }
        summary if summary.inventory => {
            "It is an inventory, to look at: open its `report.html`. To carry anything, `export` without `--inventory`."
        }
        _ => "Next: `plan`.",
    };
    let accounts = count(summary.users, "account", "accounts");
    let rooms = count(summary.rooms, "room", "rooms");
    let done = if summary.inventory {
        format!("Listed {accounts} and {rooms}")
    } else {
        let events = count(summary.events, "event", "events");
        format!("Exported {accounts}, {rooms} and {events}")
    };
    let mut text = format!(
        "**{done}** in {}, {way}.\n\nBundle: {} ({}). {next}\n",
        duration(summary.elapsed_ms),
        code(&summary.bundle.display()),
        size(summary.bytes),
    );
    for (title, list) in [
        ("What you should look at", &summary.warnings),
        ("What this way of reading does not show", &summary.unseen),
    ] {
        if !list.is_empty() {
            let _infallible = writeln!(text, "\n**{title}**\n");
        }
        for entry in list {
            let _infallible = writeln!(
                text,
                "- {}: {}",
                escape(&entry.subject),
                sentence(&entry.reason)
            );
        }
    }
    text + problems::list(&summary.problems, limit).as_str()
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
            inventory: false,
            complete: true,
            problems: vec![problem; 10],
        };
        insta::assert_snapshot!(short(&summary), @r"
        **Exported 22 accounts, 44 rooms and 1,563 events** in 12 s, with 310 requests to Synapse.

        Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). Next: `plan`.

        **10 things could not be done**

        - **10 ×** room state: Synapse answered 500 (the first: `594fb643`: `!a:ferry.test`)

        The report has each of them. `why` and the sign before it says more of one.
        ");
        assert_eq!(full(&summary).matches("room state").count(), 10);
        summary.complete = false;
        insta::assert_snapshot!(short(&summary).lines().nth(2).unwrap_or_default(), @"Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). **It is not complete**, the problems say why: export again.");
        summary.complete = true;
        summary.inventory = true;
        insta::assert_snapshot!(short(&summary).lines().next().unwrap_or_default(), @"**Listed 22 accounts and 44 rooms** in 12 s, with 310 requests to Synapse.");
        insta::assert_snapshot!(short(&summary).lines().nth(2).unwrap_or_default(), @"Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). It is an inventory, to look at: open its `report.html`. To carry anything, `export` without `--inventory`.");
        summary.inventory = false;
        summary.problems.clear();
        summary.source = SourceKind::Database;
        summary.warnings = vec![Problem {
            step: "background updates".into(),
            subject: "background updates".into(),
            reason: "two are not done yet".into(),
        }];
        summary.unseen = vec![Problem {
            step: "not visible".into(),
            subject: "push rules".into(),
            reason: "export with --act-as-users or --source db".into(),
        }];
        insta::assert_snapshot!(full(&summary), @r"
        # Export

        **Exported 22 accounts, 44 rooms and 1,563 events** in 12 s, from its database.

        Bundle: `data/bundles/synapse-export.tar.zst` (1.4 MB). Next: `plan`.

        **What you should look at**

        - background updates: two are not done yet

        **What this way of reading does not show**

        - push rules: export with --act-as-users or --source db
        ");
    }
}

//! Local media in a plan and in the end of an import.

use std::{collections::BTreeMap, fmt::Write};

use super::text::{code, count, number_of, size};
use crate::migration::plan::{MediaPlan, NamedMedium, Why};

/// Files that are named in a line.
const FEW: usize = 6;

/// The plan's lines, as a list; nothing where the bundle knows of no media.
pub(super) fn planned(plan: &MediaPlan) -> String {
    let mut text = String::new();
    if plan.files > 0 {
        let _infallible = writeln!(
            text,
            "- media: {} ({})",
            count(plan.files, "file", "files"),
            size(plan.bytes)
        );
    }
    text.push_str(&left(&plan.left));
    if !plan.quarantined.is_empty() {
        let ids = plan.quarantined.iter().map(|it| code(&it.media_id));
        let _infallible = writeln!(
            text,
            "- **{} come over, and anybody can see them there**: {}",
            count(
                plan.quarantined.len() as u64,
                "quarantined file",
                "quarantined files"
            ),
            some(ids)
        );
    }
    let Some(limit) = plan.limit.filter(|_| !plan.large.is_empty()) else {
        return text;
    };
    let _infallible = writeln!(
        text,
        "- **{} larger than what the target takes as an upload** ({}, its `max_request_size`): they are fetched all the same, unless a limit for what it fetches is lower (`max_response_size`, 256 MiB by default, from Tuwunel 1.9 on); leave them behind with `--media-max-size`",
        count(plan.large.len() as u64, "file is", "files are"),
        size(limit)
    );
    text
}

/// A few, and how many more there are.
fn some(ids: impl Iterator<Item = String>) -> String {
    let ids: Vec<_> = ids.collect();
    let few = ids.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(FEW) {
        0 => few,
        more => format!("{few} and {} more", number_of(more as u64)),
    }
}

/// How many stay behind, and why.
pub(super) fn left(left: &BTreeMap<Why, u64>) -> String {
    if left.is_empty() {
        return String::new();
    }
    let reasons: Vec<_> = left
        .iter()
        .map(|(why, number)| format!("{} {}", number_of(*number), reason(*why)))
        .collect();
    format!("- media that stay behind: {}\n", reasons.join("; "))
}

/// Files by name, one in a line.
pub(super) fn named(media: &[NamedMedium]) -> impl Iterator<Item = String> {
    media.iter().map(|medium| {
        let mut line = code(&medium.media_id);
        if let Some(user) = &medium.user_id {
            let _infallible = write!(line, " of {}", code(user));
        }
        if let Some(bytes) = medium.bytes {
            let _infallible = write!(line, ", {}", size(bytes));
        }
        if let Some(why) = medium.why {
            let _infallible = write!(line, ": {}", reason(why));
        }
        line
    })
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Missing => "that the export could not read (its problems say why)",
        Why::Quarantined => "quarantined on Synapse",
        Why::NotExported => "whose content was not exported (`export --media all`)",
        Why::NotWanted => "by `--media none`",
        Why::Older => "older than `--media` says",
        Why::Larger => "larger than `--media-max-size`",
        Why::NoWay => "that this target can't be told to fetch",
        Why::NeverUploaded => "announced, but never uploaded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_few() {
        let ids = |many: u64| (1..=many).map(|number| format!("m{number}"));
        assert_eq!(some(ids(6)), "m1, m2, m3, m4, m5, m6");
        assert_eq!(some(ids(8)), "m1, m2, m3, m4, m5, m6 and 2 more");
    }

    #[test]
    fn what_stays_behind_is_told_by_reason() {
        let medium = |id: &str, bytes, why| NamedMedium {
            media_id: id.to_owned(),
            user_id: "@anna:ferry.test".try_into().ok(),
            bytes: Some(bytes),
            why,
        };
        let plan = MediaPlan {
            files: 2_000,
            bytes: 2_147_483_648,
            left: [
                (Why::Missing, 1),
                (Why::Quarantined, 2),
                (Why::Older, 3_000),
            ]
            .into(),
            limit: Some(25_165_824),
            large: vec![medium("big", 30_000_000, None)],
            quarantined: ["evil", "worse"].map(|id| medium(id, 7, None)).into(),
            lost: vec![medium("gone", 5, Some(Why::Missing))],
            ..MediaPlan::default()
        };
        insta::assert_snapshot!(planned(&plan), @r"
        - media: 2,000 files (2.1 GB)
        - media that stay behind: 1 that the export could not read (its problems say why); 2 quarantined on Synapse; 3,000 older than `--media` says
        - **2 quarantined files come over, and anybody can see them there**: `evil`, `worse`
        - **1 file is larger than what the target takes as an upload** (25.1 MB, its `max_request_size`): they are fetched all the same, unless a limit for what it fetches is lower (`max_response_size`, 256 MiB by default, from Tuwunel 1.9 on); leave them behind with `--media-max-size`
        ");
        let lines: Vec<_> = named(&plan.large).chain(named(&plan.lost)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        `big` of `@anna:ferry.test`, 30.0 MB
        `gone` of `@anna:ferry.test`, 5 bytes: that the export could not read (its problems say why)
        ");
        assert_eq!(planned(&MediaPlan::default()), "");
    }
}

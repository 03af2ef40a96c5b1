//! What came of following Synapse.

use std::fmt::Write;

use super::{
    problems,
    technical::one_line,
    text::{count, duration},
};
use crate::engine::FollowedUp;

/// For the room and the terminal.
#[must_use]
pub fn short(followed: &FollowedUp) -> String {
    render(followed, problems::FEW)
}

/// For the file.
#[must_use]
pub fn full(followed: &FollowedUp) -> String {
    let mut text = format!("# Following Synapse\n\n{}", render(followed, usize::MAX));
    if let Some(last) = &followed.last {
        let _infallible = write!(
            text,
            "\nThe last whole sync:\n\n{}",
            super::sync::full(last).replacen("# Sync\n\n", "", 1)
        );
    }
    text
}

fn render(followed: &FollowedUp, limit: usize) -> String {
    let mut text = format!(
        "**Followed Synapse** for {}, and stopped.\n\n",
        duration(followed.elapsed_ms)
    );
    let mut line = |of_line: String| {
        let _infallible = writeln!(text, "- {of_line}");
    };
    line(format!(
        "{} to the end{}",
        count(followed.syncs, "whole sync", "whole syncs"),
        if followed.is_cut_off {
            ", and one that the stop cut off"
        } else {
            ""
        }
    ));
    match (followed.median_ms, followed.most_ms) {
        (Some(median), Some(most)) => line(format!(
            "{} between them: half of them within {}, 95 % within {}, the slowest in {}",
            count(followed.events, "event", "events"),
            duration(median),
            duration(most),
            duration(followed.longest_ms)
        )),
        _ if followed.is_live => line("no event between them".to_owned()),
        _ => line(
            "no event came over between them: that takes Synapse's database and a Tuwunel"
                .to_owned(),
        ),
    }
    if let Some(last) = followed.failures.last() {
        line(format!(
            "a server was away, or refused something, {}{}. The last time: {}",
            count(followed.failed, "time", "times"),
            if followed.is_down {
                ", and was so at the end"
            } else {
                "; it went on after that"
            },
            one_line(&last.reason)
        ));
    }
    if let Some(last) = &followed.last {
        text.push_str(&problems::list(&last.unread, limit));
        text.push_str(&problems::list(&last.caught_up.import.problems, limit));
    }
    text.push_str(
        "\nWhat has come since the last whole sync is not compared yet, and settings, receipts, keys and files of that time are \
         not there. Next: `sync`, or `cutover`, which begins with one.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Problem;

    #[test]
    fn the_end_says_what_came_and_what_is_next() {
        let mut followed = FollowedUp {
            syncs: 3,
            events: 5_980,
            median_ms: Some(840),
            most_ms: Some(2_300),
            longest_ms: 61_000,
            is_live: true,
            elapsed_ms: 1_810_000,
            ..FollowedUp::default()
        };
        insta::assert_snapshot!(short(&followed), @r"
        **Followed Synapse** for 30 min 10 s, and stopped.

        - 3 whole syncs to the end
        - 5,980 events between them: half of them within 0.8 s, 95 % within 2.3 s, the slowest in 1 min 1 s

        What has come since the last whole sync is not compared yet, and settings, receipts, keys and files of that time are not there. Next: `sync`, or `cutover`, which begins with one.
        ");
        followed.is_cut_off = true;
        let away = "the target can't be reached: connection refused";
        followed.failures = vec![Problem::new("sync", "Synapse and the target", away)];
        followed.failed = 70;
        (followed.median_ms, followed.most_ms) = (None, None);
        insta::assert_snapshot!(short(&followed), @r"
        **Followed Synapse** for 30 min 10 s, and stopped.

        - 3 whole syncs to the end, and one that the stop cut off
        - no event between them
        - a server was away, or refused something, 70 times; it went on after that. The last time: the target can't be reached: connection refused

        What has come since the last whole sync is not compared yet, and settings, receipts, keys and files of that time are not there. Next: `sync`, or `cutover`, which begins with one.
        ");
        (followed.is_live, followed.is_down) = (false, true);
        assert!(short(&followed).contains("70 times, and was so at the end. The last"));
        assert!(short(&followed).contains("that takes Synapse's database and a Tuwunel"));
        assert!(!followed.is_good());
    }
}

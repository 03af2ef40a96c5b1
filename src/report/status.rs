//! `status`.

use std::fmt::Write;

use super::text::{code, count, number_of};
use crate::migration::outcome::Status;

/// Where the migration stands; the running job's own lines come after it.
#[must_use]
pub fn markdown(status: &Status, progress: Option<&str>) -> String {
    let mut text = match &status.bundle {
        None => "**Nothing has been imported yet.**\n".to_owned(),
        Some(bundle) => format!(
            "**{} of {} and {} of {} are carried over.**\n\n- bundle: {}\n- {} through\n{}- {}\n",
            number_of(status.accounts.0),
            count(status.accounts.1, "account", "accounts"),
            number_of(status.rooms.0),
            count(status.rooms.1, "room", "rooms"),
            code(&bundle),
            count(status.events, "event", "events"),
            match status.media {
                (0, 0) => String::new(),
                (done, all) => format!(
                    "- {} of {}\n",
                    number_of(done),
                    count(all, "media file", "media files")
                ),
            },
            match status.failed {
                0 => "nothing failed".to_owned(),
                failed => count(failed, "step failed", "steps failed"),
            }
        ),
    };
    let _infallible = match (progress, &status.running) {
        (Some(progress), _) => write!(text, "\n{progress}"),
        (None, Some(job)) => writeln!(text, "\nRunning now: `{job}`."),
        (None, None) => writeln!(text, "\nNo job is running."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_and_during() {
        let mut status = Status {
            bundle: None,
            accounts: (0, 0),
            rooms: (0, 0),
            media: (0, 0),
            events: 0,
            failed: 0,
            running: None,
        };
        insta::assert_snapshot!(markdown(&status, None), @r"
        **Nothing has been imported yet.**

        No job is running.
        ");
        status.bundle = Some("b.tar.zst".into());
        status.accounts = (22, 22);
        status.rooms = (10, 38);
        status.events = 4_000;
        status.failed = 1;
        status.running = Some("import".into());
        status.media = (2, 2_000);
        insta::assert_snapshot!(markdown(&status, None), @r"
        **22 of 22 accounts and 10 of 38 rooms are carried over.**

        - bundle: `b.tar.zst`
        - 4,000 events through
        - 2 of 2,000 media files
        - 1 step failed

        Running now: `import`.
        ");
        insta::assert_snapshot!(markdown(&status, Some("**import**: rooms 10 of 38\n")), @r"
        **22 of 22 accounts and 10 of 38 rooms are carried over.**

        - bundle: `b.tar.zst`
        - 4,000 events through
        - 2 of 2,000 media files
        - 1 step failed

        **import**: rooms 10 of 38
        ");
    }
}

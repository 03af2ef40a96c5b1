//! `login-bridge`: what it begins with, and how it ended.

use std::fmt::Write;

use super::text::{code, count, number_of};
use crate::{
    config::Config,
    engine::Opened,
    login_bridge::{Cause, DEVICE, Ended, vault::Count},
};

/// What is said when it listens.
#[must_use]
pub fn opened(opened: &Opened, config: &Config) -> String {
    let mut text = beginning(opened.bridge.count(), &opened.bundle, config);
    if let Some(filled) = opened.filled {
        let _infallible = writeln!(
            text,
            "- the hashes are in a vault of their own now; the bundle has them, too: delete it, or keep it where nobody else comes",
        );
        for (number, head, what) in [
            (
                filled.others,
                "left alone",
                "of accounts that Ferryman did not make, or whose random password is gone",
            ),
            (
                filled.unusable,
                "of no use",
                "that bcrypt has not made: these people need a new password",
            ),
        ] {
            if number > 0 {
                let _infallible =
                    writeln!(text, "- {head}: {} {what}", count(number, "hash", "hashes"));
            }
        }
    }
    if !opened.pepper_known {
        text.push_str(NO_PEPPER);
    }
    text
}

const NO_PEPPER: &str = "- no pepper is known: if `homeserver.yaml` has `password_config.pepper`, set `synapse.homeserver_yaml` or \
    `login_bridge.pepper`, or no password will be right\n";

fn beginning(count_of: Count, bundle: &str, config: &Config) -> String {
    let bridge = &config.login_bridge;
    let mut text = format!(
        "**The login bridge listens on {} for {}.**\n\n- bundle: {}; {} moved already\n",
        bridge.listen,
        count(count_of.waiting, "account", "accounts"),
        code(&bundle),
        count(count_of.moved, "account", "accounts"),
    );
    if bridge.address_header.is_none() {
        text.push_str(
            "- every client counts as the proxy itself: set `login_bridge.address_header` to the header in which the proxy names the client's address\n",
        );
    }
    text
}

/// How it ended.
#[must_use]
pub fn ended(ended: &Ended) -> String {
    let Count {
        waiting,
        moved,
        left,
    } = ended.count;
    let moved = count(moved, "account", "accounts");
    let mut text = match ended.cause {
        Cause::AllMoved if left == 0 => format!(
            "**Nobody waits any more: {moved} moved.** Take the login bridge out of the proxy.\n"
        ),
        Cause::AllMoved | Cause::TimeIsUp => format!(
            "**The login bridge's time is up: {moved} moved, {} not.** The hashes of the latter are erased, and they keep \
             their random passwords. Take the login bridge out of the proxy.\n",
            number_of(left),
        ),
        Cause::Stopped => format!(
            "**Stopped: {moved} moved, {} not yet.** Start it again to go on.\n",
            number_of(waiting),
        ),
    };
    // As long as the bridge goes on, its user's next login closes it.
    if ended.cause != Cause::Stopped && !ended.open.is_empty() {
        let number = ended.open.len() as u64;
        let _infallible = writeln!(
            text,
            "\nA session of the bridge may be left in {}. Close it in the target's admin room:\n",
            count(number, "account", "accounts"),
        );
        for user in &ended.open {
            let command = format!("!admin users delete-device {user} {DEVICE}");
            let _infallible = writeln!(text, "- {}", code(&command));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_words() {
        let said = |cause, waiting, moved, left| {
            let count = Count {
                waiting,
                moved,
                left,
            };
            let open = Vec::new();
            ended(&Ended { cause, count, open })
        };
        let lines = [
            said(Cause::AllMoved, 0, 1_234, 0),
            said(Cause::AllMoved, 0, 0, 3),
            said(Cause::TimeIsUp, 0, 5, 1),
            said(Cause::Stopped, 7, 1, 0),
        ];
        insta::assert_snapshot!(lines.concat(), @r"
        **Nobody waits any more: 1,234 accounts moved.** Take the login bridge out of the proxy.
        **The login bridge's time is up: 0 accounts moved, 3 not.** The hashes of the latter are erased, and they keep their random passwords. Take the login bridge out of the proxy.
        **The login bridge's time is up: 5 accounts moved, 1 not.** The hashes of the latter are erased, and they keep their random passwords. Take the login bridge out of the proxy.
        **Stopped: 1 account moved, 7 not yet.** Start it again to go on.
        ");
    }

    #[test]
    fn a_session_that_is_left_is_named_with_its_remedy() {
        let said = |cause| {
            let open = ["@ann:x", "@bob:x"].map(|user| user.try_into().unwrap());
            let count = Count {
                waiting: 0,
                moved: 2,
                left: 0,
            };
            ended(&Ended {
                cause,
                count,
                open: open.to_vec(),
            })
        };
        insta::assert_snapshot!(said(Cause::AllMoved), @r"
        **Nobody waits any more: 2 accounts moved.** Take the login bridge out of the proxy.

        A session of the bridge may be left in 2 accounts. Close it in the target's admin room:

        - `!admin users delete-device @ann:x FERRYMAN_LOGIN_BRIDGE`
        - `!admin users delete-device @bob:x FERRYMAN_LOGIN_BRIDGE`
        ");
        assert!(!said(Cause::Stopped).contains("session"));
    }
}

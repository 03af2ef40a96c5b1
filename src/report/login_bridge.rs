//! `login-bridge`: what it begins with, and how it ended.

use std::fmt::Write;

use super::text::{code, count};
use crate::{
    config::Config,
    engine::Opened,
    login_bridge::{Cause, Ended, vault::Count},
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
        for (number, what) in [
            (
                filled.others,
                "are of accounts that Ferryman did not make or whose random password is gone: they are left alone",
            ),
            (
                filled.unusable,
                "are none of bcrypt's: these people need another password",
            ),
        ] {
            if number > 0 {
                let _infallible = writeln!(text, "- {} {what}", count(number, "hash", "hashes"));
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
        "**The login bridge listens on {} for {}.**\n\n- accounts of {}; {} moved already\n",
        bridge.listen,
        count(count_of.waiting, "account", "accounts"),
        code(&bundle),
        count(count_of.moved, "is", "are"),
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
    let moved = count(moved, "account has", "accounts have");
    match ended.cause {
        Cause::AllMoved if left == 0 => format!(
            "**Nobody waits any more: {moved} a password of their own.** Take the login bridge out of the proxy.\n"
        ),
        Cause::AllMoved | Cause::TimeIsUp => format!(
            "**The login bridge's time is up: {moved} a password of their own, {} still the random one.** \
             Their hashes are erased. Hand out new passwords to them, and take the login bridge out of the proxy.\n",
            count(left, "has", "have"),
        ),
        Cause::Stopped => format!(
            "**Stopped: {moved} a password of their own, {} still to come.** Start it again to go on.\n",
            count(waiting, "is", "are"),
        ),
    }
}

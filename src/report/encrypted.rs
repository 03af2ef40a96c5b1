//! What the bot says because its room is encrypted.

use super::text::{code, sentence};
use crate::Error;

/// Why an encrypted message can't be taken as an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Its key has not come.
    NoKey,
    /// The sender's client gives its keys to verified devices only.
    Unverified,
    /// The sender's client keeps this key from the bot's device.
    Withheld,
    /// Somebody else's device encrypted it.
    Foreign,
    /// The device that encrypted it is not known.
    UnknownDevice,
    /// Its owner has not signed the device that encrypted it, and the configuration asks for that.
    Unsigned,
    /// The identity that signed the device is not the one of before.
    OtherIdentity,
    /// The bot's device can't read anything now.
    Away,
    /// The same has come before, by another event.
    Again,
    /// It can't be decrypted with its key, or is no message.
    Damaged,
}

/// To an operator's message that can't be read.
#[must_use]
pub fn unread(reason: Unread, device: &str) -> String {
    let device = code(device);
    let (why, remedy) = match reason {
        Unread::NoKey => (
            "its key has not reached Ferryman",
            "Send it again; if that does not help either, restart your client, so that it sees Ferryman's device".to_owned(),
        ),
        Unread::Unverified => (
            "your client gives its keys to verified devices only",
            format!("Allow unverified devices in this room, or verify Ferryman's device {device}, and send it again"),
        ),
        Unread::Withheld => (
            "your client withholds its key from Ferryman",
            format!("See in your client whether Ferryman's device {device} is blocked, and send it again"),
        ),
        Unread::Foreign => (
            "it was encrypted by somebody else than who sent it",
            "Send it again yourself".to_owned(),
        ),
        Unread::UnknownDevice => (
            "it is not known which device encrypted it",
            "Send it again from a device that is logged in".to_owned(),
        ),
        Unread::Unsigned => (
            "you have not verified the device that it comes from, and `bot.trust` asks for that",
            "Verify your device in your client's settings, and send it again".to_owned(),
        ),
        Unread::OtherIdentity => (
            "your identity is not the one that Ferryman saw first, and `bot.trust` asks for that",
            "If you have set up your encryption anew, move the folder `encryption` in Ferryman's `data_dir` away and restart it: it makes a new device and believes the identities that it sees then".to_owned(),
        ),
        Unread::Away => (
            "the target does not answer Ferryman's device",
            "See what Ferryman's log says, and send it again".to_owned(),
        ),
        Unread::Again => (
            "the server has sent the same before",
            "If you did not send it twice, somebody has repeated it".to_owned(),
        ),
        Unread::Damaged => ("it is damaged", "Send it again".to_owned()),
    };
    format!("Ferryman can't take this message, so it was not run: {why}. {remedy}.")
}

/// To an operator's order, in clear, in an encrypted room.
pub const IN_CLEAR: &str = "Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.";

/// To an operator's ✅ or ❌ in an encrypted room.
pub const REACTION: &str =
    "Not run: this room is encrypted, and reactions are not. Answer with the code instead.";

/// The first message after the room has been encrypted while the bot was in it.
#[must_use]
pub fn switched(device: &str) -> String {
    format!(
        "This room is encrypted now: Ferryman reads and writes here through its device {} from now on, and takes no order in clear any more.",
        code(device)
    )
}

/// The room has been encrypted and the bot can't follow. It is told in clear.
#[must_use]
pub fn not_switched(error: &Error) -> String {
    format!(
        "This room is encrypted now and Ferryman can't read it ({}). It takes no order here until it can, and tries again with each message.",
        sentence(&error.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line() {
        let reasons = [
            Unread::NoKey,
            Unread::Unverified,
            Unread::Withheld,
            Unread::Foreign,
            Unread::UnknownDevice,
            Unread::Unsigned,
            Unread::OtherIdentity,
            Unread::Away,
            Unread::Again,
            Unread::Damaged,
        ];
        let mut lines: Vec<_> = reasons
            .map(|reason| unread(reason, "FERRYMANBOTABC"))
            .into();
        lines.extend([IN_CLEAR.to_owned(), REACTION.to_owned()]);
        lines.push(switched("FERRYMANBOTABC"));
        lines.push(not_switched(&Error::Target("no device".to_owned())));
        insta::assert_snapshot!(lines.join("\n"), @r"
        Ferryman can't take this message, so it was not run: its key has not reached Ferryman. Send it again; if that does not help either, restart your client, so that it sees Ferryman's device.
        Ferryman can't take this message, so it was not run: your client gives its keys to verified devices only. Allow unverified devices in this room, or verify Ferryman's device `FERRYMANBOTABC`, and send it again.
        Ferryman can't take this message, so it was not run: your client withholds its key from Ferryman. See in your client whether Ferryman's device `FERRYMANBOTABC` is blocked, and send it again.
        Ferryman can't take this message, so it was not run: it was encrypted by somebody else than who sent it. Send it again yourself.
        Ferryman can't take this message, so it was not run: it is not known which device encrypted it. Send it again from a device that is logged in.
        Ferryman can't take this message, so it was not run: you have not verified the device that it comes from, and `bot.trust` asks for that. Verify your device in your client's settings, and send it again.
        Ferryman can't take this message, so it was not run: your identity is not the one that Ferryman saw first, and `bot.trust` asks for that. If you have set up your encryption anew, move the folder `encryption` in Ferryman's `data_dir` away and restart it: it makes a new device and believes the identities that it sees then.
        Ferryman can't take this message, so it was not run: the target does not answer Ferryman's device. See what Ferryman's log says, and send it again.
        Ferryman can't take this message, so it was not run: the server has sent the same before. If you did not send it twice, somebody has repeated it.
        Ferryman can't take this message, so it was not run: it is damaged. Send it again.
        Not run: this room is encrypted and your message was not. Send it encrypted if you still want it.
        Not run: this room is encrypted, and reactions are not. Answer with the code instead.
        This room is encrypted now: Ferryman reads and writes here through its device `FERRYMANBOTABC` from now on, and takes no order in clear any more.
        This room is encrypted now and Ferryman can't read it (no device). It takes no order here until it can, and tries again with each message.
        ");
    }
}

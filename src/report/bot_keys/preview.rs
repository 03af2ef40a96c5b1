//! What would be done to bots' accounts.

use std::fmt::Write;

use crate::{
    command::bot_keys::{BotKeys, Step},
    operation::bot_keys::Before,
    report::{
        technical::one_line,
        text::{code, count, len},
    },
};

/// For whoever has ordered it in the room.
#[must_use]
pub fn preview(order: &BotKeys, bots: &[Before]) -> String {
    let bots_ = count(len(bots), "bot", "bots");
    let mut text = match &order.step {
        Step::DeleteDevice(_) => "**A device will be logged out and deleted; what it alone can read nobody can read after that.** Run `bot-keys verify` before.\n\n".to_owned(),
        Step::Enable(_) => format!("**{bots_} will have a key backup**; the recovery key goes into a file on Ferryman's machine.\n\n"),
        Step::Upload(_) => format!("**The room keys of {bots_} will go into their key backups**; nothing there is replaced by anything worse.\n\n"),
        _ => format!("**The room keys of {bots_} will be read, put into their key backups and compared**; the stores are only read, recovery keys go into files on Ferryman's machine.\n\n"),
    };
    let is_new = order.recovery().is_some_and(|it| it.new_version);
    for bot in bots {
        let user = bot.user.as_ref().map_or("?", |user| user.as_str());
        let _infallible = write!(text, "- {}: ", code(user));
        let _infallible = match (&bot.device, &bot.found) {
            (_, Err(error)) => {
                writeln!(text, "can't be done now: {}", one_line(&error.to_string()))
            }
            (Some(device), Ok(_)) => writeln!(text, "device {}", code(device)),
            (None, Ok(Some((version, keys)))) if is_new => writeln!(
                text,
                "a new backup, in place of version {} with {}",
                code(version),
                count(*keys, "key", "keys")
            ),
            (None, Ok(Some((version, keys)))) => writeln!(
                text,
                "the backup that is there, version {} with {}",
                code(version),
                count(*keys, "key", "keys")
            ),
            (None, Ok(None)) => writeln!(text, "a new backup"),
        };
    }
    text
}

//! Whether a message is meant for the bot, and what it says then.

use clap::CommandFactory;
use ruma::UserId;

use super::{Chat, PREFIX};

/// Who is spoken to, and where.
#[derive(Debug, Clone)]
pub struct Address {
    /// The bot's user ID.
    pub bot: String,
    /// Whether the bot made this room for nothing but commands.
    pub own_room: bool,
}

impl Address {
    /// The command's own words: behind `!ferry`, behind the bot's name, or, in a room of its own, where the first word is a
    /// command's name. `None` if the message isn't meant for the bot.
    #[must_use]
    pub fn meant<'a>(&self, body: &'a str) -> Option<&'a str> {
        let body = body.trim_start();
        behind(body, PREFIX, |next| next.is_none_or(char::is_whitespace))
            .or_else(|| self.mentioned(body))
            .or_else(|| (self.own_room && begins_with_a_command(body)).then_some(body))
    }

    /// Behind `@bot:server`, or `bot:`.
    fn mentioned<'a>(&self, body: &'a str) -> Option<&'a str> {
        let is_end = |next: Option<char>| {
            next.is_none_or(|next| next.is_whitespace() || ":,".contains(next))
        };
        let whole = behind(body, &self.bot, is_end);
        let localpart = <&UserId>::try_from(self.bot.as_str()).ok()?.localpart();
        let short = || {
            behind(body, localpart, |next| {
                next.is_some_and(|next| ":,".contains(next))
            })
        };
        let rest = whole.or_else(short)?;
        Some(rest.trim_start_matches([':', ',']))
    }
}

/// What stands behind a beginning, in whatever case, if what follows it ends it.
fn behind<'a>(
    body: &'a str,
    beginning: &str,
    ends: impl Fn(Option<char>) -> bool,
) -> Option<&'a str> {
    let there = body.get(..beginning.len())?;
    let rest = &body[beginning.len()..];
    let is_same = if beginning == PREFIX {
        there == beginning
    } else {
        there.eq_ignore_ascii_case(beginning)
    };
    (is_same && ends(rest.chars().next())).then_some(rest)
}

fn begins_with_a_command(body: &str) -> bool {
    let first = body.split_whitespace().next().unwrap_or_default();
    Chat::command()
        .get_subcommands()
        .any(|command| command.get_name() == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(body: &str, own_room: bool) -> Option<&str> {
        let address = Address {
            bot: "@ferryman:ferry.test".to_owned(),
            own_room,
        };
        address.meant(body).map(str::trim)
    }

    #[test]
    fn each_way_to_speak_to_the_bot() {
        for (body, words) in [
            ("!ferry", ""),
            ("  !ferry\timport", "import"),
            ("@ferryman:ferry.test import", "import"),
            ("@ferryman:ferry.test: import --admins", "import --admins"),
            ("Ferryman: status", "status"),
            ("ferryman, status", "status"),
        ] {
            assert_eq!(meant(body, false), Some(words), "{body}");
        }
        assert_eq!(meant("status", true), Some("status"));
    }

    #[test]
    fn what_people_say_to_each_other_is_not_meant() {
        for body in [
            "",
            "hello",
            "!ferryman run",
            "say !ferry help",
            "!Ferry help",
            "ferryman is slow today",
            "@ferryman:ferry.tester import",
            "ärger",
        ] {
            assert_eq!(meant(body, false), None, "{body}");
        }
        assert_eq!(meant("status", false), None);
        assert_eq!(meant("statuses", true), None);
        assert_eq!(meant("What is the status?", true), None);
    }
}

//! What the bot says besides answers.

use super::{
    technical,
    text::{code, count, duration, escape, sentence, size, visible},
};
use crate::Error;

/// Why an order is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Whoever gave it is not in the room.
    NotJoined,
    /// Their power level is too low.
    Power {
        /// The one that is wanted.
        wanted: i64,
    },
    /// Anybody may enter or read the room.
    OpenRoom,
}

/// Once at every start.
#[must_use]
pub fn ready(software: &str, warnings: &[String]) -> String {
    let mut text = format!(
        "Ferryman is ready ({}). `!ferry help` lists the commands.",
        escape(software)
    );
    for warning in warnings {
        text.push_str("\n\n⚠ ");
        text.push_str(&sentence(warning));
    }
    text
}

/// To somebody who is no operator, once.
#[must_use]
pub fn refusal(sender: &str) -> String {
    format!(
        "Sorry, {}: only Ferryman's operators can give it orders. An operator can add you to `operators` in its configuration.",
        code(sender)
    )
}

/// To a command that waited too long, perhaps for the bot's restart.
#[must_use]
pub fn too_old(age_ms: u64) -> String {
    format!(
        "This command arrived {} after it was sent, so it was not run (or the clocks of the two machines differ). Send it again if you still want it.",
        duration(age_ms)
    )
}

/// To a command that was sent while nobody was here.
pub const MISSED: &str = "Ferryman was not running when this was sent, so it was not run. Send it again if you still want it.";

/// To a confirmation while Ferryman is being stopped.
pub const STOPPING: &str =
    "Ferryman is being stopped, so nothing was begun: confirm it again when it is back";

/// To a preview that was answered with ❌.
pub const DROPPED: &str = "Dropped; nothing was done.";

/// What a command would do, and how to say that it shall.
#[must_use]
pub fn preview(command: &str, markdown: &str, code: &str, by_reaction: bool) -> String {
    let changes = match command {
        "export" => "This logs in at Synapse as each user",
        _ => "This changes the target",
    };
    let command = super::text::code(command);
    let how = if by_reaction {
        format!("react with ✅ or send `!ferry confirm {code}` within 10 minutes; ❌ drops it.")
    } else {
        format!("send `!ferry confirm {code}` within 10 minutes; otherwise it is dropped.")
    };
    format!("{markdown}\n**{changes}.** To begin the {command}, {how}\n")
}

/// What an export does that acts as users.
#[must_use]
pub fn acting() -> String {
    "**Export as the users**\n\nFerryman logs in as each user of this server by Synapse's Admin API, reads what only they can see (push rules, tags, receipts, key backups), and logs out again. Their passwords, devices and sessions stay as they are, and nobody is told.\n".to_owned()
}

/// Why an operator's order is not carried out.
#[must_use]
pub fn lack(lack: Lack) -> String {
    match lack {
        Lack::NotJoined => "you are not in the control room any more: enter it and send the order again".to_owned(),
        Lack::Power { wanted } => format!(
            "your power level in this room is below {wanted}, which `bot.min_power_level` asks for: let somebody raise it"
        ),
        Lack::OpenRoom => "anybody may enter or read this room: make it invite-only, and its history visible to members alone, then send the order again".to_owned(),
    }
}

/// After a restart, about a command that was cut off.
#[must_use]
pub fn interrupted(command: &str) -> String {
    match command {
        "import" => "Ferryman was restarted in the middle of this `import`. What was done is kept; `!ferry import` goes on from there.".to_owned(),
        "sync" => "Ferryman was restarted in the middle of this `sync`. What was carried is kept; `!ferry sync` goes on, with what has come since.".to_owned(),
        "export" => "Ferryman was restarted in the middle of this `export`. There is no bundle of it; `!ferry export` starts over.".to_owned(),
        "preview" => "Ferryman was restarted before it had shown what this order would do. Nothing was begun; send it again.".to_owned(),
        "confirm" => "Ferryman was restarted before the confirmed order began. Nothing was done; confirm it again.".to_owned(),
        other => format!("Ferryman was restarted in the middle of this `{other}`. Nothing is lost; send it again."),
    }
}

/// A command that could not be done.
#[must_use]
pub fn failure(error: &Error) -> String {
    match error {
        Error::Stopped => "Stopped. The same command again goes on from here.".to_owned(),
        error => {
            let (said, chain) = technical::error(error);
            format!("✗ {said}\n{chain}").trim_end().to_owned()
        }
    }
}

/// A command that makes no sense, and where.
#[must_use]
pub fn wrong(error: &Error, pointed: Option<&str>) -> String {
    let text = failure(error);
    match pointed {
        Some(lines) => {
            let lines: Vec<_> = lines.lines().map(visible).collect();
            // A fence in it would end the block.
            let lines = lines.join("\n").replace('`', "'");
            format!("{text}\n\n```text\n{lines}\n```\n")
        }
        None => text,
    }
}

/// The progress message's last text.
#[must_use]
pub fn ended(job: &str, elapsed_ms: u64, failed: bool) -> String {
    let how = if failed { "ended early" } else { "has ended" };
    format!(
        "**{job}** {how} after {}. The result is below.",
        duration(elapsed_ms)
    )
}

/// The newest report files.
#[must_use]
pub fn reports(files: &[std::path::PathBuf]) -> String {
    if files.is_empty() {
        return "There is no report yet: `plan`, `import` and `verify` write one each.".to_owned();
    }
    let mut text = format!(
        "**{}**\n\n",
        count(files.len() as u64, "report file", "report files")
    );
    for file in files {
        text.push_str("- ");
        text.push_str(&code(&file.display()));
        text.push('\n');
    }
    text
}

/// Why a report is not posted.
#[must_use]
pub fn too_large(bytes: u64) -> String {
    format!("it has {}, too much for a message", size(bytes))
}

/// A report could not be posted as a file.
#[must_use]
pub fn not_posted(path: &std::path::Path, error: &Error) -> String {
    format!(
        "{} could not be posted here ({}); it is on Ferryman's machine.",
        code(&path.display()),
        sentence(&error.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line() {
        let lines = [
            ready("Tuwunel 1.9.0", &[]),
            ready("Synapse 1.163.2", &["no admin room".into()]),
            refusal("@eva:ferry.test"),
            too_old(7_200_000),
            interrupted("import"),
            interrupted("export"),
            interrupted("sync"),
            interrupted("verify"),
            interrupted("preview"),
            interrupted("confirm"),
            failure(&Error::Stopped),
            failure(&Error::Busy("import".into())),
            ended("import", 61_000, false),
            ended("import", 61_000, true),
            reports(&[]),
            reports(&["data/reports/a-import.md".into()]),
            preview("export", &acting(), "ABCDE", true),
            not_posted(
                "data/reports/a.md".as_ref(),
                &Error::Target("too large".into()),
            ),
            too_large(60_000_000),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        Ferryman is ready (Tuwunel 1.9.0). `!ferry help` lists the commands.
        Ferryman is ready (Synapse 1.163.2). `!ferry help` lists the commands.

        ⚠ no admin room
        Sorry, `@eva:ferry.test`: only Ferryman's operators can give it orders. An operator can add you to `operators` in its configuration.
        This command arrived 2 h 0 min after it was sent, so it was not run (or the clocks of the two machines differ). Send it again if you still want it.
        Ferryman was restarted in the middle of this `import`. What was done is kept; `!ferry import` goes on from there.
        Ferryman was restarted in the middle of this `export`. There is no bundle of it; `!ferry export` starts over.
        Ferryman was restarted in the middle of this `sync`. What was carried is kept; `!ferry sync` goes on, with what has come since.
        Ferryman was restarted in the middle of this `verify`. Nothing is lost; send it again.
        Ferryman was restarted before it had shown what this order would do. Nothing was begun; send it again.
        Ferryman was restarted before the confirmed order began. Nothing was done; confirm it again.
        Stopped. The same command again goes on from here.
        ✗ another job is running (import): wait for its end, or `cancel` it
        **import** has ended after 1 min 1 s. The result is below.
        **import** ended early after 1 min 1 s. The result is below.
        There is no report yet: `plan`, `import` and `verify` write one each.
        **1 report file**

        - `data/reports/a-import.md`

        **Export as the users**

        Ferryman logs in as each user of this server by Synapse's Admin API, reads what only they can see (push rules, tags, receipts, key backups), and logs out again. Their passwords, devices and sessions stay as they are, and nobody is told.

        **This logs in at Synapse as each user.** To begin the `export`, react with ✅ or send `!ferry confirm ABCDE` within 10 minutes; ❌ drops it.

        `data/reports/a.md` could not be posted here (too large); it is on Ferryman's machine.
        it has 60.0 MB, too much for a message
        ");
    }
}

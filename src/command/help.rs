//! `help [command]`: made from the declaration, for the room or for the shell.

use std::fmt::Write;

use clap::Args;

use crate::{Error, Result, config::nearest};

/// Which command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: help import")]
pub struct Help {
    /// A command's name, or `words` for what the words mean; without it, the list of all
    pub command: Vec<String>,
}

impl Help {
    /// The name, with its parts in one: `bot-keys all`. Nothing for the list of all.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        (!self.command.is_empty()).then(|| self.command.join(" "))
    }
}

/// Signs of a line.
const WIDTH: usize = 100;

/// The help as plain text: of one command, or of all.
pub fn text(mut root: clap::Command, name: Option<&str>) -> Result<String> {
    let of = root.get_name().to_owned();
    root = root.term_width(WIDTH).max_term_width(WIDTH);
    root.build();
    let Some(name) = name else {
        return Ok(trimmed(&root.render_long_help().to_string()));
    };
    let mut steps = name.split(' ');
    let found = steps.try_fold(&root, |command, step| command.find_subcommand(step));
    if let Some(command) = found {
        let mut command = command.clone().bin_name(format!("{of} {name}"));
        let text = trimmed(&command.render_help().to_string());
        return Ok(text.replace("Example: ", &format!("Example: {of} ")));
    }
    Err(Error::Usage(unknown(&root, &of, name)))
}

/// The list of all commands as Markdown: a telephone breaks its lines as it likes.
#[must_use]
pub fn list(root: &clap::Command) -> String {
    let mut text = format!(
        "{}\n\n",
        root.get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    );
    for command in root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _infallible = writeln!(text, "- `{}`: {}", command.get_name(), about);
    }
    let after = root
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _infallible = write!(text, "\n{after}\n");
    text
}

/// A command that doesn't exist, with the one that was probably meant.
#[must_use]
pub fn unknown(root: &clap::Command, of: &str, name: &str) -> String {
    let near = nearest(name, root.get_subcommands().map(clap::Command::get_name));
    match near {
        Some(near) => format!("there is no command {name}: did you mean {near}?"),
        None => format!("there is no command {name}: `{of} help` lists them"),
    }
}

/// Without the blanks that clap leaves at the ends of lines.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

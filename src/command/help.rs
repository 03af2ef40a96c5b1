//! `help [command]`: made from the declaration, for the room or for the shell.

use clap::Args;

use crate::{Error, Result, config::nearest};

/// Which command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: help import")]
pub struct Help {
    /// A command's name, or `words` for what the words mean; without it, the list of all
    pub command: Option<String>,
}

/// The help as plain text: of one command, or of all.
pub fn text(mut root: clap::Command, name: Option<&str>) -> Result<String> {
    let of = root.get_name().to_owned();
    root = root.term_width(100).max_term_width(100);
    root.build();
    let Some(name) = name else {
        return Ok(trimmed(&root.render_long_help().to_string()));
    };
    if let Some(command) = root.find_subcommand_mut(name) {
        let mut command = command.clone().bin_name(format!("{of} {name}"));
        let text = trimmed(&command.render_help().to_string());
        return Ok(text.replace("Example: ", &format!("Example: {of} ")));
    }
    Err(Error::Usage(unknown(&root, &of, name)))
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

//! The shell's command line: the shared commands, and those that only make sense on the machine itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::command::{Command, login_bridge::LoginBridge};

/// Ferryman carries a Matrix homeserver from Synapse to Tuwunel.
#[derive(Debug, Parser)]
#[command(
    name = "ferryman",
    version,
    disable_help_subcommand = true,
    after_help = "One command in detail: ferryman help import\nWhat the words mean: ferryman help words"
)]
pub struct Cli {
    /// The configuration; without it, `FERRYMAN_CONFIG` of the environment or config/ferryman.toml
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Lines of JSON on standard output: what happens, and the answer as the last one (docs/unattended.md)
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Order,
}

/// What the shell can order.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Run the application service and the bot of the control room, until it is told to stop
    Run,
    /// Write the two registration files for Tuwunel and say how to hand them over
    Registration(Registration),
    /// Check the configuration and show every setting
    CheckConfig,
    /// The whole journey on throw-away servers on this machine
    Demo(Demo),
    /// Let people log in to the new server with their Synapse passwords, until all have done so
    LoginBridge(LoginBridge),
    /// Print the completions of a shell, from the same declaration as this help
    Completions(Completions),
    /// Write the manual's pages into a folder, one for each command
    Man(Man),
    /// For `bot-keys --cross-check` alone: reads the copy of a Sled store in the current folder
    #[command(hide = true)]
    SledRows,
    /// A command that the control room knows too.
    #[command(flatten)]
    Shared(Command),
}

/// `registration [--force]`.
#[derive(Debug, Args)]
#[command(after_help = "Example: registration --force")]
pub struct Registration {
    /// Write the files anew, with new tokens; both must then be registered again
    #[arg(long)]
    pub force: bool,
}

/// `demo [--out DIR] [--target tuwunel|synapse]`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: demo --target synapse")]
pub struct Demo {
    /// Where the reports go
    #[arg(long, value_name = "DIR", default_value = "demo-report")]
    pub out: PathBuf,
    /// The server to carry to; without it, Tuwunel if this machine has it, else the stand-in
    #[arg(long, value_enum)]
    pub target: Option<DemoTarget>,
}

/// `completions SHELL`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: completions bash > ~/.local/share/bash-completion/completions/ferryman"
)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// `man --out DIR`.
#[derive(Debug, Args)]
#[command(after_help = "Example: man --out ~/.local/share/man/man1")]
pub struct Man {
    /// Where the pages go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// The demo's server to carry to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoTarget {
    /// A Tuwunel.
    Tuwunel,
    /// A second Synapse as stand-in: accounts and joins only.
    Synapse,
}

/// The declaration under the shell's name, for help.
#[must_use]
pub fn declaration() -> clap::Command {
    Cli::command()
}

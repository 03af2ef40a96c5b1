//! `bot-keys …`: a bot's room keys, out of its crypto store into its key backup. Variables of the environment have the names
//! of the tool that bots were moved with before.

mod parts;
mod steps;

use std::path::Path;

use clap::{Args, Subcommand};

pub use parts::{Before, Comparison, Door, Place, Reading, Recovery, Who, is_asked, storage};
pub use steps::{All, Backup, DeleteDevice, Enable, Extract, Restore, Upload, Verify};

use crate::{Error, Result};

/// The word that names it.
pub const NAME: &str = "bot-keys";

/// What to do with a bot's keys.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example: bot-keys all --storage /srv/bot/storage --into /srv/bot")]
pub struct BotKeys {
    /// What to do.
    #[command(subcommand)]
    pub step: Step,
}

/// One step of a bot's move.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Step {
    /// Put a copy of the bot's storage aside, with checksums that `sha256sum -c` reads
    Backup(Backup),
    /// Check such a copy and put it back; what is there is moved aside
    Restore(Restore),
    /// Take the keys out of the bot's crypto store into files; the store is only read
    Extract(Extract),
    /// Find or make the bot's key backup on its homeserver
    Enable(Enable),
    /// Put the keys into that backup
    Upload(Upload),
    /// Download the backup, decrypt it, and compare it with the store, key by key
    Verify(Verify),
    /// Delete the device that the old store belonged to
    #[command(alias = "delete")]
    DeleteDevice(DeleteDevice),
    /// Extract, enable, upload and verify in one go
    All(All),
}

impl BotKeys {
    /// Which bots are meant; `restore` knows only folders.
    #[must_use]
    pub fn who(&self) -> Option<&Who> {
        match &self.step {
            Step::Backup(step) => Some(&step.who),
            Step::Restore(_) => None,
            Step::Extract(step) => Some(&step.who),
            Step::Enable(step) => Some(&step.who),
            Step::Upload(step) => Some(&step.who),
            Step::Verify(step) => Some(&step.who),
            Step::DeleteDevice(step) => Some(&step.who),
            Step::All(step) => Some(&step.who),
        }
    }

    /// How the store is read, for those that read it.
    #[must_use]
    pub fn reading(&self) -> Option<&Reading> {
        match &self.step {
            Step::Extract(step) => Some(&step.reading),
            Step::Upload(step) => Some(&step.reading),
            Step::Verify(step) => Some(&step.reading),
            Step::All(step) => Some(&step.reading),
            Step::Enable(step) => Some(&step.reading),
            Step::Backup(_) | Step::Restore(_) | Step::DeleteDevice(_) => None,
        }
    }

    /// The file of keys that was named instead of the store.
    #[must_use]
    pub fn keys(&self) -> Option<&Path> {
        let before = match &self.step {
            Step::Upload(step) => &step.before,
            Step::Verify(step) => &step.before,
            Step::All(step) => &step.before,
            _ => return None,
        };
        before.keys.as_deref()
    }

    /// How many sessions are compared, if not all are.
    #[must_use]
    pub fn sample(&self) -> Option<u64> {
        match &self.step {
            Step::Verify(step) => step.comparison.sample,
            Step::All(step) => step.comparison.sample,
            _ => None,
        }
    }

    /// How the account is reached, for those that need it.
    #[must_use]
    pub fn door(&self) -> Option<&Door> {
        match &self.step {
            Step::Enable(step) => Some(&step.door),
            Step::Upload(step) => Some(&step.door),
            Step::Verify(step) => Some(&step.door),
            Step::DeleteDevice(step) => Some(&step.door),
            Step::All(step) => Some(&step.door),
            Step::Backup(_) | Step::Restore(_) | Step::Extract(_) => None,
        }
    }

    /// What the backup is to be like, for those that may make one.
    #[must_use]
    pub fn recovery(&self) -> Option<&Recovery> {
        match &self.step {
            Step::Enable(step) => Some(&step.recovery),
            Step::All(step) => Some(&step.recovery),
            _ => None,
        }
    }

    /// Whether it changes something on a homeserver.
    #[must_use]
    pub fn changes_server(&self) -> bool {
        matches!(
            self.step,
            Step::Enable(_) | Step::Upload(_) | Step::DeleteDevice(_) | Step::All(_)
        )
    }
}

/// Options that name something on Ferryman's machine, or need somebody at its terminal.
const SHELL_ONLY: [&str; 18] = [
    "--storage",
    "--store",
    "--sled-path",
    "--into",
    "--list",
    "--keys",
    "--store-passphrase",
    "--homeserver",
    "--token-file",
    "--recovery-key",
    "--recovery-passphrase",
    "--show-recovery-key",
    "--output",
    "--failed-output",
    "--export",
    "--export-passphrase",
    "--other-account",
    "--password",
];

/// An error if such words were written in the room: whoever writes there has no shell on this machine.
pub fn check_room(words: &[String]) -> Result<()> {
    let mut words = words.iter();
    if words.next().is_none_or(|word| word != NAME) {
        return Ok(());
    }
    for word in words {
        let name = word.split_once('=').map_or(&**word, |(name, _)| name);
        if SHELL_ONLY.contains(&name) {
            return Err(Error::Usage(format!(
                "{name} can't be given from the room: name the bots of the list (bot_keys.list in the configuration), or use the shell"
            )));
        }
        if name == "restore" {
            return Err(Error::Usage(
                "a copy can't be put back from the room: `ferryman bot-keys restore` in the shell does it"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::Cli;

    /// Variables that clap does not know, because they hold secrets.
    const SECRETS: [&str; 7] = [
        "ACCESS_TOKEN",
        "STORE_PASSPHRASE",
        "RECOVERY_KEY",
        "RECOVERY_PHRASE",
        "EXPORT_PASSPHRASE",
        "MIGRATION_PASSWORD",
        "MIGRATION_CONFIRM",
    ];

    /// All variables of all steps.
    fn variables() -> Vec<String> {
        let shell = Cli::command();
        let command = shell.find_subcommand(NAME).unwrap();
        let arguments = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments);
        let known = arguments.filter_map(|it| it.get_env()?.to_str().map(str::to_owned));
        known.chain(SECRETS.map(str::to_owned)).collect()
    }

    #[test]
    fn the_examples_say_what_there_is() {
        let known = variables();
        let mut orders = 0;
        for file in [
            "bot-keys-job.yaml",
            "bot-keys-pod.yaml",
            "bot-keys-compose.yaml",
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("config")
                .join(file);
            for line in fs::read_to_string(path).unwrap().lines().map(str::trim) {
                let list = line
                    .strip_prefix("args: ")
                    .or(line.strip_prefix("command: "));
                if let Some(words) = list.filter(|it| it.contains(NAME)) {
                    let words: Vec<String> = serde_json::from_str(words).unwrap();
                    Cli::try_parse_from(std::iter::once("ferryman".to_owned()).chain(words))
                        .unwrap();
                    orders += 1;
                }
                let variable = line
                    .strip_prefix("- name: ")
                    .or_else(|| line.split_once(": /").map(|(name, _)| name));
                if let Some(name) = variable
                    && name
                        .chars()
                        .all(|sign| sign.is_ascii_uppercase() || sign == '_')
                {
                    assert!(known.iter().any(|it| it == name), "{name} of {file}");
                }
            }
        }
        assert_eq!(orders, 2);
    }

    #[test]
    fn the_guide_has_every_variable() {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bots.md");
        let guide = fs::read_to_string(guide).unwrap();
        for name in variables() {
            assert!(guide.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn no_secret_is_taken_from_the_command_line() {
        for words in [
            "enable --recovery-key EsTx",
            "all --recovery-passphrase word",
            "extract --store-passphrase word",
            "delete-device --password word",
            "all --access-token syt_x",
            "all --token syt_x",
        ] {
            let words = std::iter::once("ferryman")
                .chain([NAME])
                .chain(words.split(' '));
            assert!(Cli::try_parse_from(words).is_err());
        }
    }

    fn said(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        check_room(&words).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn the_room_names_no_folder_and_no_secret() {
        let lines = [
            "bot-keys all @bot:x --skip-errors",
            "bot-keys all --storage /etc",
            "bot-keys enable --recovery-key=/etc/passwd",
            "bot-keys restore copy",
            "import --store",
        ];
        insta::assert_snapshot!(lines.map(said).join("\n"), @r"
        fine
        --storage can't be given from the room: name the bots of the list (bot_keys.list in the configuration), or use the shell
        --recovery-key can't be given from the room: name the bots of the list (bot_keys.list in the configuration), or use the shell
        a copy can't be put back from the room: `ferryman bot-keys restore` in the shell does it
        fine
        ");
    }
}

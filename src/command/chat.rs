//! `!ferry …`: a message of the control room as a command.

use clap::{
    CommandFactory, FromArgMatches, Parser, ValueEnum,
    error::{ContextKind, ContextValue},
};

use super::{Command, help, stages::Part};
use crate::{Error, Result, config::nearest};

mod address;
mod list;
mod pointer;

pub use address::Address;
pub use pointer::pointed;

/// The word that a message for the bot begins with.
pub const PREFIX: &str = "!ferry";

/// A message's words.
#[derive(Parser)]
#[command(
    name = PREFIX,
    about = "Ferryman carries this server's users and rooms from Synapse to Tuwunel.",
    disable_help_subcommand = true,
    disable_help_flag = true,
    after_help = "One command in detail: !ferry help import\nWhat the words mean: !ferry help words"
)]
struct Chat {
    #[command(subcommand)]
    command: Command,
}

/// The declaration under the room's name, for help.
#[must_use]
pub fn declaration() -> clap::Command {
    Chat::command()
}

/// What a command's words order; [`Address::meant`] finds them in a message.
pub fn parse(text: &str) -> Result<Command> {
    words(text).and_then(command)
}

fn words(text: &str) -> Result<Vec<String>> {
    let list = list::split(text);
    let mut words = shell_words(&list.before)?;
    list::add(&mut words, list.values);
    words.extend(shell_words(&list.after)?);
    Ok(words)
}

fn shell_words(line: &str) -> Result<Vec<String>> {
    let words = shlex::split(line)
        .ok_or_else(|| Error::Usage("a quote is not closed: close it, or leave it out".into()))?;
    // Telephones write a dash where somebody types two hyphens.
    Ok(words
        .into_iter()
        .map(|word| match word.strip_prefix(['—', '–']) {
            Some(rest) => format!("--{rest}"),
            None => word,
        })
        .collect())
}

fn command(words: Vec<String>) -> Result<Command> {
    if words.is_empty() {
        return Ok(Command::Help(help::Help::default()));
    }
    super::bot_keys::check_room(&words)?;
    // `!ferry import --help` asks for what `!ferry help import` says.
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(Command::Help(help::Help {
            command: named(words),
        }));
    }
    let words = std::iter::once(PREFIX.to_owned()).chain(words);
    without_environment(declaration())
        .try_get_matches_from(words)
        .and_then(|found| Chat::from_arg_matches(&found))
        .map(|chat| chat.command)
        .map_err(|error| Error::Usage(clause(&error, &declaration())))
}

/// What the service has in its environment is nothing that somebody in the room has ordered.
fn without_environment(command: clap::Command) -> clap::Command {
    command
        .mut_args(|argument| argument.env(None::<&str>))
        .mut_subcommands(without_environment)
}

/// The words that name a command, and a step of it.
fn named(words: Vec<String>) -> Vec<String> {
    let mut at = Some(declaration());
    let mut names = Vec::new();
    for word in words.into_iter().filter(|word| !word.starts_with('-')) {
        at = at.and_then(|command| command.find_subcommand(&word).cloned());
        if at.is_none() && !names.is_empty() {
            break;
        }
        names.push(word);
    }
    names
}

/// Clap's complaint as one lower-case clause, without its headings, hints about flags and terminal escapes.
#[must_use]
pub fn clause(error: &clap::Error, root: &clap::Command) -> String {
    let name = root.get_name();
    if let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) {
        return help::unknown(root, name, wrong);
    }
    if let Some(text) = wrong_stage(error, name) {
        return text;
    }
    let text = error.render().to_string();
    let mut parts = text.split("\n\n");
    let what: Vec<&str> = parts
        .next()
        .unwrap_or_default()
        .lines()
        .map(str::trim)
        .collect();
    let what = what.join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let tip = parts.find_map(|part| part.trim().strip_prefix("tip: "));
    match tip {
        Some(tip) => format!("{what}: {}", tip.lines().next().unwrap_or_default()),
        None => format!("{what}: `{name} help` explains every command"),
    }
}

/// Clap would list all stages.
fn wrong_stage(error: &clap::Error, name: &str) -> Option<String> {
    let is_stage = error
        .get(ContextKind::InvalidArg)
        .is_some_and(|argument| argument.to_string().contains("<STAGE>"));
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    if !is_stage || wrong.is_empty() {
        return None;
    }
    let known = Part::value_variants().iter().map(Part::name);
    Some(match nearest(wrong, known) {
        Some(near) => format!("there is no stage {wrong}: did you mean {near}?"),
        None => format!("there is no stage {wrong}: `{name} help import` lists them"),
    })
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use proptest::prelude::*;

    use super::*;
    use crate::command::{export::Export, import::Import, plan::Plan};

    fn words_of(body: &str) -> &str {
        let address = Address {
            bot: "@ferryman:ferry.test".to_owned(),
            own_room: false,
        };
        address.meant(body).unwrap()
    }

    fn good(body: &str) -> Command {
        parse(words_of(body)).unwrap()
    }

    fn refusal(body: &str) -> String {
        parse(words_of(body)).unwrap_err().to_string()
    }

    #[test]
    fn quoting_works_as_in_a_shell() {
        assert_eq!(
            good("!ferry export --out 'my bundle.tar.zst'"),
            Command::Export(Export {
                out: Some("my bundle.tar.zst".into()),
                ..Export::default()
            })
        );
        assert_eq!(
            good("  !ferry\timport --bundle=\"a b\""),
            Command::Import(Import {
                bundle: Some("a b".into()),
                ..Import::default()
            })
        );
        assert_eq!(
            good("!ferry plan —json"),
            Command::Plan(Plan {
                json: true,
                ..Plan::default()
            })
        );
    }

    #[test]
    fn every_way_to_ask_for_help() {
        let all = Command::Help(help::Help::default());
        let import = Command::Help(help::Help {
            command: vec!["import".into()],
        });
        let step = Command::Help(help::Help {
            command: vec!["bot-keys".into(), "all".into()],
        });
        assert_eq!(good("!ferry help bot-keys all"), step);
        assert_eq!(good("!ferry bot-keys all @bot:x --help"), step);
        assert_eq!(good("!ferry bot-keys -h all"), step);
        assert_eq!(good("!ferry"), all);
        assert_eq!(good("!ferry --help"), all);
        assert_eq!(good("!ferry help"), all);
        assert_eq!(good("!ferry help import"), import);
        assert_eq!(good("!ferry import --help"), import);
    }

    #[test]
    fn the_environment_of_the_service_orders_nothing() {
        let with_variables = |command: &clap::Command| {
            let steps = command
                .get_subcommands()
                .flat_map(clap::Command::get_arguments);
            steps
                .filter(|argument| argument.get_env().is_some())
                .count()
        };
        let bot_keys = |root: clap::Command| root.find_subcommand("bot-keys").unwrap().clone();
        assert!(with_variables(&bot_keys(declaration())) > 10);
        let without = without_environment(declaration());
        assert_eq!(with_variables(&bot_keys(without)), 0);
    }

    #[test]
    fn refusals() {
        let lines = [
            refusal("!ferry imprt"),
            refusal("!ferry dance"),
            refusal("!ferry import --bundel x"),
            refusal("!ferry import --bundle"),
            refusal("!ferry import x"),
            refusal("!ferry export --out 'x"),
            refusal("!ferry plan --json=maybe"),
            refusal("!ferry run"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        there is no command imprt: did you mean import?
        there is no command dance: `!ferry help` lists them
        unexpected argument '--bundel' found: a similar argument exists: '--bundle'
        a value is required for '--bundle <PATH>' but none was supplied: `!ferry help` explains every command
        unexpected argument 'x' found: `!ferry help` explains every command
        a quote is not closed: close it, or leave it out
        unexpected value 'maybe' for '--json' found; no more were expected: `!ferry help` explains every command
        there is no command run: `!ferry help` lists them
        ");
    }

    #[test]
    fn help_of_all_and_of_one() {
        insta::assert_snapshot!(help::text(declaration(), None).unwrap(), @r"
        Ferryman carries this server's users and rooms from Synapse to Tuwunel.

        Usage: !ferry <COMMAND>

        Commands:
          help      The list of commands, or one with its options and an example
          doctor    Look whether the installation itself is sound: tokens, ping, admin rights, resident,
                    Synapse
          check     Look whether the move can begin: servers, keys, resident, bundle, rooms, users, disk,
                    clocks; nothing is changed
          ack       Accept a warning of the last `check` by its code
          export    Read Synapse into a bundle; Synapse is not changed
          bundles   The bundles that are there: what is in each, and whether it can be used
          bundle    Look whether a bundle is whole: `bundle verify`
          plan      Say what an import would do with every user and every room; nothing is changed
          import    Carry a bundle's accounts, rooms and history to the target; again, to go on where it
                    stopped
          retry     Do again what has failed, or one room or user; nothing else is touched
          sync      Carry over what has changed on Synapse since the last import; as often as you like,
                    until the switch
          cutover   The last steps to the switch and after it, one by one: what is done, what comes next,
                    and `cutover next` to take it
          freeze    How to let nobody write on Synapse while all can read, and whether it is so
          unfreeze  How to let everybody write again, and whether it is so
          rollback  How to go back to Synapse from here, and what would be lost; nothing is changed
          confirm   In the control room: carry out what you ordered, once you have seen its preview
          status    Where the migration stands, and how far the running job is
          pause     Let the running job wait after its current step
          resume    Let a paused job go on
          cancel    Stop the running job after its current step; the same command again goes on from there
          user      What became of one user: account, settings, keys, rooms, and what could not be done
          room      What became of one room: members, history, and what could not be done
          why       Why something could not be done, and what to do about it
          sign-on   Who logs in by single sign-on, and what Tuwunel must be told to know them again; nothing
                    is changed
          verify    Compare the target with a bundle: accounts, aliases, members, state, history
          report    The newest full report of each command, as files
          audit     Who ordered what, when, and how it ended
          bot-keys  Bots' room keys: out of their crypto stores into their key backups, compared one by one

        One command in detail: !ferry help import
        What the words mean: !ferry help words
        ");
        insta::assert_snapshot!(help::text(declaration(), Some("plan")).unwrap(), @r"
        Say what an import would do with every user and every room; nothing is changed

        Usage: !ferry plan [OPTIONS]

        Options:
              --bundle <PATH>         The bundle's file; without it, the newest one in the bundles folder
              --history <HOW MUCH>    As for `import`
              --media <WHICH>         As for `import`
              --media-max-size <MIB>  As for `import`
              --admins                As for `import`
              --mode <MODE>           As for `import`
              --replay-messages       As for `import`
              --via <SERVER>          As for `import`
              --leave-old             As for `import`
              --only <STAGE>...       Only these stages; a later import without it carries the rest. `users`
                                      are accounts, admin-rights, e-mail-addresses and names-and-pictures;
                                      `encryption` are encryption-identities, verified-people and
                                      key-backups [possible values: users, accounts, admin-rights,
                                      e-mail-addresses, names-and-pictures, rooms, aliases, encryption,
                                      encryption-identities, verified-people, key-backups, room-directory,
                                      settings, media]
              --except <STAGE>...     All stages but these
              --json                  The whole plan as JSON

        Example: !ferry plan --bundle before-the-move.tar.zst
        ");
        insta::assert_snapshot!(help::text(declaration(), Some("pln")).unwrap_err(), @"there is no command pln: did you mean plan?");
        insta::assert_snapshot!(help::text(declaration(), Some("dance")).unwrap_err(), @"there is no command dance: `!ferry help` lists them");
    }

    #[test]
    fn the_declaration_is_consistent() {
        declaration().debug_assert();
        let missing = declaration().try_get_matches_from(["!ferry"]).unwrap_err();
        assert_eq!(
            missing.kind(),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
    }

    proptest! {
        #[test]
        fn no_message_panics(body in "\\PC*", words in proptest::collection::vec("[-—a-z'\" =]{0,8}", 0..6)) {
            let _parsed = parse(&body);
            let _pointed = pointed(&body);
            for own_room in [false, true] {
                let _meant = Address { bot: "@b:x".to_owned(), own_room }.meant(&body);
            }
            let _parsed = parse(&words.join(" "));
            let _pointed = pointed(&words.join(" "));
        }
    }
}

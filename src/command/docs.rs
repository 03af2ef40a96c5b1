//! `docs/commands.md`: written from the declaration, and kept equal to it by a test.

use std::fmt::Write;

use super::help;
use crate::Result;

/// What each exit code means; the numbers are those of [`crate::Error::exit_code`].
pub const EXIT_CODES: [(u8, &str); 14] = [
    (0, "Done, and nothing is missing or different."),
    (
        1,
        "A server's answer, a file or the ledger did not allow it; the line says which.",
    ),
    (2, "The command's words make no sense."),
    (3, "The configuration can't be used."),
    (4, "A server does not answer."),
    (5, "A server refuses a token."),
    (6, "The bundle is damaged, or not a bundle."),
    (7, "Something on the target has to be set up first."),
    (
        8,
        "It came to its end, but left something undone or found something different; the report lists it.",
    ),
    (9, "Another job of this installation is running."),
    (
        10,
        "Stopped on request; the same command again goes on from there.",
    ),
    (
        11,
        "Synapse's database can't be opened or read, or is of an unknown version.",
    ),
    (
        12,
        "`check` has warnings that nobody has accepted, and no errors (which are 8).",
    ),
    (13, "A bot's crypto store can't be found or read."),
];

/// The whole page.
pub fn page(shell: &clap::Command) -> Result<String> {
    let mut page = String::from(
        "# Commands\n\nThis page is made from the commands' declaration; a test keeps it equal.\n\n\
         In the control room a command is a message that begins with `!ferry`, in the shell it follows `ferryman`. \
         Both know the same words; quotes work as in a shell. From the room, `PATH` is a file name in `<data_dir>/bundles`.\n\
         One job (export, import, retry, sync, a step of the cutover, verify, a look into a bundle or bots' keys) runs at a time; the others can be used meanwhile.\n\n```text\n",
    );
    page.push_str(&help::text(shell.clone(), None)?);
    page.push_str("\n```\n");
    for command in shell
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = command.get_name();
        let text = help::text(shell.clone(), Some(name))?;
        let _infallible = write!(page, "\n## {name}\n\n```text\n{text}\n```\n");
        for step in command.get_subcommands() {
            let name = format!("{name} {}", step.get_name());
            let text = help::text(shell.clone(), Some(&name))?;
            let _infallible = write!(page, "\n### {name}\n\n```text\n{text}\n```\n");
        }
    }
    let _infallible = write!(
        page,
        "\n## The words\n\n{}",
        crate::report::words::markdown()
    );
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in EXIT_CODES {
        let _infallible = writeln!(page, "| {code} | {meaning} |");
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_page_says_what_the_declaration_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
        let page = page(&crate::cli::args::Cli::command()).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &page).unwrap();
        }
        assert_eq!(
            fs::read_to_string(path).unwrap_or_default(),
            page,
            "docs/commands.md is old: UPDATE_DOCS=1 cargo test --lib docs"
        );
    }

    #[test]
    fn every_code_is_named_once() {
        for (number, (code, _)) in EXIT_CODES.iter().enumerate() {
            assert_eq!(number, usize::from(*code));
        }
        assert_eq!(EXIT_CODES[8].0, crate::error::EXIT_INCOMPLETE);
        assert_eq!(EXIT_CODES[12].0, crate::error::EXIT_WARNINGS);
    }
}

//! What a shell and `man` know of the commands, from the declaration.

use std::{fs, path::Path};

use clap_complete::Shell;

use super::args::declaration;
use crate::{Error, Result};

/// The program's name.
const NAME: &str = "ferryman";

/// A shell's completions.
pub(super) fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut declaration(), NAME, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes a page for the program and one for each command; how many.
pub(super) fn write(dir: &Path) -> Result<usize> {
    fs::create_dir_all(dir).map_err(Error::file(dir))?;
    clap_mangen::generate_to(declaration(), dir).map_err(Error::file(dir))?;
    let pages = fs::read_dir(dir).map_err(Error::file(dir))?.flatten();
    let is_ours = |name: &str| name.starts_with(NAME) && name.ends_with(".1");
    Ok(pages
        .filter(|page| is_ours(&page.file_name().to_string_lossy()))
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_and_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        let declaration = declaration();
        let commands: Vec<_> = declaration
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(|command| command.get_name().to_owned())
            .collect();
        assert!(write(dir.path()).unwrap() > commands.len());
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = completions(shell);
            for command in &commands {
                assert!(text.contains(command.as_str()), "{command} in {shell}");
            }
        }
        for command in commands {
            let page = dir.path().join(format!("{NAME}-{command}.1"));
            assert!(page.exists(), "{}", page.display());
        }
    }
}

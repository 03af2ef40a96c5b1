//! Where a command's line is wrong: the line, and a caret below the word.

use clap::{
    Parser,
    error::{ContextKind, ContextValue},
};

use super::{Chat, PREFIX, words};

/// So much of a line is shown, in characters.
const LONGEST: usize = 120;

/// Both lines; `None` if no word of it is the fault.
#[must_use]
pub fn pointed(text: &str) -> Option<String> {
    let words = words(text).ok()?;
    let error = Chat::try_parse_from(std::iter::once(PREFIX.to_owned()).chain(words)).err()?;
    let kinds = [
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
    ];
    let wrong = kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::String(wrong)) => {
            // As clap shows it: `--bundle <PATH>`.
            wrong.split_whitespace().next().map(str::to_owned)
        }
        _ => None,
    })?;
    let line: String = text.trim().lines().next()?.chars().take(LONGEST).collect();
    let place = line.find(&wrong)?;
    let before = line[..place].chars().count();
    let carets = "^".repeat(wrong.chars().count());
    Some(format!("{line}\n{}{carets}", " ".repeat(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_word_is_pointed_at() {
        let all = [
            "imprt --admins",
            "import --bundel x",
            "plan --history soon",
            "import --bundle",
            "export --rooms é --nonsense",
        ];
        let all: Vec<_> = all.iter().filter_map(|text| pointed(text)).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        imprt --admins
        ^^^^^
        import --bundel x
               ^^^^^^^^
        plan --history soon
                       ^^^^
        import --bundle
               ^^^^^^^^
        export --rooms é --nonsense
                         ^^^^^^^^^^
        ");
        assert_eq!(pointed("import"), None);
        assert_eq!(pointed("import 'x"), None);
    }
}

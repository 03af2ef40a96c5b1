//! A list below a command, in a code block: one value a line, for what would be too long for a line.

/// A command's text around its first code block, and the values in it.
pub(super) struct Split {
    pub(super) before: String,
    pub(super) values: Vec<String>,
    pub(super) after: String,
}

/// Finds the block. One that is not closed goes to the end.
pub(super) fn split(text: &str) -> Split {
    let mut split = Split {
        before: String::new(),
        values: Vec::new(),
        after: String::new(),
    };
    let mut fences = 0;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fences += 1;
        } else if fences == 1 {
            let value = line.trim();
            if !value.is_empty() {
                split.values.push(value.to_owned());
            }
        } else {
            let part = if fences == 0 {
                &mut split.before
            } else {
                &mut split.after
            };
            part.push_str(line);
            part.push(' ');
        }
    }
    split
}

/// The values as words behind those that stand before them: each with the option that these end with, if they do.
pub(super) fn add(words: &mut Vec<String>, values: Vec<String>) {
    let option = if values.is_empty() {
        None
    } else {
        words.pop_if(|last| last.starts_with("--"))
    };
    for value in values {
        words.extend(option.clone());
        words.push(value);
    }
}

#[cfg(test)]
mod tests {
    fn words(text: &str) -> Vec<String> {
        super::super::words(text).unwrap()
    }

    #[test]
    fn values_follow_the_line() {
        assert_eq!(words("export --rooms"), ["export", "--rooms"]);
        assert_eq!(
            words("export --rooms\n```\n#a:x\n\n  !b c:x \n```\n--inventory"),
            [
                "export",
                "--rooms",
                "#a:x",
                "--rooms",
                "!b c:x",
                "--inventory"
            ]
        );
        assert_eq!(
            words("export --inventory --rooms\n```text\n#a:x\n#b:x\n```"),
            [
                "export",
                "--inventory",
                "--rooms",
                "#a:x",
                "--rooms",
                "#b:x"
            ]
        );
        assert_eq!(words("user\n```\n@anna:x\n"), ["user", "@anna:x"]);
    }
}

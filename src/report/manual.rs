//! The manual's pages.

use std::path::Path;

use super::text::{code, count};

/// How many were written, and how they are read.
#[must_use]
pub fn written(pages: usize, dir: &Path) -> String {
    format!(
        "{} are in {}. Read one with `man -l {}`.\n",
        count(pages as u64, "page", "pages"),
        code(&dir.display()),
        dir.join("ferryman.1").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_a_page_is_read() {
        insta::assert_snapshot!(written(31, Path::new("man1")), @"31 pages are in `man1`. Read one with `man -l man1/ferryman.1`.");
    }
}

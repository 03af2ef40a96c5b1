//! Whether carving found everything: Sled itself reads the store, and each of its rows is looked up among the sessions that
//! were taken out.
//!
//! Sled writes into a store when it opens it, so it gets a private copy, which goes at the end. It panics on some damage and
//! never ends on other, so a process of its own reads the copy: the same program with a hidden command, whose whole work is
//! [`serve`]. That one has a limited time, is given the passphrase through a pipe, and tells names of sessions and no keys.

mod copy;
mod process;
mod rows;
mod told;

use std::{
    io::{self, BufWriter, Read},
    path::Path,
    thread,
};

pub(super) use self::rows::tell;
use serde::Serialize;

pub use self::{process::Program, told::Row};
use self::{process::Running, told::Told};
use super::{
    extract::{Extracted, PREFIX, Wish},
    place::Place,
};
use crate::{Error, Result, bundle::work::Work, secret::SecretString};

/// The hidden command's name.
pub const HIDDEN: &str = "sled-rows";
/// The copy's folder, in the one in which the process runs.
const COPY: &str = "sled-copy";
/// Missing sessions that are listed; of more there is only the number.
pub const MOST_LISTED: usize = 1_000;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CrossCheck {
    /// Rows of sessions that Sled has, or had until it failed.
    pub rows: u64,
    /// Those whose session was taken out, from the row's first message on or from an earlier one.
    pub found: u64,
    /// Those whose value is no session: it is damaged.
    pub broken: u64,
    /// Those whose session was not taken out, or only from a later message on.
    pub missing: u64,
    /// The first [`MOST_LISTED`] of these.
    pub listed: Vec<Missing>,
    /// Why Sled did not get to the end, in one clause: then nothing is known of the other rows.
    pub failed: Option<String>,
}

/// A session that Sled has and that was not taken out as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What Sled has.
    pub row: Row,
    /// The first message from which on it was taken out, if at all.
    pub taken_out: Option<u32>,
}

impl CrossCheck {
    /// Whether Sled read all, and nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed.is_none() && self.missing == 0
    }

    fn row(&mut self, row: Row, taken_out: Option<u32>) {
        self.rows += 1;
        if taken_out.is_some_and(|first| first <= row.first_known_index) {
            self.found += 1;
            return;
        }
        self.missing += 1;
        if self.listed.len() < MOST_LISTED {
            self.listed.push(Missing { row, taken_out });
        }
    }
}

/// Reads a copy of a Sled store with Sled, and compares its rows with what was taken out. Whatever becomes of Sled is part
/// of the answer.
///
/// # Errors
///
/// [`Error::File`] where the store can't be copied, or the program can't be started.
pub fn cross_check(
    place: &Place,
    extracted: &Extracted,
    wish: &Wish,
    program: &Program,
) -> Result<CrossCheck> {
    // It goes behind the process.
    let work = Work::new(&wish.work, PREFIX)?;
    copy::copy(&place.path, &work.path().join(COPY))?;
    let passphrase = wish.passphrase.clone().unwrap_or_default();
    let mut running = Running::start(program, work.path(), &passphrase)?;
    let mut check = CrossCheck::default();
    loop {
        check.failed = Some(match running.next() {
            Ok(Told::Session(row)) => {
                let taken_out = extracted.first_of(&row)?;
                check.row(row, taken_out);
                continue;
            }
            Ok(Told::Broken) => {
                check.rows += 1;
                check.broken += 1;
                continue;
            }
            Ok(Told::End(rows)) if rows == check.rows => break,
            Ok(Told::End(rows)) => {
                format!("Sled has {rows} rows, and {} of them were told", check.rows)
            }
            Ok(Told::Failed(reason)) | Err(reason) => reason,
        });
        break;
    }
    Ok(check)
}

/// The hidden command: reads the copy in the current folder, and tells its rows on the standard output. It ends when its
/// parent does, and opens nothing but a copy.
pub fn serve() -> Result<()> {
    let passphrase = passphrase(&mut io::stdin()).map_err(Error::file("the standard input"))?;
    thread::spawn(|| {
        // The parent's end of the pipe closes with it.
        let _ended = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    });
    let mut output = BufWriter::new(io::stdout().lock());
    tell(Path::new(COPY), &passphrase, &mut output).map_err(Error::file("the standard output"))
}

/// Its length in four bytes, then its text.
fn passphrase(input: &mut impl Read) -> io::Result<SecretString> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length).into();
    let mut text = String::new();
    let read = input.take(length).read_to_string(&mut text)?;
    let text = SecretString::from(text);
    if u64::try_from(read).ok() == Some(length) {
        Ok(text)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    #[test]
    fn a_passphrase_is_read_as_it_was_given() {
        for text in ["", "correct horse", "two\nlines"] {
            let mut given = Vec::new();
            process::give(&mut given, &text.into()).unwrap();
            // What follows is not a part of it.
            given.push(b'!');
            let read = passphrase(&mut &given[..]).unwrap();
            assert_eq!(read.expose_secret(), text);
            given.truncate(text.len());
            assert!(passphrase(&mut &given[..]).is_err());
        }
    }
}

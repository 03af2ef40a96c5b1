//! Which warnings somebody has accepted, and what the last check found: `<data_dir>/check.json`, mode 0600.
//!
//! It holds codes and digests, no names.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    config::nearest,
    migration::check::{Acceptance, Round, Severity},
    secret::{private_dir, write_private},
};

const FILE: &str = "check.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// What the last check found, by code.
    last: BTreeMap<String, Last>,
    /// Whatever was accepted, by code.
    accepted: BTreeMap<String, Acceptance>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Last {
    severity: Severity,
    facts: Vec<String>,
}

/// Keeps what was found, and adds the acceptances to it.
pub(super) fn keep(data_dir: &Path, mut round: Round) -> Result<Round> {
    let mut kept = read(data_dir)?;
    kept.last.clear();
    for check in &mut round.0 {
        let last = Last {
            severity: check.severity(),
            facts: check.digests(),
        };
        kept.last.insert(check.code().to_owned(), last);
        check.accepted = kept.accepted.get(check.code()).cloned();
    }
    write(data_dir, &kept)?;
    Ok(round)
}

/// Accepts a warning as the last check found it.
pub(super) fn add(data_dir: &Path, code: &str, by: &str, now_ms: u64) -> Result<()> {
    let mut kept = read(data_dir)?;
    if kept.last.is_empty() {
        return Err(Error::Usage(
            "nothing has been checked yet: run `check` first".to_owned(),
        ));
    }
    let facts = match kept.last.get(code) {
        Some(last) if last.severity == Severity::Warning => last.facts.clone(),
        Some(last) if last.severity == Severity::Error => {
            return Err(Error::Usage(format!(
                "{code} is an error, and errors can't be accepted: do what its sentence says, then `check` again"
            )));
        }
        Some(_) => {
            return Err(Error::Usage(format!(
                "{code} is good as it is: only warnings are accepted"
            )));
        }
        None => return Err(Error::Usage(unknown(code, &kept))),
    };
    let acceptance = Acceptance {
        by: by.to_owned(),
        ts: now_ms,
        facts,
    };
    kept.accepted.insert(code.to_owned(), acceptance);
    write(data_dir, &kept)
}

fn unknown(code: &str, kept: &Kept) -> String {
    let warnings = kept.last.iter();
    let warnings: Vec<_> = warnings
        .filter(|(_, last)| last.severity == Severity::Warning)
        .map(|(code, _)| code.as_str())
        .collect();
    let remedy = match nearest(code, warnings.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if warnings.is_empty() => "it had no warnings".to_owned(),
        None => format!("its warnings are {}", warnings.join(", ")),
    };
    format!("the last check has no warning {code}: {remedy}")
}

fn read(data_dir: &Path) -> Result<Kept> {
    let path = data_dir.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(Error::file(path)(error)),
    };
    serde_json::from_slice(&text).map_err(|error| {
        Error::Config(format!(
            "{} can't be read ({error}): remove it, then check and accept again",
            path.display()
        ))
    })
}

fn write(data_dir: &Path, kept: &Kept) -> Result<()> {
    private_dir(data_dir).map_err(Error::file(data_dir))?;
    let path = data_dir.join(FILE);
    let text = serde_json::to_vec_pretty(kept).unwrap_or_default();
    write_private(&path, &text).map_err(Error::file(&path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::migration::check::{Check, What};

    fn round(rooms: &[&str]) -> Round {
        let mut found = vec![Check::from(What::Clocks), Check::from(What::FederationOff)];
        found.extend(Check::about(What::RoomsUnreadable, rooms));
        found.push(What::KeysAskedElsewhere.into());
        Round(found)
    }

    fn refused(dir: &Path, code: &str) -> String {
        let error = add(dir, code, "@anna:x", 1).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn only_a_warning_of_the_last_check_is_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let first = refused(dir, "rooms-unreadable");
        keep(dir, round(&["!a:x"])).unwrap();
        let lines = [
            first,
            refused(dir, "federation-off"),
            refused(dir, "clocks"),
            refused(dir, "rooms-unreadble"),
            refused(dir, "x"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        nothing has been checked yet: run `check` first
        federation-off is an error, and errors can't be accepted: do what its sentence says, then `check` again
        clocks is good as it is: only warnings are accepted
        the last check has no warning rooms-unreadble: did you mean rooms-unreadable?
        the last check has no warning x: its warnings are keys-asked-elsewhere, rooms-unreadable
        ");
        keep(dir, Round(vec![What::Clocks.into()])).unwrap();
        insta::assert_snapshot!(refused(dir, "x"), @"the last check has no warning x: it had no warnings");
    }

    #[test]
    fn an_acceptance_is_kept_until_there_is_more() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let open = |rooms: &[&str]| {
            let round = keep(dir, round(rooms)).unwrap();
            let open = round.0.iter().filter(|check| !check.is_accepted());
            open.map(Check::code).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            open(&["!a:x"]),
            "clocks federation-off rooms-unreadable keys-asked-elsewhere"
        );
        add(dir, "rooms-unreadable", "@anna:x", 5).unwrap();
        add(dir, "keys-asked-elsewhere", "the shell", 6).unwrap();
        assert_eq!(open(&["!a:x"]), "clocks federation-off");
        assert_eq!(
            open(&["!a:x", "!b:x"]),
            "clocks federation-off rooms-unreadable"
        );
        let path = dir.join(FILE);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("@anna:x") && !text.contains("!a:x"));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{").unwrap();
        let error = keep(dir.path(), Round::default()).unwrap_err().to_string();
        insta::assert_snapshot!(error.replace(&dir.path().display().to_string(), "DIR"), @"DIR/check.json can't be read (EOF while parsing an object at line 1 column 1): remove it, then check and accept again");
    }
}

//! What a check before the move has found: plain data that `report` renders.

mod what;

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::planner::Left;
pub use what::{Needs, What, Whose};

use crate::hex::hex;

/// Hexadecimal digits of a fact's digest.
const DIGEST_LENGTH: usize = 16;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// The move works, but something is lost or different, or somebody should look: it can be accepted.
    Warning,
    /// The move can't work like this.
    Error,
}

/// Somebody's word that a warning is all right as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Who.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub ts: u64,
    /// Digests of what it was about.
    pub facts: Vec<String>,
}

/// A thing, whom it is about, and whether somebody has accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was seen.
    pub what: What,
    /// Users, rooms, files …: all of them.
    pub subjects: Vec<String>,
    /// A warning's last acceptance, whether it still holds or not.
    pub accepted: Option<Acceptance>,
}

impl From<What> for Check {
    fn from(what: What) -> Self {
        Self {
            what,
            subjects: Vec::new(),
            accepted: None,
        }
    }
}

impl Check {
    /// What is about subjects; nothing if there are none.
    pub fn about<T: ToString>(what: What, subjects: impl IntoIterator<Item = T>) -> Option<Self> {
        let subjects: Vec<_> = subjects
            .into_iter()
            .map(|subject| subject.to_string())
            .collect();
        (!subjects.is_empty()).then_some(Self {
            what,
            subjects,
            accepted: None,
        })
    }

    /// Its stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.what.kind().0
    }

    /// How it is, accepted or not.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.what.kind().1
    }

    /// Digests of everything that it says: one that an acceptance lacks is new.
    #[must_use]
    pub fn digests(&self) -> Vec<String> {
        let mut facts = self.what.facts();
        facts.extend(self.subjects.iter().map(|subject| format!("\0{subject}")));
        let mut digests: Vec<_> = facts
            .iter()
            .map(|fact| {
                let mut digest = hex(&Sha256::digest(format!("{}\0{fact}", self.code())));
                digest.truncate(DIGEST_LENGTH);
                digest
            })
            .collect();
        digests.sort();
        digests
    }

    /// Whether it is a warning that was accepted and has not become worse since.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.severity() == Severity::Warning
            && self.accepted.as_ref().is_some_and(|acceptance| {
                let digests = self.digests();
                digests
                    .iter()
                    .all(|digest| acceptance.facts.contains(digest))
            })
    }
}

/// Everything that was looked at, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round(pub Vec<Check>);

impl Round {
    /// The worst that is not accepted.
    #[must_use]
    pub fn worst(&self) -> Severity {
        let open = self.0.iter().filter(|check| !check.is_accepted());
        open.map(Check::severity).max().unwrap_or(Severity::Good)
    }
}

/// Whom an operator's own account is expected of: the runbook lets them make it first.
#[must_use]
pub fn without_operators<'a>(
    users: impl Iterator<Item = &'a OwnedUserId>,
    operators: &[OwnedUserId],
) -> Vec<&'a OwnedUserId> {
    users.filter(|user| !operators.contains(user)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(ids: &[&str]) -> Check {
        Check::about(What::RoomsLeft(Left::NobodyJoined), ids).unwrap()
    }

    fn accept(check: &mut Check, then: &Check) {
        check.accepted = Some(Acceptance {
            by: "@anna:x".to_owned(),
            ts: 1,
            facts: then.digests(),
        });
    }

    #[test]
    fn an_acceptance_holds_until_there_is_more() {
        let then = rooms(&["!a:x", "!b:x"]);
        let after = |ids: &[&str]| {
            let mut now = rooms(ids);
            accept(&mut now, &then);
            now.is_accepted()
        };
        assert!(after(&["!b:x", "!a:x"]) && after(&["!b:x"]));
        assert!(!after(&["!a:x", "!c:x"]) && !after(&["!a:x", "!b:x", "!c:x"]));
        assert!(!then.is_accepted());
    }

    #[test]
    fn a_number_may_grow_until_it_has_doubled() {
        let clock = |ahead| {
            Check::from(What::Clock {
                whose: Whose::Target,
                ahead,
            })
        };
        let after = |ahead| {
            let mut now = clock(ahead);
            accept(&mut now, &clock(40));
            now.is_accepted()
        };
        assert!(after(40) && after(31) && after(63));
        assert!(!after(64) && !after(-40));
    }

    #[test]
    fn an_error_is_never_accepted() {
        let mut full = Check::from(What::DiskFull {
            free: 1,
            dir: "data".into(),
        });
        let then = full.clone();
        accept(&mut full, &then);
        assert!(!full.is_accepted());
        let mut warning = rooms(&["!a:x"]);
        assert_eq!(Round(vec![warning.clone()]).worst(), Severity::Warning);
        let then = warning.clone();
        accept(&mut warning, &then);
        assert_eq!(Round(vec![warning.clone()]).worst(), Severity::Good);
        assert_eq!(Round(vec![warning, full]).worst(), Severity::Error);
    }
}

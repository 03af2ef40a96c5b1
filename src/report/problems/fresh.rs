//! Problems as they come, by cause: each cause is told once, however often it comes; in bounded memory.

use indexmap::IndexMap;

use super::groups::masked;
use crate::{
    job::Problem,
    report::{
        technical::one_line,
        text::{code, escape, number_of},
    },
};

/// Causes that are kept apart.
const CAUSES: usize = 64;

/// Causes of one message.
const FEW: usize = 8;

/// What came so far.
#[derive(Debug, Default)]
pub struct Fresh {
    causes: IndexMap<(String, String), Cause>,
    /// Of other causes, since there were too many.
    others: u64,
    /// Whether somebody was told of those.
    others_told: bool,
    /// The next cause that nobody was told of.
    untold: usize,
}

#[derive(Debug)]
struct Cause {
    first: Problem,
    count: u64,
}

impl Fresh {
    /// Another one.
    pub fn add(&mut self, problem: &Problem) {
        let key = (problem.step.clone(), masked(&problem.reason));
        if let Some(cause) = self.causes.get_mut(&key) {
            cause.count += 1;
        } else if self.causes.len() < CAUSES {
            let first = problem.clone();
            self.causes.insert(key, Cause { first, count: 1 });
        } else {
            self.others += 1;
        }
    }

    /// Whether there is a cause that nobody was told of.
    #[must_use]
    pub fn any(&self) -> bool {
        self.untold < self.causes.len() || (self.others > 0 && !self.others_told)
    }

    /// Causes that nobody was told of, a line each; they count as told then.
    pub fn told(&mut self) -> String {
        let new: Vec<_> = self.causes.iter().skip(self.untold).take(FEW).collect();
        self.untold += new.len();
        let mut lines: Vec<_> = new
            .into_iter()
            .map(|((step, reason), Cause { first, count })| {
                let times = match count {
                    1 => String::new(),
                    count => format!("{} × ", number_of(*count)),
                };
                format!(
                    "⚠ {times}{}: {} ({}: {})",
                    escape(step),
                    one_line(reason),
                    code(&first.reference()),
                    code(&first.subject)
                )
            })
            .collect();
        if self.others > 0 && !std::mem::replace(&mut self.others_told, true) {
            lines.push(
                "⚠ more failures, of many more kinds: the report at the end has each of them"
                    .to_owned(),
            );
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(step: &str, subject: &str, reason: &str) -> Problem {
        Problem {
            step: step.to_owned(),
            subject: subject.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let mut fresh = Fresh::default();
        for number in 0..10_000 {
            let room = format!("!r{number}:ferry.test");
            fresh.add(&problem("room", &room, &format!("{room} is gone")));
        }
        fresh.add(&problem("alias", "#a:ferry.test", "it is taken"));
        insta::assert_snapshot!(fresh.told(), @r"
        ⚠ 10,000 × room: … is gone (`c474852e`: `!r0:ferry.test`)
        ⚠ alias: it is taken (`ff308fba`: `#a:ferry.test`)
        ");
        fresh.add(&problem("room", "!x:ferry.test", "!x:ferry.test is gone"));
        assert!(!fresh.any());
        assert_eq!(fresh.told(), "");
    }

    #[test]
    fn causes_without_number_are_bounded() {
        let mut fresh = Fresh::default();
        for number in 0..100_000 {
            fresh.add(&problem(
                "room",
                "!a:ferry.test",
                &format!("cause {number}"),
            ));
        }
        assert_eq!(
            (fresh.causes.len(), fresh.others),
            (CAUSES, 100_000 - CAUSES as u64)
        );
        let mut messages = Vec::new();
        while fresh.any() {
            messages.push(fresh.told());
        }
        assert_eq!(messages.len(), CAUSES / FEW);
        assert!(
            messages[0].contains("more failures, of many more kinds"),
            "{}",
            messages[0]
        );
    }
}

//! `doctor`.

use std::fmt::Write;

use super::text::{count, escape, len, sentence};
use crate::migration::outcome::{Finding, Health};

/// The headline, then one line per finding.
#[must_use]
pub fn markdown(findings: &[Finding]) -> String {
    let number = |state: Health| len(&of(findings, state));
    let mut text = match (number(Health::Bad), number(Health::Warning)) {
        (0, 0) => "**All is sound.**".to_owned(),
        (0, warnings) => format!(
            "**It works, with {}.**",
            count(warnings, "warning", "warnings")
        ),
        (bad, _) => format!("**{} to mend first.**", count(bad, "thing", "things")),
    };
    text.push_str("\n\n");
    for state in [Health::Bad, Health::Warning, Health::Good] {
        for finding in of(findings, state) {
            let mark = match state {
                Health::Good => "✓",
                Health::Warning => "⚠",
                Health::Bad => "✗",
            };
            let _infallible = writeln!(
                text,
                "- {mark} {}: {}",
                escape(&finding.check),
                sentence(&finding.text)
            );
        }
    }
    text
}

/// Nothing is bad; a warning does not count.
#[must_use]
pub fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != Health::Bad)
}

fn of(findings: &[Finding], state: Health) -> Vec<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.state == state)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: &str, state: Health, text: &str) -> Finding {
        Finding {
            check: check.into(),
            state,
            text: text.into(),
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let findings = [
            finding("target", Health::Good, "Tuwunel 1.9.0 answers"),
            finding(
                "admin",
                Health::Bad,
                "@ferryman:ferry.test is no admin: send `!admin users make-user-admin`",
            ),
            finding("synapse", Health::Warning, "the clocks differ by 4 s"),
        ];
        assert!(!is_good(&findings));
        insta::assert_snapshot!(markdown(&findings), @r"
        **1 thing to mend first.**

        - ✗ admin: @ferryman:ferry.test is no admin: send `!admin users make-user-admin`
        - ⚠ synapse: the clocks differ by 4 s
        - ✓ target: Tuwunel 1.9.0 answers
        ");
        insta::assert_snapshot!(markdown(&findings[..1]), @r"
        **All is sound.**

        - ✓ target: Tuwunel 1.9.0 answers
        ");
    }
}

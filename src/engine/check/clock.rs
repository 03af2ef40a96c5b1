//! The servers' clocks against this machine's: messages of the control room are judged by their age, and joins have
//! today's date.

use super::{Found, source::Source, target::Reached};
use crate::migration::check::{What, Whose};

/// Smaller differences are of no matter, in milliseconds.
const LEEWAY_MS: u64 = 30_000;

pub(super) fn look(source: &Source, target: Option<&Reached>, found: &mut Found) {
    let dates = [
        (Whose::Source, source.date),
        (Whose::Target, target.and_then(|target| target.date)),
    ];
    let differing: Vec<_> = dates
        .into_iter()
        .filter_map(|(whose, date)| Some(clock(whose, date?)))
        .collect();
    if !differing.is_empty() && differing.iter().all(Option::is_none) {
        found.add(What::Clocks);
    }
    for what in differing.into_iter().flatten() {
        found.add(what);
    }
}

fn clock(whose: Whose, (theirs, ours): (u64, u64)) -> Option<What> {
    let seconds = i64::try_from(theirs.abs_diff(ours) / 1_000).unwrap_or(i64::MAX);
    (theirs.abs_diff(ours) > LEEWAY_MS).then_some(What::Clock {
        whose,
        ahead: if theirs > ours { seconds } else { -seconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_is_no_difference() {
        let ahead = |theirs, ours| match clock(Whose::Source, (theirs, ours)) {
            Some(What::Clock { ahead, .. }) => Some(ahead),
            _ => None,
        };
        assert_eq!(ahead(100_000, 130_000), None);
        assert_eq!(ahead(130_000, 100_000), None);
        assert_eq!(ahead(130_001, 100_000), Some(30));
        assert_eq!(ahead(100_000, 161_000), Some(-61));
    }
}

//! Round numbers along an axis, and where a value lies on it.

use crate::report::text::number_of;

/// From 0 to the first round number that isn't below `max`, in equal steps of 1, 2 or 5 times a power of ten; at most
/// `most` steps (2 or more), at least one.
pub(super) fn ticks(max: u64, most: u64) -> Vec<u64> {
    let mut step: u64 = 1;
    for factor in [2, 5, 10].into_iter().cycle() {
        if max.div_ceil(step) <= most {
            break;
        }
        // 1, 2, 5, 10, 20, …
        step = match factor {
            5 => step / 2 * 5,
            _ => step.saturating_mul(2),
        };
    }
    (0..=max.div_ceil(step).max(1))
        .map(|number| number.saturating_mul(step))
        .collect()
}

/// `12.34`: the hundredth part of `of` that `part` is.
pub(super) fn percent(part: u64, of: u64) -> String {
    let share = (u128::from(part) * 10_000)
        .checked_div(u128::from(of))
        .unwrap_or_default()
        .min(10_000);
    format!("{}.{:02}", share / 100, share % 100)
}

/// `8,000`, `20 k`, `5 M`: a round number in few characters.
pub(super) fn short(number: u64) -> String {
    match number {
        0..10_000 => number_of(number),
        10_000..1_000_000 => format!("{} k", number / 1_000),
        1_000_000..1_000_000_000 => format!("{} M", number / 1_000_000),
        _ => format!("{} G", number / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!(ticks(0, 4), [0, 1]);
        assert_eq!(ticks(1, 4), [0, 1]);
        assert_eq!(ticks(4, 4), [0, 1, 2, 3, 4]);
        assert_eq!(ticks(5, 4), [0, 2, 4, 6]);
        assert_eq!(ticks(99, 4), [0, 50, 100]);
        assert_eq!(ticks(12_345, 4), [0, 5_000, 10_000, 15_000]);
        assert_eq!(percent(1, 3), "33.33");
        assert_eq!(percent(5, 0), "0.00");
        assert_eq!(short(9_000), "9,000");
        assert_eq!(short(20_000), "20 k");
        assert_eq!(short(5_000_000), "5 M");
    }

    proptest! {
        #[test]
        fn an_axis_holds_its_value(max: u64, most in 2_u64..9) {
            let ticks = ticks(max, most);
            prop_assert!(ticks.len() as u64 <= most + 1 && ticks.len() >= 2);
            prop_assert!(*ticks.last().unwrap() >= max);
        }
    }
}

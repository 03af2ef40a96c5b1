//! The axis of time: round numbers of a unit that suits its length.

/// Ticks, and what they count.
#[derive(Debug, PartialEq)]
pub(super) struct Axis {
    /// Milliseconds of the whole width: at least one second.
    pub(super) span_ms: u64,
    /// From the start, with what stands below.
    pub(super) ticks: Vec<(u64, String)>,
    /// Below them.
    pub(super) title: String,
}

/// Spaces between ticks at most.
const SPACES: u64 = 6;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Milliseconds between two ticks.
const STEPS: [u64; 22] = [
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
];

/// For a run of so many milliseconds.
pub(super) fn axis(elapsed_ms: u64) -> Axis {
    let span_ms = elapsed_ms.max(SECOND);
    let fitting = STEPS.iter().find(|step| span_ms / **step <= SPACES);
    let step = fitting
        .copied()
        .unwrap_or_else(|| (span_ms / SPACES / DAY + 1) * DAY);
    let (unit, name) = match span_ms {
        0..=120_000 => (SECOND, "seconds"),
        120_001..=7_200_000 => (MINUTE, "minutes"),
        7_200_001..=259_200_000 => (HOUR, "hours"),
        _ => (DAY, "days"),
    };
    let ticks = (0..=span_ms / step)
        .map(|number| number * step)
        .map(|ms| (ms, label(ms, unit)))
        .collect();
    Axis {
        span_ms,
        ticks,
        title: format!("time since the start, in {name}"),
    }
}

/// With one digit behind the point where it is needed.
fn label(ms: u64, unit: u64) -> String {
    match (ms / unit, ms % unit * 10 / unit) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ms: u64) -> String {
        let axis = axis(ms);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        format!("{} ({})", labels.join(" "), axis.title)
    }

    #[test]
    fn numbers_are_round_at_any_length() {
        let all = [
            0,
            900,
            1_300,
            45_000,
            150_000,
            1_500_000,
            4_000_000,
            36_000_000,
            400_000_000,
            9_000_000_000,
        ];
        let lines: Vec<_> = all.into_iter().map(said).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        0 0.2 0.4 0.6 0.8 1 (time since the start, in seconds)
        0 0.2 0.4 0.6 0.8 1 (time since the start, in seconds)
        0 0.2 0.4 0.6 0.8 1 1.2 (time since the start, in seconds)
        0 10 20 30 40 (time since the start, in seconds)
        0 0.5 1 1.5 2 2.5 (time since the start, in minutes)
        0 5 10 15 20 25 (time since the start, in minutes)
        0 10 20 30 40 50 60 (time since the start, in minutes)
        0 2 4 6 8 10 (time since the start, in hours)
        0 1 2 3 4 (time since the start, in days)
        0 18 36 54 72 90 (time since the start, in days)
        ");
    }
}

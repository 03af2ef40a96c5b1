//! Where a timeline begins of which only the end is wanted.

use crate::model::wanted::History;

/// Events that are read together when a timeline is read from its end.
pub const STRETCH: u64 = 1000;

/// Looks for the first wanted event of a timeline that passes by from its end. `P` is an event's place.
#[derive(Debug)]
pub struct Cut<P> {
    wanted: u64,
    since_ms: Option<u64>,
    seen: u64,
    stretch_has_some: bool,
    first: Option<P>,
    done: bool,
}

impl<P> Cut<P> {
    /// For a timeline; `None` if all of it is wanted, so that nothing needs to be looked for.
    #[must_use]
    pub fn of(history: History) -> Option<Self> {
        let (wanted, since_ms) = match history {
            History::All => return None,
            History::Last(count) => (count, None),
            History::None => (0, None),
            History::Since { .. } => (u64::MAX, Some(history.since_ms().unwrap_or_default())),
        };
        Some(Self {
            wanted,
            since_ms,
            seen: 0,
            stretch_has_some: false,
            first: None,
            done: wanted == 0,
        })
    }

    /// The next event, from the end; false when no earlier one is wanted.
    pub fn pass(&mut self, place: P, origin_server_ts: u64) -> bool {
        if self.done {
            return false;
        }
        self.seen += 1;
        if self.since_ms.is_none_or(|since| origin_server_ts >= since) {
            self.first = Some(place);
            self.stretch_has_some = true;
        }
        if self.seen.is_multiple_of(STRETCH) && !std::mem::take(&mut self.stretch_has_some) {
            self.done = true;
        }
        self.done |= self.seen == self.wanted;
        !self.done
    }

    /// The first wanted event, or `None` if there is none.
    #[must_use]
    pub fn first(self) -> Option<P> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of the first wanted event of a timeline with these times, and how many were looked at.
    fn cut(history: &str, times: &[u64]) -> (Option<usize>, usize) {
        let mut cut = Cut::of(history.parse().unwrap()).unwrap();
        let mut looked_at = 0;
        for (place, time) in times.iter().enumerate().rev() {
            looked_at += 1;
            if !cut.pass(place, *time) {
                break;
            }
        }
        (cut.first(), looked_at)
    }

    const DAY: u64 = 24 * 60 * 60 * 1000;

    #[test]
    fn the_last_so_many() {
        assert!(Cut::<u8>::of(History::All).is_none());
        assert_eq!(cut("3", &[1, 2, 3, 4, 5]), (Some(2), 3));
        assert_eq!(cut("9", &[1, 2]), (Some(0), 2));
        assert_eq!(cut("none", &[1, 2]).0, None);
    }

    #[test]
    fn since_a_day() {
        // A single late event of that day counts, and what comes after it, too.
        assert_eq!(
            cut("since:1970-01-03", &[DAY, 2 * DAY, DAY, 3 * DAY]).0,
            Some(1)
        );
        assert_eq!(cut("since:1970-01-03", &[DAY, DAY]).0, None);
        // A stretch without any ends the search.
        let mut times = vec![2 * DAY; 10];
        times.extend(vec![DAY; 1500]);
        times.extend(vec![2 * DAY; 700]);
        assert_eq!(cut("since:1970-01-03", &times).0, Some(1510));
        let mut times = vec![DAY; 10];
        times.push(2 * DAY);
        times.extend(vec![DAY; 1999]);
        assert_eq!(cut("since:1970-01-03", &times), (None, 1000));
    }
}

//! A curve of a bounded number of points: when there are too many, every second one goes.

/// So many are kept at most: more than a chart has pixels to show.
const MOST: usize = 240;

/// How far a stage was at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// When.
    pub ms: u64,
    /// Units done.
    pub done: u64,
    /// What could not be done so far.
    pub failed: u64,
}

/// The curve.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    all: Vec<Point>,
    /// Points that are nearer to each other than this are one.
    gap_ms: u64,
}

impl Points {
    pub(super) fn all(&self) -> &[Point] {
        &self.all
    }

    /// A point that is later than all others; close to the last it takes its place.
    pub(super) fn add(&mut self, point: Point) {
        let before = self.all.iter().rev().nth(1).copied();
        match (self.all.last_mut(), before) {
            // The first point stays, for the curve begins there.
            (Some(last), Some(before))
                if last.ms == point.ms || last.ms.saturating_sub(before.ms) < self.gap_ms =>
            {
                *last = point;
            }
            _ => self.all.push(point),
        }
        if self.all.len() > MOST {
            let newest = self.all.len() - 1;
            let mut place = 0;
            self.all.retain(|_| {
                let stays = place % 2 == 0 || place == newest;
                place += 1;
                stays
            });
            let span = match (self.all.first(), self.all.last()) {
                (Some(first), Some(last)) => last.ms.saturating_sub(first.ms),
                _ => 0,
            };
            self.gap_ms = (span * 2 / MOST as u64).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_curve_is_bounded_and_keeps_its_ends(steps in proptest::collection::vec((0_u64..5_000, 0_u64..9), 1..2_000)) {
            let mut points = Points::default();
            let mut last = Point::default();
            let mut first = None;
            for (ms, done) in steps {
                last.ms += ms;
                last.done += done;
                first.get_or_insert(last);
                points.add(last);
            }
            let all = points.all();
            prop_assert!(all.len() <= MOST);
            prop_assert_eq!(all.last(), Some(&last));
            prop_assert_eq!(all.first().map(|it| it.ms), first.map(|it| it.ms));
            prop_assert!(all.windows(2).all(|two| two[0].ms <= two[1].ms && two[0].done <= two[1].done));
        }
    }

    #[test]
    fn ten_hours_keep_their_shape() {
        let mut points = Points::default();
        for second in 0..36_000 {
            points.add(Point {
                ms: second * 1_000,
                done: second * 10,
                failed: 0,
            });
        }
        let all = points.all();
        assert!(all.len() > MOST / 4, "{}", all.len());
        let widest = all
            .windows(2)
            .map(|two| two[1].ms - two[0].ms)
            .max()
            .unwrap();
        assert!(widest <= 36_000_000 / 40, "{widest}");
    }
}

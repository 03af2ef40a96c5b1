//! One stage's row as shapes: the area of what is worked through, and the bars of what failed.

use crate::report::course::{Leg, Point};

/// Pixels from one bar of failures to the next.
const BAR: f64 = 10.0;

/// So many are on an axis.
const BARS: u64 = 98;

/// What a stage is never narrower than.
const NARROWEST: f64 = 5.0;

/// Where a row's drawing is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The left end, where time begins.
    pub(super) left: f64,
    /// Of the whole axis.
    pub(super) width: f64,
    /// The row's top.
    pub(super) top: f64,
    /// From there downwards.
    pub(super) height: f64,
    /// When the run began.
    pub(super) began_ms: u64,
    /// Milliseconds of the whole width.
    pub(super) span_ms: u64,
}

/// Failures that came in the time of one bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    /// Its left end.
    pub(super) x: f64,
    /// How many.
    pub(super) failed: u64,
}

impl Place {
    /// Where a moment is.
    pub(super) fn x(&self, ms: u64) -> f64 {
        let part = float(ms.saturating_sub(self.began_ms)) / float(self.span_ms.max(1));
        self.left + part.min(1.0) * self.width
    }

    /// The area as the `d` of a path: from the row's bottom up to how far the stage was.
    pub(super) fn area(&self, leg: &Leg, until_ms: u64) -> String {
        let most = leg.total.max(leg.done).max(1);
        let bottom = self.top + self.height;
        let y = |done: u64| bottom - float(done) / float(most) * self.height;
        let end = self.left + self.width;
        let from = self.x(leg.began_ms).min(end - NARROWEST);
        let to = self
            .x(leg.ended_ms.unwrap_or(until_ms))
            .max(from + NARROWEST);
        let mut path = format!("M{from:.1} {bottom:.1}");
        let mut last = 0;
        for Point { ms, done, .. } in leg.points() {
            let x = self.x(*ms).clamp(from, to);
            path.push_str(&format!("L{x:.1} {:.1}", y(*done)));
            last = *done;
        }
        path.push_str(&format!("L{to:.1} {:.1}L{to:.1} {bottom:.1}Z", y(last)));
        path
    }

    /// The bars, from left to right. What came between two points is spread over the time between them.
    pub(super) fn bars(&self, leg: &Leg) -> Vec<Bar> {
        let mut bars: Vec<Bar> = Vec::new();
        let mut before = (self.place(leg.began_ms), 0);
        for point in leg.points() {
            let failed = point.failed.saturating_sub(before.1);
            let (from, to) = (before.0, self.place(point.ms));
            before = (to, point.failed);
            let places = (to - from).max(1).min(failed);
            for number in 0..places {
                // The last of them is at the point itself.
                let at = to - (places - 1 - number);
                let share = failed * (number + 1) / places - failed * number / places;
                let x = self.left + float(at) * BAR;
                match bars.last_mut() {
                    Some(bar) if (bar.x - x).abs() < 1.0 => bar.failed += share,
                    _ => bars.push(Bar { x, failed: share }),
                }
            }
        }
        bars
    }

    /// The number of the bar at a moment.
    fn place(&self, ms: u64) -> u64 {
        ms.saturating_sub(self.began_ms)
            .saturating_mul(BARS)
            .checked_div(self.span_ms)
            .unwrap_or(0)
            .min(BARS - 1)
    }
}

/// More than four billions are as good as that.
pub(super) fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A bar's width, without the space beside it.
pub(super) const BAR_WIDTH: f64 = BAR - 2.0;

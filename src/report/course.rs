//! A run's course: what each of its stages did over time, folded from its events, in bounded memory.

mod points;

use super::progress::stage_name;
use crate::{
    job::{Event, Phase},
    migration::forecast::Worked,
};
pub use points::Point;
use points::Points;

/// Stretches of waiting that are kept; later ones lengthen the last.
const PAUSES: usize = 64;

/// What a run has done until now.
#[derive(Debug, Clone)]
pub struct Course {
    /// What was ordered.
    pub job: String,
    /// When it began, in milliseconds since the Unix epoch, as all times here.
    pub began_ms: u64,
    /// When it told something last, or ended.
    pub until_ms: u64,
    /// In the order in which they began.
    pub legs: Vec<Leg>,
    /// When it waited, from and to.
    pub pauses: Vec<(u64, u64)>,
    /// What could not be done, in all.
    pub failed: u64,
    /// Since when it waits.
    waits: Option<u64>,
    events: u64,
}

/// One stage.
#[derive(Debug, Clone)]
pub struct Leg {
    /// Which.
    pub phase: Phase,
    /// When it began.
    pub began_ms: u64,
    /// When the next one began, or the run ended.
    pub ended_ms: Option<u64>,
    /// 0 if it isn't known.
    pub total: u64,
    /// Units that are done, those of earlier runs included.
    pub done: u64,
    /// What could not be done meanwhile.
    pub failed: u64,
    /// For how much of the time it waited.
    pub paused_ms: u64,
    /// Units that earlier runs had done.
    from: u64,
    /// Units that this run has carried, where it tells.
    carried: Option<u64>,
    /// Events that went through in this run.
    events: Option<(u64, u64)>,
    /// Bytes of media that went through in this run.
    bytes: u64,
    points: Points,
}

impl Course {
    /// A run that begins now.
    #[must_use]
    pub fn new(job: &str, now_ms: u64) -> Self {
        Self {
            job: job.to_owned(),
            began_ms: now_ms,
            until_ms: now_ms,
            legs: Vec::new(),
            pauses: Vec::new(),
            failed: 0,
            waits: None,
            events: 0,
        }
    }

    /// The run told something. The stage that this ended, if it did.
    pub fn apply(&mut self, event: &Event, now_ms: u64) -> Option<&Leg> {
        self.until_ms = now_ms.max(self.until_ms);
        match event {
            Event::Phase { phase, total } => return self.phase(*phase, *total, now_ms),
            Event::Done { phase, done } => {
                if let Some(leg) = self.legs.iter_mut().find(|leg| leg.phase == *phase) {
                    leg.count(*done, now_ms);
                }
            }
            Event::Events(events) => {
                self.events = *events;
                if let Some(leg) = self.legs.last_mut() {
                    leg.events = Some((leg.events.map_or(*events, |(from, _)| from), *events));
                }
            }
            Event::Carried(carried) => {
                if let Some(leg) = self.legs.last_mut() {
                    leg.carried = Some(*carried);
                }
            }
            Event::Bytes { done, .. } => {
                if let Some(leg) = self.legs.last_mut() {
                    leg.bytes = *done;
                }
            }
            Event::Problem(_) => {
                self.failed += 1;
                if let Some(leg) = self.legs.last_mut() {
                    leg.failed += 1;
                    leg.point(now_ms);
                }
            }
            Event::Paused(waits) => self.pause(*waits, now_ms),
            Event::Expected(_) | Event::Room(_) | Event::RoomLeft(_) | Event::Lag(_) => {}
        }
        None
    }

    /// The run is over. Its last stage, if it had any.
    pub fn end(&mut self, now_ms: u64) -> Option<&Leg> {
        self.until_ms = now_ms.max(self.until_ms);
        self.pause(false, now_ms);
        self.leave(now_ms);
        self.legs.last()
    }

    /// Milliseconds from its begin until now.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.until_ms.saturating_sub(self.began_ms)
    }

    fn phase(&mut self, phase: Phase, total: u64, now_ms: u64) -> Option<&Leg> {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.phase == phase) {
            leg.total = total;
            return None;
        }
        self.leave(now_ms);
        self.legs.push(Leg::new(phase, total, now_ms));
        let ended = self.legs.len().checked_sub(2)?;
        self.legs.get(ended)
    }

    /// The curve has a corner where the run begins to wait, and where it goes on.
    fn point(&mut self, now_ms: u64) {
        if let Some(leg) = self.legs.last_mut().filter(|leg| leg.ended_ms.is_none()) {
            leg.point(now_ms);
        }
    }

    fn leave(&mut self, now_ms: u64) {
        if let Some(leg) = self.legs.last_mut()
            && leg.ended_ms.is_none()
        {
            leg.point(now_ms);
            leg.ended_ms = Some(now_ms);
        }
    }

    /// Each of several rooms waits and tells so.
    fn pause(&mut self, waits: bool, now_ms: u64) {
        match (waits, self.waits) {
            (true, None) => {
                self.waits = Some(now_ms);
                self.point(now_ms);
            }
            (false, Some(since)) => {
                self.waits = None;
                self.point(now_ms);
                if let Some(leg) = self.legs.last_mut() {
                    leg.paused_ms += now_ms.saturating_sub(since.max(leg.began_ms));
                }
                let is_full = self.pauses.len() >= PAUSES;
                match self.pauses.last_mut() {
                    Some((_, to)) if is_full => *to = now_ms,
                    _ => self.pauses.push((since, now_ms)),
                }
            }
            _ => {}
        }
    }
}

impl Leg {
    fn new(phase: Phase, total: u64, now_ms: u64) -> Self {
        Self {
            phase,
            began_ms: now_ms,
            ended_ms: None,
            total,
            done: 0,
            failed: 0,
            paused_ms: 0,
            from: 0,
            carried: None,
            events: None,
            bytes: 0,
            points: Points::default(),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        stage_name(self.phase)
    }

    /// Milliseconds from its begin to its end, or to `until_ms`.
    #[must_use]
    pub fn elapsed_ms(&self, until_ms: u64) -> u64 {
        self.ended_ms
            .unwrap_or(until_ms)
            .saturating_sub(self.began_ms)
    }

    /// How far it was when, oldest first.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        self.points.all()
    }

    /// What it did in this run.
    #[must_use]
    pub fn worked(&self) -> Worked {
        let ended = self.ended_ms.unwrap_or(self.began_ms);
        Worked {
            units: self
                .carried
                .unwrap_or_else(|| self.done.saturating_sub(self.from)),
            events: self.events.map_or(0, |(from, to)| to.saturating_sub(from)),
            bytes: self.bytes,
            ms: self.elapsed_ms(ended).saturating_sub(self.paused_ms),
        }
    }

    fn count(&mut self, done: u64, now_ms: u64) {
        // What a resumed run finds done says nothing about its speed.
        if self.done == 0 && done > 1 && self.points.all().is_empty() {
            self.from = done;
        }
        self.done = done;
        self.point(now_ms);
    }

    fn point(&mut self, now_ms: u64) {
        self.points.add(Point {
            ms: now_ms,
            done: self.done,
            failed: self.failed,
        });
    }
}

#[cfg(test)]
mod tests;

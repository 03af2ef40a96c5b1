//! A running job, folded from its events: stage, how far, how fast, until when.

mod bytes;
mod counts;
mod hand;
mod lag;
mod rate;
mod stage;

use std::fmt::Write;

use super::{
    technical::one_line,
    text::{about, code, count, duration, escape, number_of, per_time},
};
use crate::job::{Event, Lag, Phase, Problem};
use bytes::Bytes;
pub use counts::Counts;
use hand::Hand;
use rate::Rate;
pub(super) use stage::name as stage_name;

/// What is known of a running job.
#[derive(Debug, Clone)]
pub struct Progress {
    job: String,
    started_ms: u64,
    stage: Option<Stage>,
    events: u64,
    hand: Hand,
    lag: Option<Lag>,
    problems: u64,
    last_problem: Option<Problem>,
    paused: bool,
}

/// The current phase.
#[derive(Debug, Clone)]
struct Stage {
    phase: Phase,
    /// 0 if it isn't known.
    total: u64,
    done: u64,
    rate: Rate,
    /// All events that the phase works through, if it said so.
    events_expected: Option<u64>,
    /// From the first count on: a resumed job begins with what earlier ones did.
    events: Option<Rate>,
    bytes: Option<Bytes>,
}

impl Progress {
    /// A job that begins now.
    #[must_use]
    pub fn new(job: &str, now_ms: u64) -> Self {
        Self {
            job: job.to_owned(),
            started_ms: now_ms,
            stage: None,
            events: 0,
            hand: Hand::default(),
            lag: None,
            problems: 0,
            last_problem: None,
            paused: false,
        }
    }

    /// The job told something.
    pub fn apply(&mut self, event: Event, now_ms: u64) {
        match event {
            Event::Phase { phase, total } => match &mut self.stage {
                Some(stage) if stage.phase == phase => stage.total = total,
                _ => {
                    self.stage = Some(Stage::new(phase, total, now_ms));
                    self.hand = Hand::default();
                    self.lag = None;
                    // Those of the sync before say nothing about what comes alone.
                    if phase == Phase::Follow {
                        self.events = 0;
                    }
                }
            },
            Event::Done { phase, done } => {
                if let Some(stage) = &mut self.stage
                    && stage.phase == phase
                {
                    stage.count(done, now_ms);
                }
            }
            Event::Expected(events) => {
                if let Some(stage) = &mut self.stage {
                    stage.events_expected = Some(events);
                }
            }
            Event::Events(events) => {
                self.events = events;
                if let Some(stage) = &mut self.stage {
                    stage
                        .events
                        .get_or_insert_with(|| Rate::begin(events, now_ms))
                        .count(events, now_ms);
                }
            }
            Event::Bytes { done, total } => {
                if let Some(stage) = &mut self.stage {
                    stage
                        .bytes
                        .get_or_insert_with(|| Bytes::begin(done, total, now_ms))
                        .count(done, now_ms);
                }
            }
            Event::Carried(_) => {}
            Event::Lag(lag) => self.lag = Some(lag),
            Event::Room(room) => self.hand.take(room, now_ms),
            Event::RoomLeft(room) => self.hand.leave(&room),
            Event::Paused(paused) => self.paused = paused,
            Event::Problem(problem) => {
                self.problems += 1;
                self.last_problem = Some(problem);
            }
        }
    }

    /// The job's name.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// How much of the stage is done, of how much; nothing where that isn't known. Rooms are of very different size, so
    /// events count where they are known.
    #[must_use]
    pub fn part(&self) -> Option<(u64, u64)> {
        let stage = self.stage.as_ref()?;
        let (done, total) = match stage.events_expected {
            Some(expected) if expected > 0 => (self.events, expected),
            _ => (stage.done, stage.total),
        };
        (total > 0).then_some((done.min(total), total))
    }

    /// For the room: what, how far, how fast, until when.
    #[must_use]
    pub fn markdown(&self, now_ms: u64) -> String {
        let mut facts = vec![format!(
            "running for {}",
            duration(now_ms.saturating_sub(self.started_ms))
        )];
        facts.extend(self.pace(now_ms));
        if let Some(left) = self.left_ms(now_ms) {
            facts.push(format!("{} left in this step", about(left)));
        }
        let mut text = format!("**{}**: {}\n", self.job, self.step());
        if let Some((done, total)) = self.part() {
            let _infallible = writeln!(text, "{}", code(&bar(done, total)));
        }
        let _infallible = writeln!(text, "{}", facts.join(", "));
        let rooms = self.hand.markdown(now_ms);
        if !rooms.is_empty() {
            let _infallible = write!(text, "\n{rooms}");
        }
        if let Some(problem) = &self.last_problem {
            let _infallible = writeln!(
                text,
                "\n{} so far; the last: {}: {}: {}",
                count(self.problems, "failure", "failures"),
                escape(&problem.step),
                code(&problem.subject),
                one_line(&problem.reason)
            );
        }
        text
    }

    /// For the terminal, in one line.
    #[must_use]
    pub fn line(&self, now_ms: u64) -> String {
        format!("{}: {}", self.job, self.facts(now_ms))
    }

    /// The line without the job's name, to stand beside a bar.
    #[must_use]
    pub fn facts(&self, now_ms: u64) -> String {
        let mut facts = vec![self.step()];
        facts.extend(self.pace(now_ms));
        facts.extend(
            self.left_ms(now_ms)
                .map(|left| format!("{} left", about(left))),
        );
        if self.problems > 0 {
            facts.push(count(self.problems, "failure", "failures"));
        }
        facts.join(", ")
    }

    /// The stage and how far it is.
    fn step(&self) -> String {
        let Some(stage) = &self.stage else {
            return "starting".to_owned();
        };
        let name = stage::name(stage.phase);
        let percent = match stage.events_expected {
            // Then the events have it.
            Some(_) => String::new(),
            None => self
                .percent()
                .map_or_else(String::new, |it| format!(" ({it})")),
        };
        match (stage.done, stage.total) {
            (0, 0) => name.to_owned(),
            (done, 0) if stage.phase == Phase::Follow => {
                format!("{name}, {} so far", count(done, "event", "events"))
            }
            (done, 0) => format!("{name}, {} so far", number_of(done)),
            (done, total) => format!(
                "{name}, {} of {}{percent}",
                number_of(done),
                number_of(total.max(done))
            ),
        }
    }

    fn percent(&self) -> Option<String> {
        let (done, total) = self.part()?;
        let percent = (u128::from(done) * 100).checked_div(u128::from(total))?;
        Some(format!("{percent} %"))
    }

    /// How fast: events if there are any, else whatever the stage counts; or since when nothing moves.
    fn pace(&self, now_ms: u64) -> Vec<String> {
        if self.paused {
            return vec!["paused".to_owned()];
        }
        if let Some(lag) = &self.lag {
            return lag::facts(*lag);
        }
        let Some(stage) = &self.stage else {
            return Vec::new();
        };
        let still = stage.still_ms(now_ms);
        let rate = still
            .is_none()
            .then(|| stage.events_rate(self.events, now_ms));
        let rate = rate.flatten().map(per_time);
        let mut facts = Vec::new();
        if self.events > 0 {
            let of = match stage.events_expected {
                Some(all) if all >= self.events => {
                    format!(
                        "{} of {}",
                        number_of(self.events),
                        count(all, "event", "events")
                    )
                }
                _ => count(self.events, "event", "events"),
            };
            let percent = stage.events_expected.and_then(|_| self.percent());
            let more: Vec<String> = percent.into_iter().chain(rate.clone()).collect();
            facts.push(if more.is_empty() {
                of
            } else {
                format!("{of} ({})", more.join(", "))
            });
        }
        if let Some(bytes) = &stage.bytes {
            facts.push(bytes.fact(now_ms));
        }
        if let Some(still) = still {
            facts.push(format!("nothing has moved for {}", duration(still)));
        } else if rate.is_none() && !stage.is_done() {
            facts.extend(stage.rate.per_second(now_ms).map(per_time));
        }
        facts
    }

    fn left_ms(&self, now_ms: u64) -> Option<u64> {
        let stage = self.stage.as_ref()?;
        if self.paused || stage.still_ms(now_ms).is_some() {
            return None;
        }
        let by_events = || {
            stage
                .events
                .as_ref()?
                .left_ms(stage.events_expected?, now_ms)
        };
        let by_bytes = || stage.bytes.as_ref()?.left_ms(now_ms);
        // Files of a kilobyte take as long as the command; the large ones, as long as their bytes.
        let by_files = || stage.rate.left_ms(stage.total, now_ms);
        if stage.bytes.is_some() {
            return by_bytes().max(by_files());
        }
        by_events().or_else(|| stage.rate.left_ms(stage.total, now_ms))
    }
}

impl Stage {
    fn new(phase: Phase, total: u64, now_ms: u64) -> Self {
        Self {
            phase,
            total,
            done: 0,
            rate: Rate::begin(0, now_ms),
            events_expected: None,
            events: None,
            bytes: None,
        }
    }

    fn count(&mut self, done: u64, now_ms: u64) {
        // What a resumed job finds done already says nothing about its speed.
        if self.done == 0 && done > 1 {
            self.rate = Rate::begin(done, now_ms);
        }
        self.done = done;
        self.rate.count(done, now_ms);
    }

    fn is_done(&self) -> bool {
        self.total > 0 && self.done >= self.total
    }

    /// Events per second, unless all that were expected are through.
    fn events_rate(&self, events: u64, now_ms: u64) -> Option<f64> {
        if self.events_expected.is_some_and(|all| events >= all) {
            return None;
        }
        self.events.as_ref()?.per_second(now_ms)
    }

    /// For how long neither the stage nor an event has moved, if that is unusual.
    fn still_ms(&self, now_ms: u64) -> Option<u64> {
        // Where nobody says anything, nothing comes.
        if self.is_done() || self.phase == Phase::Follow {
            return None;
        }
        let stage = self.rate.still_ms(now_ms)?;
        match &self.events {
            Some(events) => Some(events.still_ms(now_ms)?.min(stage)),
            None => Some(stage),
        }
    }
}

/// So many signs make the bar: few enough for a telephone.
const BAR: u64 = 20;

/// `█████░░░░░`: full only where all is done.
fn bar(done: u64, total: u64) -> String {
    let full = u128::from(done) * u128::from(BAR) / u128::from(total.max(1));
    let full = usize::try_from(full.min(u128::from(BAR))).unwrap_or_default();
    let rest = usize::try_from(BAR).unwrap_or_default() - full;
    format!("{}{}", "█".repeat(full), "░".repeat(rest))
}

#[cfg(test)]
mod tests;

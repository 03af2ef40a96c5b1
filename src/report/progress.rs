//! A running job, folded from its events.

use std::fmt::Write;

use super::text::{code, count, duration, escape, number_of, sentence};
use crate::job::{Event, Phase, Problem};

/// Before this, any remaining time would be a guess.
const GUESSING_MS: u64 = 8_000;

/// What is known of a running job.
#[derive(Debug, Clone)]
pub struct Progress {
    job: String,
    started_ms: u64,
    phase: Option<Stretch>,
    events: u64,
    problems: u64,
    last_problem: Option<Problem>,
}

/// The current phase.
#[derive(Debug, Clone)]
struct Stretch {
    phase: Phase,
    total: u64,
    done: u64,
    began_ms: u64,
    /// The first count and its time: a resumed job begins with what earlier ones did.
    counted_from: Option<(u64, u64)>,
    done_before: u64,
}

impl Progress {
    /// A job that begins now.
    #[must_use]
    pub fn new(job: &str, now_ms: u64) -> Self {
        Self {
            job: job.to_owned(),
            started_ms: now_ms,
            phase: None,
            events: 0,
            problems: 0,
            last_problem: None,
        }
    }

    /// The job told something.
    pub fn apply(&mut self, event: Event, now_ms: u64) {
        match event {
            Event::Phase { phase, total } => match &mut self.phase {
                Some(stretch) if stretch.phase == phase => stretch.total = total,
                _ => {
                    self.phase = Some(Stretch {
                        phase,
                        total,
                        done: 0,
                        began_ms: now_ms,
                        counted_from: None,
                        done_before: 0,
                    });
                }
            },
            Event::Done { phase, done } => {
                if let Some(stretch) = &mut self.phase
                    && stretch.phase == phase
                {
                    // What a resumed job finds done already says nothing about its speed.
                    if stretch.done == 0 && done > 1 {
                        stretch.done_before = done;
                        stretch.began_ms = now_ms;
                    }
                    stretch.done = done;
                }
            }
            Event::Events(events) => {
                self.events = events;
                if let Some(stretch) = &mut self.phase {
                    stretch.counted_from.get_or_insert((events, now_ms));
                }
            }
            Event::Problem(problem) => {
                self.problems += 1;
                self.last_problem = Some(problem);
            }
        }
    }

    /// For the room: what, how far, how fast, until when.
    #[must_use]
    pub fn markdown(&self, now_ms: u64) -> String {
        let mut text = format!("**{}**: {}\n", self.job, self.step());
        let mut facts = vec![format!(
            "running for {}",
            duration(now_ms.saturating_sub(self.started_ms))
        )];
        if self.events > 0 {
            let rate = self.rate(now_ms).map_or_else(String::new, |rate| {
                format!(" ({} per second)", number_of(rate))
            });
            facts.push(format!("{}{rate}", count(self.events, "event", "events")));
        }
        if let Some(left) = self.left_ms(now_ms) {
            facts.push(format!("about {} left in this step", duration(left)));
        }
        let _infallible = writeln!(text, "{}", facts.join(", "));
        if let Some(problem) = &self.last_problem {
            let _infallible = writeln!(
                text,
                "\n{} so far; the last: {}: {}: {}",
                count(self.problems, "problem", "problems"),
                escape(&problem.step),
                code(&problem.subject),
                sentence(&problem.reason)
            );
        }
        text
    }

    /// For the terminal, in one line.
    #[must_use]
    pub fn line(&self, now_ms: u64) -> String {
        let left = self.left_ms(now_ms).map_or_else(String::new, |left| {
            format!(", about {} left", duration(left))
        });
        let events = match self.events {
            0 => String::new(),
            events => format!(", {}", count(events, "event", "events")),
        };
        let problems = match self.problems {
            0 => String::new(),
            problems => format!(", {}", count(problems, "problem", "problems")),
        };
        format!("{}: {}{events}{left}{problems}", self.job, self.step())
    }

    fn step(&self) -> String {
        self.phase.as_ref().map_or_else(
            || "starting".to_owned(),
            |stretch| {
                format!(
                    "{} {} of {}",
                    words(stretch.phase),
                    number_of(stretch.done),
                    number_of(stretch.total)
                )
            },
        )
    }

    fn rate(&self, now_ms: u64) -> Option<u64> {
        let (before, since_ms) = self.phase.as_ref()?.counted_from?;
        (self.events.saturating_sub(before) * 1000)
            .checked_div(now_ms.saturating_sub(since_ms))
            .filter(|rate| *rate > 0)
    }

    fn left_ms(&self, now_ms: u64) -> Option<u64> {
        let stretch = self.phase.as_ref()?;
        let elapsed = now_ms.saturating_sub(stretch.began_ms);
        let done = stretch.done.saturating_sub(stretch.done_before);
        if elapsed < GUESSING_MS || done == 0 {
            return None;
        }
        elapsed
            .saturating_mul(stretch.total.saturating_sub(stretch.done))
            .checked_div(done)
            .filter(|left| *left > 0)
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::ExportUsers => "reading accounts,",
        Phase::ExportKeyBackups => "reading key backups,",
        Phase::ExportMedia => "reading media,",
        Phase::ExportServerKeys => "reading server keys,",
        Phase::ExportRooms => "reading rooms,",
        Phase::ExportPack => "packing the bundle,",
        Phase::Accounts => "accounts,",
        Phase::Profiles => "names and pictures,",
        Phase::Rooms => "rooms,",
        Phase::Aliases => "aliases,",
        Phase::VerifyUsers => "comparing accounts,",
        Phase::VerifyRooms => "comparing rooms,",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_start_to_a_problem() {
        let mut progress = Progress::new("import", 0);
        insta::assert_snapshot!(progress.markdown(500), @r"
        **import**: starting
        running for 0.5 s
        ");
        progress.apply(
            Event::Phase {
                phase: Phase::Rooms,
                total: 40,
            },
            1_000,
        );
        progress.apply(
            Event::Done {
                phase: Phase::Rooms,
                done: 1,
            },
            5_000,
        );
        progress.apply(
            Event::Done {
                phase: Phase::Rooms,
                done: 10,
            },
            10_000,
        );
        progress.apply(Event::Events(200), 1_000);
        progress.apply(Event::Events(1_200), 10_000);
        progress.apply(
            Event::Problem(Problem {
                step: "event".into(),
                subject: "$e".into(),
                reason: "refused".into(),
            }),
            11_000,
        );
        insta::assert_snapshot!(progress.markdown(11_000), @r"
        **import**: rooms, 10 of 40
        running for 11 s, 1,200 events (100 per second), about 30 s left in this step

        1 problem so far; the last: event: `$e`: refused
        ");
        insta::assert_snapshot!(progress.line(11_000), @"import: rooms, 10 of 40, 1,200 events, about 30 s left, 1 problem");
    }

    #[test]
    fn a_resumed_job_is_not_faster_than_it_is() {
        let mut progress = Progress::new("import", 0);
        progress.apply(
            Event::Phase {
                phase: Phase::Rooms,
                total: 100,
            },
            0,
        );
        progress.apply(
            Event::Done {
                phase: Phase::Rooms,
                done: 50,
            },
            1_000,
        );
        progress.apply(
            Event::Done {
                phase: Phase::Rooms,
                done: 60,
            },
            11_000,
        );
        insta::assert_snapshot!(progress.line(11_000), @"import: rooms, 60 of 100, about 40 s left");
    }

    #[test]
    fn nothing_to_do_divides_by_nothing() {
        let mut progress = Progress::new("verify", 0);
        progress.apply(
            Event::Phase {
                phase: Phase::VerifyUsers,
                total: 0,
            },
            0,
        );
        progress.apply(
            Event::Done {
                phase: Phase::VerifyUsers,
                done: 0,
            },
            0,
        );
        insta::assert_snapshot!(progress.line(0), @"verify: comparing accounts, 0 of 0");
    }
}

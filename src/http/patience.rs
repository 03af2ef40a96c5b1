//! How often a request is tried, and how long it waits in between: longest for a server that was there and went away.

use std::time::Duration;

use crate::error::Class;

/// Tries of a request while its server is away: pauses of somewhat more than a minute, enough for a restart.
const TRIES_WHILE_AWAY: u32 = 12;
/// The longest pause that a client takes of its own accord.
const LONGEST_OWN_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause that a server can impose.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest first pause where a server was never there: five tries take little more than a second, so that `doctor`
/// has looked for two such servers within two.
const BRIEF_PAUSE: Duration = Duration::from_millis(80);

/// How a client goes on after passing faults. The pauses are given, so that a test need not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries of one request, the first one included.
    pub tries: u32,
    /// The pause before the second try; each further one is twice as long.
    pub pause: Duration,
    /// Whether it waits longer for a server that answered before and does not any more: it is being restarted. One that
    /// never answered is never waited for: its address is wrong.
    pub waits: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_millis(400),
            waits: true,
        }
    }
}

/// The tries of one request so far.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Patience,
    /// The most of all tries together.
    limit: u32,
    /// Those that the server answered, or should have.
    faults: u32,
    /// Those for which it was not there.
    absences: u32,
    /// Those that the server put off.
    waits: u32,
}

impl Tries {
    pub(super) fn new(patience: Patience, limit: u32) -> Self {
        Self {
            patience,
            limit,
            faults: 0,
            absences: 0,
            waits: 0,
        }
    }

    /// Whether that was all the patience with a server that is away.
    pub(super) fn have_waited(&self) -> bool {
        self.absences >= TRIES_WHILE_AWAY
    }

    /// After one more failure: the pause before the next try, or `None` if that was the last one. `was_there` says
    /// whether the server ever answered.
    pub(super) fn pause(
        &mut self,
        class: Class,
        absent: bool,
        was_there: bool,
    ) -> Option<Duration> {
        let Patience {
            tries,
            pause,
            waits,
        } = self.patience;
        let (count, tries, pause) = match class {
            Class::Operator | Class::Never => return None,
            Class::Retry if absent => {
                self.absences += 1;
                if waits && was_there {
                    (
                        self.absences,
                        TRIES_WHILE_AWAY,
                        doubled(pause, self.absences),
                    )
                } else {
                    let pause = doubled(pause.min(BRIEF_PAUSE), self.absences);
                    (self.absences, tries, pause)
                }
            }
            Class::Retry => {
                self.faults += 1;
                (self.faults, tries, doubled(pause, self.faults))
            }
            // Nothing was done: whoever may try once only has not tried yet.
            Class::RetryAfter(asked) => {
                self.waits += 1;
                return (self.waits < tries).then_some(asked.min(LONGEST_PAUSE));
            }
        };
        let goes_on = count < tries && self.faults + self.absences < self.limit;
        goes_on.then_some(pause)
    }
}

/// The pause after so many failures.
fn doubled(first: Duration, failures: u32) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(failures - 1))
        .min(LONGEST_OWN_PAUSE)
}

#[cfg(test)]
mod tests;

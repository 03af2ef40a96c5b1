//! What a job tells beside its progress: in its thread, and where a long stage has ended.

use std::fmt::Write;

use super::{
    course::Leg,
    problems::Fresh,
    progress::stage_name,
    text::{count, duration, number_of, per_time},
};
use crate::job::Phase;

/// One message of the thread: stages that have ended, and problems of a kind that is new. Nothing if there is neither.
#[must_use]
pub fn news(ended: &[Leg], fresh: &mut Fresh) -> Option<String> {
    let mut text = String::new();
    for leg in ended {
        let _infallible = writeln!(text, "{}", line(leg));
    }
    let problems = fresh.told();
    if !text.is_empty() && !problems.is_empty() {
        text.push('\n');
    }
    text.push_str(&problems);
    (!text.is_empty()).then_some(text)
}

/// Where a long stage has ended, for everybody in the room.
#[must_use]
pub fn stage(job: &str, leg: &Leg, next: Option<Phase>) -> String {
    let next = next.map_or_else(String::new, |next| {
        format!(" Next step: {}.", stage_name(next))
    });
    format!("**{job}**: {}.{next}", facts(leg))
}

fn line(leg: &Leg) -> String {
    let sign = if leg.failed == 0 { "✓" } else { "⚠" };
    format!("{sign} {}", facts(leg))
}

/// `rooms: 38 of 39 in 4 min 2 s (9.5 per minute), 1 failure`.
fn facts(leg: &Leg) -> String {
    let worked = leg.worked();
    let time = duration(leg.elapsed_ms(leg.began_ms));
    let mut text = match (leg.done, leg.total) {
        (0, 0) => format!("**{}** in {time}", leg.name()),
        (done, total) if done >= total => {
            format!("**{}**: all {} in {time}", leg.name(), number_of(done))
        }
        (done, total) => format!(
            "**{}**: {} of {} in {time}",
            leg.name(),
            number_of(done),
            number_of(total)
        ),
    };
    if let Some(rate) = per_second(worked.units, worked.ms) {
        let _infallible = write!(text, " ({})", per_time(rate));
    }
    if leg.failed > 0 {
        let _infallible = write!(text, ", {}", count(leg.failed, "failure", "failures"));
    }
    text
}

/// Nothing where it would be a guess.
fn per_second(units: u64, ms: u64) -> Option<f64> {
    let units = u32::try_from(units).ok().filter(|units| *units > 1)?;
    let ms = u32::try_from(ms).ok().filter(|ms| *ms >= 1_000)?;
    Some(f64::from(units) * 1_000.0 / f64::from(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::{Event, Problem},
        report::course::Course,
    };

    #[test]
    fn stages_and_problems_are_told() {
        let mut course = Course::new("import", 0);
        let mut fresh = Fresh::default();
        assert_eq!(news(&[], &mut fresh), None);
        let phase = |phase, total| Event::Phase { phase, total };
        course.apply(&phase(Phase::Accounts, 20), 0);
        for done in 1..=20 {
            let phase = Phase::Accounts;
            course.apply(&Event::Done { phase, done }, done * 100);
        }
        course.apply(&phase(Phase::Rooms, 39), 2_000);
        for number in 1..=3 {
            let problem = Problem {
                step: "room".into(),
                subject: format!("!r{number}:ferry.test"),
                reason: format!("the target refuses !r{number}:ferry.test: look at its log"),
            };
            fresh.add(&problem);
            course.apply(&Event::Problem(problem), 9_000);
        }
        for done in 1..=36 {
            let phase = Phase::Rooms;
            course.apply(&Event::Done { phase, done }, 2_000 + done * 6_000);
        }
        course.apply(&phase(Phase::Aliases, 0), 244_000);
        course.end(244_300);
        insta::assert_snapshot!(news(&course.legs, &mut fresh).unwrap(), @r"
        ✓ **accounts**: all 20 in 2.0 s (10 per second)
        ⚠ **rooms**: 36 of 39 in 4 min 2 s (9 per minute), 3 failures
        ✓ **aliases** in 0.3 s

        ⚠ 3 × room: the target refuses … look at its log (`650418ab`: `!r1:ferry.test`)
        ");
        assert_eq!(news(&[], &mut fresh), None, "told once");
        insta::assert_snapshot!(stage("import", &course.legs[1], Some(Phase::Aliases)), @"**import**: **rooms**: 36 of 39 in 4 min 2 s (9 per minute), 3 failures. Next step: aliases.");
        insta::assert_snapshot!(stage("import", &course.legs[2], None), @"**import**: **aliases** in 0.3 s.");
    }
}

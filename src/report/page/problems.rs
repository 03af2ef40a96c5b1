//! What could not be read: how much of what, and the first of them in full.

use maud::{Markup, html};

use super::other;
use crate::{
    job::Problem,
    model::figures::Problems,
    report::text::{count, number_of},
};

/// Problems that are shown at once; the others are folded.
const AT_ONCE: usize = 20;

/// The whole section.
pub(super) fn section(problems: &Problems) -> Markup {
    let (first, folded) = problems.first.split_at(problems.first.len().min(AT_ONCE));
    let unlisted = problems.all.saturating_sub(problems.first.len() as u64);
    html! {
        section aria-labelledby="problems" {
            h2 #problems { "Problems" }
            @if problems.all == 0 {
                p { "None: everything that was asked for could be read." }
            } @else {
                (steps(problems))
                (list(first))
                @if !folded.is_empty() {
                    details {
                        summary { (folded.len()) " more" }
                        (list(folded))
                    }
                }
                @if unlisted > 0 {
                    p.note { (count(unlisted, "other is", "others are")) " in problems.json of the bundle." }
                }
            }
        }
    }
}

/// The most frequent first.
fn steps(problems: &Problems) -> Markup {
    let mut steps: Vec<(&String, &u64)> = problems.by_step.each.iter().collect();
    steps.sort_by_key(|(step, number)| (std::cmp::Reverse(**number), *step));
    html! {
        ul.steps {
            @for (step, number) in steps {
                li { strong { (number_of(*number)) } " " (other(step)) }
            }
            @if problems.by_step.rest > 0 {
                li { strong { (number_of(problems.by_step.rest)) } " of other kinds" }
            }
        }
    }
}

fn list(problems: &[Problem]) -> Markup {
    html! {
        ul.problems {
            @for problem in problems {
                li {
                    span.step { (other(&problem.step)) }
                    " " code { (other(&problem.subject)) }
                    div.reason { (other(&problem.reason)) }
                }
            }
        }
    }
}

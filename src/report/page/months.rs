//! Events per month, or per year where months would be too many.

use maud::{Markup, html};

use super::{
    columns::{self, Column},
    table,
};
use crate::{
    model::figures::{Month, Months},
    report::text::{count, number_of},
};

/// More months than this are shown as years.
const MOST_MONTHS: usize = 72;

/// Columns that are labelled with their month; with more, each January is labelled with its year.
const FEW: usize = 18;

const NAMES: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The whole section; nothing without events. Events from after the export have a wrong date.
pub(super) fn section(months: &Months, exported_ts: u64) -> Markup {
    let now = Month::of(exported_ts);
    let is_past = |month: Month| now.is_none_or(|now| month <= now);
    let past: Vec<(Month, u64)> = months.each().filter(|(month, _)| is_past(*month)).collect();
    let future: u64 = months
        .each()
        .filter(|(month, _)| !is_past(*month))
        .map(|(_, events)| events)
        .sum();
    let misdated = months.undated + future;
    let (Some((first, _)), Some((last, _))) = (past.first(), past.last()) else {
        return html! { @if misdated > 0 { section { (note(misdated)) } } };
    };
    let every = filled(&past, *first, *last);
    let (unit, columns) = if every.len() > MOST_MONTHS {
        ("year", years(&every))
    } else {
        ("month", each_month(&every))
    };
    let all: u64 = columns.iter().map(|column| column.value).sum();
    let most = columns.iter().rev().max_by_key(|column| column.value);
    let title = format!(
        "Events per {unit} – {} from {} to {}{}",
        count(all, "event", "events"),
        named(*first),
        named(*last),
        most.map_or_else(String::new, |most| format!(
            "; most in {}: {}",
            most.name,
            number_of(most.value)
        ))
    );
    html! {
        section aria-labelledby="events" {
            h2 #events { "Events" }
            figure {
                figcaption { "Per " (unit) ", by the time that the sender’s server gave them (UTC)" }
                (columns::chart(&title, &columns))
                (table(
                    &[if unit == "year" { "Year" } else { "Month" }, "Events"],
                    columns.iter().map(|it| vec![it.name.clone(), number_of(it.value)]),
                ))
                @if misdated > 0 { (note(misdated)) }
            }
        }
    }
}

fn note(misdated: u64) -> Markup {
    html! {
        p.note {
            (count(misdated, "event is", "events are"))
            " not shown: the date is before 2014 or after the export."
        }
    }
}

fn named(month: Month) -> String {
    let name = usize::try_from(month.month - 1)
        .ok()
        .and_then(|at| NAMES.get(at))
        .unwrap_or(&"?");
    format!("{name} {}", month.year)
}

/// Also the months without events.
fn filled(past: &[(Month, u64)], first: Month, last: Month) -> Vec<(Month, u64)> {
    let mut with = past.iter().peekable();
    std::iter::successors(Some(first), |month| Some(month.next()))
        .take_while(|month| *month <= last)
        .map(|month| {
            let events = with.next_if(|(it, _)| *it == month);
            (month, events.map_or(0, |(_, events)| *events))
        })
        .collect()
}

fn each_month(every: &[(Month, u64)]) -> Vec<Column> {
    let few = every.len() <= FEW;
    // Every third month at most, so that four labels stand side by side on a phone.
    let apart = every.len().div_ceil(4).max(1);
    every
        .iter()
        .enumerate()
        .map(|(number, (month, events))| {
            let label = match month.month {
                _ if few => (number % apart == 0).then(|| named(*month)),
                1 => Some(month.year.to_string()),
                _ => None,
            };
            column(named(*month), label, *events)
        })
        .collect()
}

fn years(every: &[(Month, u64)]) -> Vec<Column> {
    let mut years: Vec<(i16, u64)> = Vec::new();
    for (month, events) in every {
        match years.last_mut() {
            Some((year, sum)) if *year == month.year => *sum += events,
            _ => years.push((month.year, *events)),
        }
    }
    let apart = years.len().div_ceil(6).max(1);
    years
        .iter()
        .enumerate()
        .map(|(number, (year, events))| {
            let label = number.is_multiple_of(apart).then(|| year.to_string());
            column(year.to_string(), label, *events)
        })
        .collect()
}

fn column(name: String, label: Option<String>, value: u64) -> Column {
    Column {
        name,
        label,
        value,
        text: count(value, "event", "events"),
    }
}

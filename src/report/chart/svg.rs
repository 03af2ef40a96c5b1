//! The whole image as SVG, in pixels: large enough letters for a telephone, which shows it at a third of its size.

use maud::{Markup, html};

use super::{
    axis::{Axis, axis},
    figures,
    row::{BAR_WIDTH, Bar, Place, float},
};
use crate::report::{
    course::{Course, Leg},
    text::{count, duration, number_of, time},
};

const WIDTH: f64 = 1_080.0;
const MARGIN: f64 = 50.0;
/// Above the first row.
const HEAD: f64 = 270.0;
/// From one row to the next.
const ROW: f64 = 152.0;
/// A row's words.
const WORDS: f64 = 50.0;
/// Its drawing.
const TRACK: f64 = 64.0;
/// The room for failures below it.
const HANGING: f64 = 24.0;
/// Below the last row.
const FOOT: f64 = 130.0;

const INK: &str = "#1a1a1a";
const FAINT: &str = "#595959";
const GRID: &str = "#c9ced4";
const EMPTY: &str = "#eef1f4";
const WAITED: &str = "#b8a9c9";
/// Blue and vermilion of the palette by Okabe and Ito.
const DONE: &str = "#0072b2";
const FAILED: &str = "#d55e00";

/// The image of a run with at least one stage.
pub(super) fn image(course: &Course) -> String {
    let axis = axis(course.elapsed_ms());
    let bottom = HEAD + ROW * float(course.legs.len() as u64);
    let height = bottom + FOOT;
    let rows: Vec<_> = course
        .legs
        .iter()
        .zip(0..)
        .map(|(leg, number)| (leg, place(course, &axis, number)))
        .collect();
    let tallest = rows
        .iter()
        .flat_map(|(leg, place)| place.bars(leg))
        .map(|bar| bar.failed)
        .max();
    let image = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(height) font-family="DejaVu Sans" fill=(INK) {
            rect width=(WIDTH) height=(height) fill="#ffffff" {}
            (head(course))
            @for (_, place) in &rows {
                rect x=(place.left) y=(place.top) width=(place.width) height=(place.height) fill=(EMPTY) {}
                @for (from, to) in &course.pauses {
                    rect x=(place.x(*from)) y=(place.top) width=((place.x(*to) - place.x(*from)).max(3.0)) height=(place.height) fill=(WAITED) {}
                }
            }
            @if let Some((_, place)) = rows.first() {
                (numbers(&axis, place, bottom))
            }
            @for (_, place) in &rows {
                (lines(&axis, place))
            }
            @for (leg, place) in &rows {
                (row(course, leg, place, tallest.unwrap_or(1)))
            }
        }
    };
    image.into_string()
}

fn place(course: &Course, axis: &Axis, number: u64) -> Place {
    Place {
        left: MARGIN,
        width: WIDTH - 2.0 * MARGIN,
        top: HEAD + ROW * float(number) + WORDS,
        height: TRACK,
        began_ms: course.began_ms,
        span_ms: axis.span_ms,
    }
}

/// Title, facts and legend.
fn head(course: &Course) -> Markup {
    let failures = match course.failed {
        0 => "no failures".to_owned(),
        failed => count(failed, "failure", "failures"),
    };
    let waited = !course.pauses.is_empty();
    html! {
        text x=(MARGIN) y="78" font-size="48" font-weight="bold" { (title(&course.job)) }
        text x=(MARGIN) y="132" font-size="34" fill=(FAINT) {
            (duration(course.elapsed_ms())) " from " (time(course.began_ms))
        }
        (key(MARGIN, DONE, "worked through (full height: all)"))
        @if course.failed > 0 {
            (key(MARGIN + 640.0, FAILED, &failures))
        } @else {
            text x=(MARGIN + 640.0) y="192" font-size="32" { (failures) }
        }
        @if waited {
            rect x=(MARGIN) y="216" width="30" height="30" fill=(WAITED) {}
            text x=(MARGIN + 42.0) y="242" font-size="32" { "paused" }
        }
    }
}

fn key(x: f64, colour: &str, words: &str) -> Markup {
    html! {
        rect x=(x) y="166" width="30" height="30" fill=(colour) {}
        text x=(x + 42.0) y="192" font-size="32" { (words) }
    }
}

fn title(job: &str) -> String {
    match job {
        "import" => "Import: what was carried".to_owned(),
        "export" => "Export: what was read".to_owned(),
        "verify" => "Verify: what was compared".to_owned(),
        other => other.to_owned(),
    }
}

/// Lines through a row.
fn lines(axis: &Axis, place: &Place) -> Markup {
    let bottom = place.top + place.height;
    html! {
        @for (ms, _) in &axis.ticks {
            @let x = place.x(place.began_ms + ms);
            line x1=(x) y1=(place.top) x2=(x) y2=(bottom) stroke=(GRID) stroke-width="2" {}
        }
    }
}

/// Numbers below all rows, and what they count.
fn numbers(axis: &Axis, first: &Place, bottom: f64) -> Markup {
    let end = first.left + first.width;
    html! {
        @for (ms, label) in &axis.ticks {
            @let x = first.x(first.began_ms + ms);
            text x=(x) y=(bottom + 30.0) font-size="30" fill=(FAINT) text-anchor=(anchor(x, first.left, end)) { (label) }
        }
        text x=((first.left + end) / 2.0) y=(bottom + 84.0) font-size="32" fill=(FAINT) text-anchor="middle" { (axis.title) }
    }
}

/// What stands at an end must not be cut off.
fn anchor(x: f64, left: f64, end: f64) -> &'static str {
    if x - left < 20.0 {
        "start"
    } else if end - x < 20.0 {
        "end"
    } else {
        "middle"
    }
}

fn row(course: &Course, leg: &Leg, place: &Place, tallest: u64) -> Markup {
    let words = place.top - 14.0;
    let bottom = place.top + place.height;
    html! {
        text x=(place.left) y=(words) font-size="32" font-weight="bold" { (leg.name()) }
        text x=(place.left + place.width) y=(words) font-size="30" text-anchor="end" {
            (figures(leg, course.until_ms))
            @if leg.failed > 0 {
                tspan fill=(FAILED) font-weight="bold" { ", " (number_of(leg.failed)) " failed" }
            }
        }
        path d=(place.area(leg, course.until_ms)) fill=(DONE) {}
        @for Bar { x, failed } in place.bars(leg) {
            @let height = (float(failed) / float(tallest.max(1)) * HANGING).max(8.0);
            rect x=(x) y=(bottom) width=(BAR_WIDTH) height=(height) fill=(FAILED) {}
        }
        line x1=(place.left) y1=(bottom) x2=(place.left + place.width) y2=(bottom) stroke=(FAINT) stroke-width="2" {}
    }
}

//! A chart of standing columns along time, with a value axis at its left.

use maud::{Markup, html};

use super::axis::{short, ticks};

/// Pixels of the plot's height; the highest round number of the axis is at its top.
const HEIGHT: u64 = 180;

/// Pixels above the plot, so that the highest number of the axis isn't cut.
const ABOVE: u64 = 8;

/// Pixels below the plot, for the labels.
const BELOW: u64 = 24;

/// The plot's width in hundredths of a percent.
const WHOLE: usize = 10_000;

/// One column.
pub(super) struct Column {
    /// When: shown when it is pointed at.
    pub(super) name: String,
    /// Below the axis, if it is one of the few that are written there.
    pub(super) label: Option<String>,
    /// Its height.
    pub(super) value: u64,
    /// The value in words.
    pub(super) text: String,
}

/// The chart; `title` says all that it shows in one sentence.
pub(super) fn chart(title: &str, columns: &[Column]) -> Markup {
    let ticks = ticks(columns.iter().map(|it| it.value).max().unwrap_or(0), 4);
    let top = ticks.last().copied().unwrap_or(1);
    // A single month is no wall.
    let slots = columns.len().max(1);
    let (slot, width) = (
        WHOLE / slots,
        (WHOLE * 78 / 100 / slots).min(WHOLE * 8 / 100),
    );
    let hundredths = |number: usize| format!("{}.{:02}%", number / 100, number % 100);
    let height = ABOVE + HEIGHT + BELOW;
    html! {
        div.columns {
            svg aria-hidden="true" width="100%" height=(height) {
                @for tick in &ticks {
                    text.tick x="100%" y=(ABOVE + HEIGHT - scaled(*tick, top) + 4) text-anchor="end" { (short(*tick)) }
                }
            }
            svg.chart role="img" width="100%" height=(height) {
                title { (title) }
                @for tick in &ticks {
                    @let y = ABOVE + HEIGHT - scaled(*tick, top);
                    line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                }
                @for (number, column) in columns.iter().enumerate() {
                    @let left = number * WHOLE / slots;
                    @let tall = scaled(column.value, top).max(u64::from(column.value > 0));
                    rect.bar x=(hundredths(left + (slot - width.min(slot)) / 2)) width=(hundredths(width))
                        y=(ABOVE + HEIGHT - tall) height=(tall) {
                        title { (column.name) ": " (column.text) }
                    }
                    @if let Some(label) = &column.label {
                        @let middle = left + slot / 2;
                        @let (x, anchor) = match middle {
                            0..800 => (left, "start"),
                            800..9_200 => (middle, "middle"),
                            _ => (left + slot, "end"),
                        };
                        line.grid x1=(hundredths(middle)) x2=(hundredths(middle))
                            y1=(ABOVE + HEIGHT) y2=(ABOVE + HEIGHT + 4) {}
                        text.tick x=(hundredths(x)) y=(ABOVE + HEIGHT + 17) text-anchor=(anchor) { (label) }
                    }
                }
            }
        }
    }
}

/// Pixels of a value.
fn scaled(value: u64, top: u64) -> u64 {
    let pixels = u128::from(value) * u128::from(HEIGHT) / u128::from(top.max(1));
    u64::try_from(pixels).unwrap_or(HEIGHT)
}

//! A chart of lying bars, one for each class: the label and the value stand above each bar, so that it is as wide as
//! the page, however narrow that is.

use maud::{Markup, html};

use super::axis::{percent, ticks};

/// Pixels from one bar to the next.
const ROW: usize = 40;

/// Pixels below the last bar, for the axis.
const AXIS: usize = 22;

/// One bar.
pub(super) struct Bar {
    /// The class.
    pub(super) label: String,
    /// Its length.
    pub(super) value: u64,
    /// The value in words.
    pub(super) text: String,
}

/// The chart; `title` says what it shows, `unit` writes a number of the axis.
pub(super) fn chart(title: &str, bars: &[Bar], unit: impl Fn(u64) -> String) -> Markup {
    let ticks = ticks(bars.iter().map(|bar| bar.value).max().unwrap_or(0), 4);
    let top = ticks.last().copied().unwrap_or(1);
    let bottom = bars.len() * ROW;
    let spoken: Vec<String> = bars
        .iter()
        .map(|bar| format!("{}: {}", bar.label, bar.text))
        .collect();
    html! {
        svg.chart role="img" width="100%" height=(bottom + AXIS) {
            title { (title) " – " (spoken.join("; ")) }
            @for (number, bar) in bars.iter().enumerate() {
                @let y = number * ROW;
                text.label x="0" y=(y + 14) { (bar.label) }
                text.value x="100%" y=(y + 14) text-anchor="end" { (bar.text) }
                rect.track x="0" y=(y + 21) width="100%" height="12" rx="2" {}
                @for tick in ticks.iter().skip(1).rev().skip(1) {
                    @let x = format!("{}%", percent(*tick, top));
                    line.grid x1=(x) x2=(x) y1=(y + 21) y2=(y + 33) {}
                }
                @if bar.value > 0 {
                    // Something is never drawn as nothing.
                    rect.least x="0" y=(y + 21) width="2" height="12" {}
                    rect.bar x="0" y=(y + 21) width=(format!("{}%", percent(bar.value, top))) height="12" rx="2" {}
                }
            }
            @for (number, tick) in ticks.iter().enumerate() {
                @let anchor = match number {
                    0 => "start",
                    _ if number + 1 == ticks.len() => "end",
                    _ => "middle",
                };
                text.tick x=(format!("{}%", percent(*tick, top))) y=(bottom + 12) text-anchor=(anchor) {
                    (unit(*tick))
                }
            }
        }
    }
}

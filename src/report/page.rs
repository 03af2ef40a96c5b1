//! `report.html` of a bundle: one page that needs nothing else, without scripts, for a phone, a desk and paper.

mod asked;
mod axis;
mod bars;
mod columns;
mod contents;
mod largest;
mod media;
mod months;
mod problems;
mod rooms;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::text::{count, time, visible};
use crate::{
    bundle::{Origin, SourceKind},
    model::figures::Figures,
};

/// Nothing is loaded and nothing runs, even if an escape were missing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page. It holds names of rooms, subjects of problems and numbers, and so no secret.
#[must_use]
pub fn page(origin: &Origin, figures: &Figures) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "Export of " (visible(origin.server_name.as_str())) }
                style { (PreEscaped(include_str!("page/style.css"))) }
            }
            body {
                (top(origin, figures))
                main {
                    (contents::section(origin, figures))
                    (rooms::section(&figures.rooms))
                    (months::section(&figures.months, origin.exported_ts))
                    (media::section(&figures.media))
                    (largest::section(&figures.rooms, origin.wanted.inventory))
                    (problems::section(&figures.problems))
                }
                footer {
                    p {
                        "Written by Ferryman " (env!("CARGO_PKG_VERSION")) " into the bundle that it describes. "
                        "It is as private as the bundle: it names rooms and people."
                    }
                }
            }
        }
    };
    page.into_string()
}

fn top(origin: &Origin, figures: &Figures) -> Markup {
    let how = match origin.source {
        SourceKind::AdminApi => "read through its Admin API",
        SourceKind::Database => "read from its database",
    };
    let problems = figures.problems.all;
    html! {
        header {
            p.kind { "Export of a homeserver" }
            h1 { (other(origin.server_name.as_str())) }
            p.origin {
                "Synapse"
                @if let Some(version) = &origin.synapse_version { " " (other(version)) }
                ", " (how) ", begun " (time(origin.exported_ts))
            }
            @if problems == 0 {
                p.state.good { "Everything that was asked for could be read." }
            } @else {
                p.state.bad {
                    a href="#problems" {
                        (count(problems, "thing could not be read", "things could not be read"))
                    }
                    "; the bundle has everything else."
                }
            }
        }
    }
}

/// Somebody else's text: it can't turn around or format what is beside it.
fn other(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

/// A table that says what a chart shows.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    html! {
        details {
            summary { "As a table" }
            table {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr { @for cell in row { td { (other(&cell)) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

//! Rooms by version and by number of members.

use maud::{Markup, html};

use super::{
    bars::{self, Bar},
    table,
};
use crate::{
    model::figures::{MEMBER_CLASSES, Rooms, Tally},
    report::text::{count, number_of, visible},
};

/// Versions that have a bar each.
const VERSIONS: usize = 12;

/// Characters of a version that somebody may have made up.
const LONGEST: usize = 24;

/// The whole section; nothing without rooms.
pub(super) fn section(rooms: &Rooms) -> Markup {
    if rooms.all == 0 {
        return html! {};
    }
    let (versions, members) = (versions(&rooms.by_version), members(rooms));
    html! {
        section aria-labelledby="rooms" {
            h2 #rooms { "Rooms" }
            div.pair {
                figure {
                    figcaption { "By room version" }
                    (bars::chart("Rooms by version", &versions, number_of))
                    (table(&["Version", "Rooms"], rows(&versions)))
                }
                figure {
                    figcaption { "By number of members, other servers’ included" }
                    (bars::chart("Rooms by number of members", &members, number_of))
                    (table(&["Members", "Rooms"], rows(&members)))
                }
            }
        }
    }
}

/// What the bars say, as rows of a table.
pub(super) fn rows(bars: &[Bar]) -> impl Iterator<Item = Vec<String>> {
    bars.iter()
        .map(|bar| vec![bar.label.clone(), bar.text.clone()])
}

fn bar(label: String, value: u64) -> Bar {
    Bar {
        label,
        value,
        text: number_of(value),
    }
}

/// The newest versions first, then names that are no numbers, then the rest.
fn versions(tally: &Tally) -> Vec<Bar> {
    let mut each: Vec<(&String, u64)> = tally.each.iter().map(|(name, n)| (name, *n)).collect();
    each.sort_by_key(|(name, _)| std::cmp::Reverse(name.parse::<u32>().ok()));
    let mut rest = tally.rest;
    let mut bars = Vec::new();
    for (name, number) in each {
        if bars.len() == VERSIONS {
            rest += number;
            continue;
        }
        bars.push(bar(version(name), number));
    }
    if rest > 0 {
        bars.push(bar("other versions".into(), rest));
    }
    bars
}

fn version(name: &str) -> String {
    let shown = visible(name);
    match shown.char_indices().nth(LONGEST) {
        _ if name.is_empty() => "unknown".into(),
        None => format!("version {shown}"),
        Some((end, _)) => format!("version {}…", shown.get(..end).unwrap_or_default()),
    }
}

fn members(rooms: &Rooms) -> Vec<Bar> {
    let mut from = 0;
    let mut bars = Vec::new();
    for (class, number) in rooms.by_members.iter().enumerate() {
        let label = match MEMBER_CLASSES.get(class) {
            Some(0) => "nobody".into(),
            Some(most) if *most == from => count(from, "member", "members"),
            Some(most) => format!("{} to {} members", number_of(from), number_of(*most)),
            None => format!("more than {} members", number_of(from.saturating_sub(1))),
        };
        bars.push(bar(label, *number));
        from = MEMBER_CLASSES.get(class).map_or(from, |most| most + 1);
    }
    bars
}

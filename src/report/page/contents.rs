//! The counts at the head of the page, what was asked for, and what else is in the bundle.

use maud::{Markup, html};

use super::{asked, other};
use crate::{
    bundle::Origin,
    model::figures::Figures,
    report::text::{number_of, size, visible},
};

/// One large number.
struct Tile {
    name: &'static str,
    value: String,
    /// What is special among them.
    more: Vec<String>,
}

/// The whole section.
pub(super) fn section(origin: &Origin, figures: &Figures) -> Markup {
    let inventory = origin.wanted.inventory;
    // Of an inventory, none means that nobody looked.
    let others = figures.others.iter();
    let others: Vec<_> = others
        .filter(|(_, number)| !inventory || **number > 0)
        .collect();
    html! {
        section aria-label="Counts" {
            div.tiles {
                @for tile in tiles(figures, inventory) {
                    div.tile {
                        p.name { (tile.name) }
                        p.total { (tile.value) }
                        @if !tile.more.is_empty() {
                            p.more { @for fact in tile.more { span { (fact) } " " } }
                        }
                    }
                }
            }
            div.pair {
                div.list {
                    h2 { "What was asked for" }
                    dl {
                        @for (name, value) in asked::list(&origin.wanted) {
                            div { dt { (name) } dd { (other(&value)) } }
                        }
                    }
                }
                @if !others.is_empty() {
                    div.list {
                        h2 { "Also in the bundle" }
                        dl {
                            @for (name, number) in others {
                                div { dt { (visible(&capital(name))) } dd { (number_of(*number)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Those of events and media are left out of an inventory, which has neither.
fn tiles(figures: &Figures, inventory: bool) -> Vec<Tile> {
    let (users, rooms) = (&figures.users, &figures.rooms);
    let mut tiles = vec![
        Tile {
            name: "Accounts",
            value: number_of(users.all),
            more: special(&[
                (users.admins, "admin", "admins"),
                (users.bridged, "of bridges", "of bridges"),
                (users.guests, "guest", "guests"),
                (users.blocked, "locked", "locked"),
                (users.deactivated, "closed", "closed"),
            ]),
        },
        Tile {
            name: "Rooms",
            value: number_of(rooms.all),
            more: special(&[
                (rooms.spaces, "space", "spaces"),
                (rooms.encrypted, "encrypted", "encrypted"),
                (rooms.public, "public", "public"),
                (rooms.replaced, "replaced", "replaced"),
            ]),
        },
    ];
    if inventory {
        return tiles;
    }
    tiles.extend([
        Tile {
            name: "Events",
            value: number_of(rooms.events),
            more: special(&[(
                rooms.incomplete,
                "room without its beginning",
                "rooms without their beginning",
            )]),
        },
        Tile {
            name: "Media files",
            value: number_of(figures.media.files),
            more: if figures.media.files == 0 {
                Vec::new()
            } else {
                vec![size(figures.media.bytes)]
            },
        },
    ]);
    tiles
}

/// `2 admins`, for each of which there is one.
fn special(numbers: &[(u64, &str, &str)]) -> Vec<String> {
    numbers
        .iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| crate::report::text::count(*number, one, many))
        .collect()
}

/// The name with a capital letter.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

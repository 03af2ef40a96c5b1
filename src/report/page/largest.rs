//! The largest rooms.

use maud::{Markup, html};

use super::other;
use crate::{
    model::figures::{LargeRoom, Rooms},
    report::text::{count, number_of, visible},
};

/// The whole section; nothing without rooms.
pub(super) fn section(rooms: &Rooms, inventory: bool) -> Markup {
    let list = &rooms.largest;
    if list.is_empty() {
        return html! {};
    }
    // An inventory has no events.
    let by = if inventory { "Members" } else { "Events" };
    html! {
        section aria-labelledby="largest" {
            h2 #largest { "Largest rooms" }
            @if (list.len() as u64) < rooms.all {
                p.note { "The " (list.len()) " with the most " (by.to_lowercase()) ", of " (number_of(rooms.all)) "." }
            }
            table.rooms {
                thead {
                    tr {
                        th scope="col" { "Room" }
                        th.number scope="col" { (by) }
                    }
                }
                tbody { @for room in list { (row(room, inventory)) } }
            }
        }
    }
}

fn row(room: &LargeRoom, inventory: bool) -> Markup {
    let number = if inventory { room.members } else { room.events };
    html! {
        tr {
            td {
                @match &room.name {
                    Some(name) => div.title { (other(name)) },
                    None => div.title.none { "without a name" },
                }
                div.id { (other(&room.room_id)) }
                div.facts { (facts(room).join(" · ")) }
            }
            td.number { (number_of(number)) }
        }
    }
}

fn facts(room: &LargeRoom) -> Vec<String> {
    let mut facts = vec![count(room.members, "member", "members")];
    if room.local_members < room.members {
        facts.push(format!("{} of this server", number_of(room.local_members)));
    }
    if let Some(version) = &room.version {
        facts.push(format!("version {}", visible(version)));
    }
    if room.space {
        facts.push("space".into());
    }
    if room.encrypted {
        facts.push("encrypted".into());
    }
    facts
}

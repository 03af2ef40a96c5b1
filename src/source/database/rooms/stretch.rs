//! Rooms that are read together: one query for all of them, and a bounded number of events in memory.

use super::list::Listed;
use crate::source::database::{Database, quote};

/// Events that are in memory at the same time. A room with more stands alone, and its timeline passes through.
const EVENTS: u64 = 4000;
/// Rooms whose facts are in memory at the same time.
const ROOMS: usize = 1000;

/// Splits the list into stretches whose rooms follow each other in the database, too.
pub(super) fn split(rooms: Vec<Listed>) -> Vec<Vec<Listed>> {
    let mut stretches: Vec<Vec<Listed>> = Vec::new();
    let mut events = 0;
    for room in rooms {
        events += room.events;
        match stretches.last_mut() {
            Some(last) if room.adjoins && events <= EVENTS && last.len() < ROOMS => last.push(room),
            _ => {
                events = room.events;
                stretches.push(vec![room]);
            }
        }
    }
    stretches
}

/// The condition that a column holds the ID of a room of the stretch.
pub(super) fn within(database: &Database, stretch: &[Listed], column: &str) -> String {
    match stretch {
        [first, .., last] => {
            let column = database.bytewise(column);
            format!(
                "{column} >= {} AND {column} <= {}",
                quote(first.id.as_str()),
                quote(last.id.as_str())
            )
        }
        [only] => format!("{column} = {}", quote(only.id.as_str())),
        [] => "1 = 0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_rooms_stand_alone_and_gaps_divide() {
        let rooms = [
            (10, true),
            (20, true),
            (5000, true),
            (30, true),
            (40, false),
            (3990, true),
        ]
        .into_iter()
        .enumerate()
        .map(|(number, (events, adjoins))| Listed {
            id: format!("!{number}:x").try_into().unwrap(),
            notes: crate::source::admin_api::ListedRoom::default(),
            events,
            adjoins,
        })
        .collect();
        let split: Vec<Vec<_>> = split(rooms)
            .iter()
            .map(|rooms| rooms.iter().map(|room| room.events).collect())
            .collect();
        assert_eq!(
            split,
            [vec![10, 20], vec![5000], vec![30], vec![40], vec![3990]]
        );
    }
}

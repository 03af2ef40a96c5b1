//! The rooms that are in hand, each with its own rate.

use std::fmt::Write;

use ruma::OwnedRoomId;

use super::Rate;
use crate::{
    job::RoomInHand,
    report::text::{escape, number_of, per_time},
};

/// So many are named; more are counted.
const NAMED: usize = 6;

/// One of them.
#[derive(Debug, Clone)]
struct Room {
    last: RoomInHand,
    rate: Rate,
}

/// All of them, in the order in which they were begun.
#[derive(Debug, Clone, Default)]
pub(super) struct Hand(Vec<Room>);

impl Hand {
    pub(super) fn take(&mut self, room: RoomInHand, now_ms: u64) {
        let known = self
            .0
            .iter_mut()
            .find(|known| known.last.room_id == room.room_id);
        match known {
            Some(known) => {
                known.rate.count(room.done, now_ms);
                known.last = room;
            }
            None => self.0.push(Room {
                rate: Rate::begin(room.done, now_ms),
                last: room,
            }),
        }
    }

    pub(super) fn leave(&mut self, room: &OwnedRoomId) {
        self.0.retain(|known| known.last.room_id != *room);
    }

    /// A line each, in Markdown.
    pub(super) fn markdown(&self, now_ms: u64) -> String {
        let mut text: String = self
            .0
            .iter()
            .take(NAMED)
            .map(|room| room.line(now_ms))
            .collect();
        if let Some(more) = self.0.len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _infallible = writeln!(text, "- and {more} more");
        }
        text
    }
}

impl Room {
    fn line(&self, now_ms: u64) -> String {
        let RoomInHand {
            name, done, total, ..
        } = &self.last;
        let name = escape(name);
        if done >= total {
            return format!(
                "- {name}: all {} events are sent, now it is read back\n",
                number_of(*total)
            );
        }
        let rate = self
            .rate
            .per_second(now_ms)
            .map_or_else(String::new, |rate| format!(", {}", per_time(rate)));
        format!(
            "- {name}: {} of {} events{rate}\n",
            number_of(*done),
            number_of(*total)
        )
    }
}

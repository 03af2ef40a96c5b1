//! What a bundle holds, in numbers: counted while it is written, rendered by its page.
//!
//! Memory is bounded, whatever the server holds: lists are cut, and texts that somebody else chose are cut and tallied
//! up to a limit of different ones.

mod largest;
mod media;
mod months;
mod tally;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{room::Room, user::User};
use crate::job::Problem;

pub use largest::{LARGEST, LargeRoom};
pub use media::{MEDIA_SIZES, Media, MediaClass};
pub use months::{Month, Months};
pub use tally::Tally;

/// Problems that are kept whole; all are counted.
pub const PROBLEMS_KEPT: usize = 200;

/// Characters of a text of somebody else that are kept.
const LONGEST_TEXT: usize = 500;

/// The upper ends of the classes of [`Rooms::by_members`]; a last class is above them.
pub const MEMBER_CLASSES: [u64; 6] = [0, 1, 2, 10, 100, 1_000];

/// The numbers of one bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Accounts.
    pub users: Users,
    /// Rooms.
    pub rooms: Rooms,
    /// Timeline events by month.
    pub months: Months,
    /// Media files.
    pub media: Media,
    /// What could not be read.
    pub problems: Problems,
    /// Everything else, by name in the plural: `devices`, `receipts`.
    pub others: BTreeMap<Cow<'static, str>, u64>,
}

/// Accounts, and how many of them are something special.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// All of them.
    pub all: u64,
    /// Closed for good.
    pub deactivated: u64,
    /// Server admins.
    pub admins: u64,
    /// Guests.
    pub guests: u64,
    /// Owned by an application service.
    pub bridged: u64,
    /// Locked or suspended.
    pub blocked: u64,
}

/// Rooms, and how many of them are something special.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// All of them.
    pub all: u64,
    /// Spaces.
    pub spaces: u64,
    /// Encrypted.
    pub encrypted: u64,
    /// Listed in the room directory.
    pub public: u64,
    /// With a tombstone.
    pub replaced: u64,
    /// Whose timeline doesn't reach back to the create event.
    pub incomplete: u64,
    /// Their timeline events in the bundle.
    pub events: u64,
    /// By room version; a room without one is under the empty text.
    pub by_version: Tally,
    /// By joined members, remote ones included: for each of [`MEMBER_CLASSES`], rooms with at most that many (and more
    /// than the class before); then those above.
    pub by_members: [u64; MEMBER_CLASSES.len() + 1],
    /// Those with the most events, the largest first.
    pub largest: Vec<LargeRoom>,
}

/// What could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems {
    /// All of them.
    pub all: u64,
    /// By what was being done.
    pub by_step: Tally,
    /// The first ones, at most [`PROBLEMS_KEPT`].
    pub first: Vec<Problem>,
}

impl Figures {
    /// Counts an account.
    pub fn user(&mut self, user: &User) {
        let users = &mut self.users;
        users.all += 1;
        users.deactivated += u64::from(user.deactivated);
        users.admins += u64::from(user.is_admin);
        users.guests += u64::from(user.is_guest);
        users.bridged += u64::from(user.appservice_id.is_some());
        users.blocked += u64::from(user.locked || user.suspended);
    }

    /// Counts a room, with its events; their months are told by [`Figures::event_ts`].
    pub fn room(&mut self, room: &Room) {
        let rooms = &mut self.rooms;
        rooms.all += 1;
        rooms.spaces += u64::from(room.room_type.as_deref() == Some("m.space"));
        rooms.encrypted += u64::from(room.encryption.is_some());
        rooms.public += u64::from(room.public == Some(true));
        rooms.replaced += u64::from(room.tombstone.is_some());
        rooms.incomplete += u64::from(!room.history_complete);
        rooms.events += room.event_count;
        rooms
            .by_version
            .add(room.version.as_ref().map_or("", |version| version.as_str()));
        let class = MEMBER_CLASSES.partition_point(|most| *most < room.joined_members);
        if let Some(rooms) = rooms.by_members.get_mut(class) {
            *rooms += 1;
        }
        largest::insert(&mut rooms.largest, room);
    }

    /// Counts a timeline event by its `origin_server_ts`, in milliseconds since the Unix epoch, as its sender's server
    /// has set it.
    pub fn event_ts(&mut self, ms: u64) {
        self.months.add(ms);
    }

    /// Counts a media file by its MIME type, as its uploader has set it, and its length in bytes.
    pub fn media(&mut self, media_type: &str, length: u64) {
        self.media.add(media_type, length);
    }

    /// Counts a problem, and keeps it if it is one of the first.
    pub fn problem(&mut self, problem: &Problem) {
        self.problems.all += 1;
        self.problems.by_step.add(&problem.step);
        if self.problems.first.len() < PROBLEMS_KEPT {
            self.problems.first.push(Problem {
                step: cut(&problem.step),
                subject: cut(&problem.subject),
                reason: cut(&problem.reason),
            });
        }
    }

    /// Counts so many more of something else; `name` is what the page calls them, in the plural.
    pub fn count(&mut self, name: &'static str, more: u64) {
        *self.others.entry(Cow::Borrowed(name)).or_default() += more;
    }
}

/// A text of somebody else, not longer than what is kept of it.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;

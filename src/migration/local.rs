//! Rooms that are made anew on the target, for their history can't travel: from their state and their members.
//!
//! Each room's creator makes it as a puppet. First all rooms are made, for they name each other; then each is filled:
//! what differs from the bundle is changed, until nothing does.

pub mod anew;
pub mod compare;
pub mod fill;
pub mod levels;
pub mod make;
pub mod messages;
pub mod planner;
pub mod there;
pub mod verify;
pub mod wanted;

/// In the create event of a room that was made anew: the ID that it had before. By it a room is found again whose making
/// could not be noted.
pub const MADE_FROM: &str = "org.ferryman.made_from";

/// How such a room is done, as the ledger keeps it.
pub const DONE: &str = "made anew";

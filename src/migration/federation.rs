//! Rooms that are joined through other servers, as users who may have got another server's name.
//!
//! Nothing of a room's history is sent: it stays with the servers that are in the room, the old one among them. Each
//! member joins as their new account; where a room asks for an invite, the old account invites the new one. What was done
//! is always looked at before anything is done: on the target whether somebody is joined, on Synapse whether they are
//! invited.

pub mod enter;
pub mod leave;
pub mod levels;
pub mod new_ids;
pub mod planner;
pub mod room;
pub mod rooms;
pub mod user_data;
pub mod verify;

use crate::model::stage::{Stage, Stages};

/// How such a room is done, as the ledger keeps it.
pub const DONE: &str = "joined through other servers";

/// The stages that there are in this mode: what else a server has is bound to its name, or stays with the old one.
pub const STAGES: Stages = Stages::of(&[
    Stage::Accounts,
    Stage::AdminRights,
    Stage::Addresses,
    Stage::NamesAndPictures,
    Stage::Rooms,
    Stage::Settings,
]);

//! The steps from a bundle to a living server.

pub mod accounts;
pub mod aliases;
pub mod carry;
pub mod compare;
pub mod context;
pub mod edges;
pub mod facts;
pub mod import;
pub mod media;
pub mod mend;
pub mod old_keys;
pub mod outcome;
pub mod passwords;
pub mod past;
pub mod pending;
pub mod plan;
pub mod planner;
pub mod profiles;
pub mod read_back;
pub mod replay;
pub mod schedule;
pub mod settle;
pub mod shared;
pub mod stragglers;
pub mod unpack;
pub mod verify;

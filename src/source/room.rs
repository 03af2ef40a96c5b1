//! What both readers do with a room: its facts from its state, its events as they were signed, and how they hang together.

pub mod cut;
pub mod facts;
pub mod graph;
pub mod repair;
pub mod snapshot;
pub mod state;

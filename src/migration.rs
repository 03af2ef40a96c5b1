//! The steps from a bundle to a living server.

pub mod outcome;
pub mod plan;

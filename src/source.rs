//! The server that is left: readers of Synapse. Read-only.

pub mod admin_api;
pub mod export;
pub mod summary;

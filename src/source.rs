//! The server that is left: readers of Synapse. Read-only.

pub mod summary;

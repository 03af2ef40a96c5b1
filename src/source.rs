//! The server that is left: readers of Synapse. Read-only.

pub mod admin_api;
pub mod database;
pub mod export;
pub mod homeserver_yaml;
pub mod summary;

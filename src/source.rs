//! The server that is left: readers of Synapse. Read-only.
//!
//! Two readers hand over the same records in the same order: one asks Synapse's Admin and Client API, one reads its
//! database. [`export`] writes them into a bundle.

pub mod about;
pub mod admin_api;
pub mod api_reader;
pub mod database;
pub mod default_push_rules;
pub mod export;
mod gone;
pub mod homeserver_yaml;
pub mod intake;
pub mod matcher;
pub mod push_defaults;
pub mod reader;
pub mod room;
pub mod summary;

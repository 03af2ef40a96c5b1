//! The neutral bundle: one directory or archive that holds what an export read, checked before anything of it is used.
//!
//! Version 2 is written; version 1 (the Python toolkit's) is read too, without events.

mod archive;
mod contents;
mod entry_name;
mod events;
mod file_names;
mod files;
mod fresh;
mod json_stream;
mod manifest;
mod reader;
mod room_index;
mod schema;
mod shards;
mod work;
mod writer;

#[cfg(test)]
mod tests;

pub use events::Events;
pub use reader::Bundle;
pub use schema::{Schema, SourceKind};
pub use writer::{BundleWriter, Finished, Origin, RoomRecord};

/// Versions of the format up to this one are read; this one is written.
pub const VERSION: u32 = 2;

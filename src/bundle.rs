//! The neutral bundle: one directory or archive that holds what an export read, checked before anything of it is used.
//!
//! Version 2 is written; version 1 (the Python toolkit's) is read too, without events.

mod archive;
mod checkpoint;
mod contents;
mod entry_index;
mod entry_name;
mod events;
mod file_names;
mod files;
mod fresh;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod glance;
mod json_guard;
mod json_stream;
mod leftovers;
mod line;
mod lines;
mod manifest;
mod media;
mod people;
mod reader;
mod records;
mod same;
mod schema;
mod shards;
mod staging;
pub(crate) mod work;
mod writer;

#[cfg(test)]
mod tests;

pub use checkpoint::{Position, Section, unfinished};
pub use events::Events;
pub use glance::{Glance, HALF, glance, goes_on};
pub use lines::Lines;
pub use reader::{Bundle, MediaFile, OfUser};
pub use records::{RoomRecord, UserRecord};
pub use schema::{Schema, SourceKind};
pub use writer::{BundleWriter, Finished, Origin, Page};

/// Versions of the format up to this one are read; this one is written.
pub const VERSION: u32 = 2;

//! Plain types of the migration, without I/O.

pub mod abilities;
pub mod event_line;
pub mod figures;
pub mod join_point;
pub mod pdu;
pub mod room;
pub mod state_event;
pub mod timeline_entry;
pub mod user;

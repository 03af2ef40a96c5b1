//! Plain types of the migration, without I/O.

pub mod abilities;
pub mod account_data;
pub mod cross_signing;
pub mod device;
pub mod event_line;
pub mod figures;
pub mod forks;
pub mod join_point;
pub mod key_backup;
pub mod media;
pub mod media_wish;
pub mod mode;
pub mod order;
pub mod pdu;
pub mod pending;
pub mod provider_pair;
pub mod push_rules;
pub mod receipt;
pub mod replayed;
pub mod room;
pub mod snapshot;
pub mod stage;
pub mod state_event;
pub mod timeline_entry;
pub mod user;
pub mod wanted;

//! The Megolm keys of bots: out of a crypto store that newer SDKs can't open, for a key backup or an export.
//!
//! [`extract::extract`] takes the sessions out of a Sled store (matrix-sdk-sled, as matrix-bot-sdk used it up to 0.7) or an
//! SQLite one (matrix-sdk-sqlite), which it only reads. [`write`] makes files of them.

mod broken;
mod carve;
mod cipher;
pub mod extract;
mod key_index;
pub mod place;
mod room_key;
mod sealed;
mod sqlite_store;
mod stored_session;
#[cfg(test)]
mod tests;
pub mod write;

pub use broken::Broken;
pub use room_key::RoomKey;

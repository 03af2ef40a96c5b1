//! The Megolm keys of bots: out of a crypto store that newer SDKs can't open, into the key backup of the bot's account.
//!
//! [`extract::extract`] takes the sessions out of a Sled store (matrix-sdk-sled, as matrix-bot-sdk used it up to 0.7) or an
//! SQLite one (matrix-sdk-sqlite), which it only reads; [`cross_check`] asks Sled itself what is in
//! the former. [`write`] makes files of them, [`key_backup`] puts them on the homeserver, and [`safekeeping`] puts the bot's
//! whole storage aside before all that.

pub mod account;
mod broken;
mod carve;
mod cipher;
pub mod cross_check;
mod ed25519;
pub mod errand;
pub mod extract;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod in_use;
pub mod key_backup;
mod key_index;
pub mod list;
pub mod old_device;
pub mod place;
pub mod read;
mod room_key;
pub mod safekeeping;
mod sealed;
pub mod signer;
mod sqlite_store;
pub mod state;
mod stored_session;
#[cfg(test)]
mod tests;
pub mod write;

pub use broken::Broken;
pub use room_key::RoomKey;

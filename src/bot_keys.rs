//! The Megolm keys of bots: out of a crypto store that newer SDKs can't open, into the key backup of the bot's account.

pub mod in_use;
pub mod key_backup;
mod room_key;
pub mod safekeeping;

pub use room_key::RoomKey;

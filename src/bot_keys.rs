//! A bot's room keys: out of its crypto store, into its account's key backup on the server.

pub mod account;
pub mod enable;
pub mod in_use;
pub mod key_files;
pub mod room_key;
pub mod safekeeping;
pub mod sealing;
pub mod secret_storage;
pub mod server_backup;
pub mod source;
pub mod upload;
pub mod verify;

#[cfg(test)]
mod tests;

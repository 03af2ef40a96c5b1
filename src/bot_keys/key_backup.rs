//! A bot's key backup on its homeserver: found or made, filled, and compared with the store.

pub mod enable;
pub mod key_files;
pub mod sealing;
pub mod secret_storage;
pub mod server_backup;
pub mod signatures;
pub mod source;
pub mod upload;
pub mod verify;

#[cfg(test)]
pub(super) mod tests;

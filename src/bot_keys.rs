//! A bot's room keys: out of its crypto store, into its account's key backup on the server.

pub mod in_use;
pub mod safekeeping;

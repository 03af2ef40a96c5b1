//! Throw-away servers on this machine, for `ferryman demo` and for the integration tests.
//!
//! Everything listens on 127.0.0.1 only, lives in a temporary folder and ends with the value that holds it, also when
//! a test panics or this process is killed. With `FERRYMAN_LAB_KEEP` set the folders stay, for a look at the logs.

pub mod admin_room;
pub mod client;
pub mod error;
pub mod fill;
pub mod folder;
pub mod large;
pub mod names;
pub mod path;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod python;
pub mod registration;
pub mod server;
pub mod synapse;
pub mod synthetic;
pub mod target;
pub mod tuwunel;

pub use error::{LabError, Result};

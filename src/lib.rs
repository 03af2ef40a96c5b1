//! Ferryman carries a Matrix homeserver from Synapse to Tuwunel.
//!
//! Data flows one way: `source` → `bundle` → `migration` → (`resident`, `target`), with every outcome in the `ledger`
//! and every sentence that a person reads in `report`. `ARCHITECTURE.md` has the floors and the invariants.

pub mod bundle;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod http;
pub mod job;
pub mod lab;
pub mod ledger;
pub mod migration;
pub mod model;
pub mod resident;
pub mod secret;
pub mod source;
pub mod target;

pub use error::{Error, Result};

//! Ferryman carries a Matrix homeserver from Synapse to Tuwunel.
//!
//! Data flows one way: `source` → `bundle` → `migration` → (`resident`, `target`), with every outcome in the `ledger`
//! and every sentence that a person reads in `report`. `ARCHITECTURE.md` has the floors and the invariants.

pub mod audit;
pub mod bot;
pub mod bot_keys;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod demo;
pub mod engine;
pub mod error;
pub mod hex;
pub mod http;
pub mod job;
pub mod kept;
pub mod lab;
pub mod ledger;
pub mod login_bridge;
pub mod migration;
pub mod model;
pub mod monitor;
pub mod operation;
pub mod outside;
pub mod registration;
pub mod report;
pub mod resident;
pub mod secret;
pub mod source;
pub mod target;

pub use error::{Error, Result};

//! Every sentence, table and file that a person reads.

pub mod bot;
pub mod bundles;
pub mod check;
pub mod config;
pub mod export;
pub mod finding;
pub mod import;
pub mod login_bridge;
mod media;
pub mod notice;
pub mod page;
pub mod people;
pub mod plain;
pub mod plan;
pub mod problems;
pub mod progress;
pub mod registration;
pub mod retry;
pub mod room;
pub mod sign_on;
pub mod status;
pub mod steering;
pub mod text;
pub mod user;
pub mod verification;
pub mod why;

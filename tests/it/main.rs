//! Tests against real servers on this machine, in one binary.
//!
//! They need `python3` (Synapse is installed into the lab's cache at the first run) and, for what only a Tuwunel can
//! show, a Tuwunel binary (`TUWUNEL_BIN`); without one they say loudly that they skip that part.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helper fails by panicking, too"
)]

mod bot_keys;
mod bridges;
mod browser;
mod check;
mod cockpit;
mod conformance;
mod counter;
mod crowd;
mod cutover;
mod database;
mod demo;
mod doctor;
mod encrypted_room;
mod encryption;
mod every_room;
mod export;
mod faults;
mod federated;
mod federation;
mod history;
mod installed;
mod journey;
mod kill;
mod lab_things;
mod lab_works;
mod local;
mod login_bridge;
mod media;
mod operator;
mod pending;
mod retry;
mod room;
mod shell;
mod state_keys;
mod steering;
mod sync;
mod targets;
mod unattended;
mod user_data;
mod whole;

//! Tests against real servers on this machine, in one binary.
//!
//! They need `python3` (Synapse is installed into the lab's cache at the first run) and, for what only a Tuwunel can
//! show, a Tuwunel binary (`TUWUNEL_BIN`); without one they say loudly that they skip that part.

mod doctor;
mod journey;
mod kill;
mod lab_works;
mod shell;
mod targets;

//! Whole imports against a target in memory: stopped at any step, and refused in every way that an operator may meet.

mod check;
mod fake_target;
mod faults;
mod federation;
mod lies;
mod local;
mod media;
mod resend;
mod resume;
mod retry;
mod sample;
mod settings;
mod stage;
mod stages;
mod sync;
mod waiting;

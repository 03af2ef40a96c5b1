//! Any text as the lines of a room's events, of key backups and of state snapshots.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferryman::bundle::fuzzing::event_lines(data));

//! Any bytes as the files of a bot's crypto store, and as one value of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferryman::bot_keys::fuzzing::store(data));

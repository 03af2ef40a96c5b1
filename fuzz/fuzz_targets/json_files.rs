//! Any bytes as one of a bundle's JSON files, whose checksum is right.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferryman::bundle::fuzzing::json_files(data));

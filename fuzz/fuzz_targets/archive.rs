//! Any bytes as an archive: unpacked, and opened as a bundle.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferryman::bundle::fuzzing::archive(data));

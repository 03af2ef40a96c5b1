//! Bytes as lower-case hex, for checksums.

use std::fmt::Write as _;

/// Two digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string does not fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}

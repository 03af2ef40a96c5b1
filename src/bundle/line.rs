//! One line of a compressed file of lines.

use std::io::{self, Write};

use serde::Serialize;

/// zstd's own default.
pub(super) const LEVEL: i32 = 3;

/// Writes a value as one line of JSON.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    // A line break in JSON is white space between values, never inside one.
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    to.write_all(&line)
}

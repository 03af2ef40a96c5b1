//! One line of a compressed file of lines.

use std::io::{self, BufRead, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use super::json_guard::{Guard, Unit};

/// The quickest of zstd's usual levels: its default takes twice the time, and events become 4 % smaller by it, because
/// hashes and signatures can't be compressed at all.
pub(super) const LEVEL: i32 = 1;

/// Bytes that most lines don't exceed.
const USUAL: usize = 1536;

/// Writes a value as one line of JSON.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut line, value)?;
    // A line break in JSON is white space between values, never inside one.
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    to.write_all(&line)
}

/// The next line with its line break, or nothing at the end; no more than `limit` bytes of it are read.
pub(super) fn next(from: &mut impl BufRead, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    from.take(limit)
        .read_until(b'\n', &mut line)
        .map_err(|error| error.to_string())?;
    Ok((!line.is_empty()).then_some(line))
}

/// The value of a line that [`next`] gave.
pub(super) fn value<T: DeserializeOwned>(line: &[u8], limit: u64) -> Result<T, String> {
    let Some((b'\n', line)) = line.split_last() else {
        return Err(format!("a line is cut off or longer than {limit} bytes"));
    };
    Guard::new(Unit::Whole).take(line)?;
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

//! Text in lines of equal length.

use std::io::{self, Write};

/// Characters of a line: what Element writes.
const WIDTH: usize = 96;

/// Begins a new line after every 96 bytes.
pub(super) struct Lines<W: Write> {
    to: W,
    column: usize,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, column: 0 }
    }
}

impl<W: Write> Write for Lines<W> {
    /// Takes all of it: the Base64 encoder is not made for less.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.column == WIDTH {
                self.to.write_all(b"\n")?;
                self.column = 0;
            }
            let (line, behind) = rest.split_at(rest.len().min(WIDTH - self.column));
            self.to.write_all(line)?;
            self.column += line.len();
            rest = behind;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

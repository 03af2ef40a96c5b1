//! Readers that count, and one that refuses to grow out of proportion.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// Bytes that may come out whatever went in: small bundles compress well.
const FREE: u64 = 64 * 1024 * 1024;
/// Bytes out per byte in beyond that; JSON that repeats itself stays below 100.
const MAX_RATIO: u64 = 500;

/// Counts what was read.
pub(super) struct Counting<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R> Counting<R> {
    /// A reader and its counter.
    pub(super) fn new(inner: R) -> (Self, Rc<Cell<u64>>) {
        let count = Rc::new(Cell::new(0));
        (
            Self {
                inner,
                count: count.clone(),
            },
            count,
        )
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Fails when far more came out than went in.
pub(super) struct Bounded<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl<R> Bounded<R> {
    /// `taken` counts the compressed bytes.
    pub(super) fn new(inner: R, taken: Rc<Cell<u64>>) -> Self {
        Self {
            inner,
            taken,
            given: 0,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.given += read as u64;
        if self.given > FREE && self.given / MAX_RATIO > self.taken.get() {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it unpacks to more than {MAX_RATIO} times its size"),
            ));
        }
        Ok(read)
    }
}

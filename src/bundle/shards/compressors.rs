//! zstd frames one after the other, by few compression contexts: to make one takes longer than to compress a small room.

use std::io::{self, Write};

use zstd::stream::{
    raw::{CParameter, Encoder, Operation},
    zio,
};

use crate::bundle::line::LEVEL;

/// The contexts that no frame has at the moment.
#[derive(Default)]
pub(super) struct Compressors(Vec<Encoder<'static>>);

/// A frame that is being written.
pub(super) type Compressed<W> = zio::Writer<Counted<W>, Encoder<'static>>;

impl Compressors {
    /// Begins a frame.
    pub(super) fn begin<W: Write>(&mut self, to: W) -> io::Result<Compressed<W>> {
        let context = if let Some(context) = self.0.pop() {
            context
        } else {
            let mut context = Encoder::new(LEVEL)?;
            context.set_parameter(CParameter::ChecksumFlag(true))?;
            context
        };
        Ok(zio::Writer::new(Counted { to, bytes: 0 }, context))
    }

    /// Ends a frame: where it went, and how many bytes it has.
    pub(super) fn end<W: Write>(&mut self, mut frame: Compressed<W>) -> io::Result<(W, u64)> {
        frame.finish()?;
        let (Counted { to, bytes }, mut context) = frame.into_inner();
        context.reinit()?;
        self.0.push(context);
        Ok((to, bytes))
    }
}

/// Counts what is written.
pub(super) struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.to.write(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

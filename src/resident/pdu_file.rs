//! The bytes of a room's PDUs, on the disk: a room may have gigabytes of them, and few are asked for at a time.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use serde_json::value::RawValue;

/// Where a PDU's bytes are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    length: u32,
}

/// PDUs that are read, in any order and by any number of tasks at a time.
#[derive(Debug)]
pub(super) struct PduFile(File);

/// PDUs that are written, one after the other.
#[derive(Debug)]
pub(super) struct PduWriter {
    file: BufWriter<File>,
    offset: u64,
}

impl Place {
    /// Bytes of the PDU.
    pub(super) fn length(self) -> usize {
        self.length as usize
    }
}

impl PduWriter {
    /// An empty file in a private folder. It has no name, and goes with its last handle, however that ends.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(dir)?),
            offset: 0,
        })
    }

    /// Adds a PDU.
    pub(super) fn add(&mut self, pdu: &RawValue) -> io::Result<Place> {
        let bytes = pdu.get().as_bytes();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.file.write_all(bytes)?;
        let offset = self.offset;
        self.offset += u64::from(length);
        Ok(Place { offset, length })
    }

    /// When all are there.
    pub(super) fn finish(self) -> io::Result<PduFile> {
        let file = self.file.into_inner();
        Ok(PduFile(file.map_err(io::IntoInnerError::into_error)?))
    }
}

impl PduFile {
    /// A PDU as it was added.
    pub(super) fn get(&self, place: Place) -> io::Result<Box<RawValue>> {
        let mut bytes = vec![0; place.length()];
        self.0.read_exact_at(&mut bytes, place.offset)?;
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        RawValue::from_string(text).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pdus_come_back_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = PduWriter::new(dir.path()).unwrap();
        let pdus = [r#"{"a":"é"}"#, "{}", r#"{ "b" : 1 }"#];
        let places = pdus.map(|pdu| {
            let pdu: &RawValue = serde_json::from_str(pdu).unwrap();
            writer.add(pdu).unwrap()
        });
        let file = writer.finish().unwrap();
        for (place, pdu) in places.into_iter().zip(pdus).rev() {
            assert_eq!(place.length(), pdu.len());
            assert_eq!(file.get(place).unwrap().get(), pdu);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

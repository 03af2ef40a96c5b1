//! Extension headers of an archive: a name for the next entry, in GNU's and in POSIX's way.

use std::io::{self, Read};

use tar::EntryType;

/// Bytes of one extension header; an honest one has a name and a few numbers.
const MAX: u64 = 64 * 1024;

/// What extension headers said about the entry that follows them.
#[derive(Default)]
pub(super) struct Extension {
    /// Its name.
    pub(super) name: Option<Vec<u8>>,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
}

impl Extension {
    /// Takes an extension header; `false` if the entry is something else.
    pub(super) fn take(&mut self, kind: EntryType, mut data: impl Read) -> io::Result<bool> {
        match kind {
            EntryType::GNULongName => {
                let mut name = all(&mut data)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                self.name = Some(name);
            }
            EntryType::XHeader => {
                for record in records(&all(&mut data)?)? {
                    match record {
                        (b"path", value) => self.name = Some(value.to_owned()),
                        (b"size", value) => {
                            let size = std::str::from_utf8(value).ok().and_then(|s| s.parse().ok());
                            self.size =
                                Some(size.ok_or_else(|| io::Error::other("a size is no number"))?);
                        }
                        _ => {}
                    }
                }
            }
            EntryType::XGlobalHeader => {
                all(&mut data)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn all(data: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if data.take(MAX + 1).read_to_end(&mut content)? as u64 > MAX {
        return Err(io::Error::other("an extension header is over-long"));
    }
    Ok(content)
}

/// Records `<length> <key>=<value>\n`, the length counting the whole record.
fn records(mut rest: &[u8]) -> io::Result<Vec<(&[u8], &[u8])>> {
    let fault = || io::Error::other("an extension header can't be read");
    let mut records = Vec::new();
    while !rest.is_empty() {
        let space = rest
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(fault)?;
        let length: usize = std::str::from_utf8(&rest[..space])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(fault)?;
        let record = rest.get(space + 1..length).ok_or_else(fault)?;
        let record = record.strip_suffix(b"\n").ok_or_else(fault)?;
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or_else(fault)?;
        records.push((&record[..equals], &record[equals + 1..]));
        rest = &rest[length..];
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn posix_records_are_read() {
        let mut extension = Extension::default();
        let header = b"27 mtime=1756284883.1234567\n19 path=users.json\n11 size=42\n";
        let header = [b"28".as_slice(), &header[2..]].concat();
        assert!(extension.take(EntryType::XHeader, &header[..]).unwrap());
        assert_eq!(extension.name.as_deref(), Some(&b"users.json"[..]));
        assert_eq!(extension.size, Some(42));
        assert!(!extension.take(EntryType::Regular, &b""[..]).unwrap());
    }

    proptest! {
        #[test]
        fn any_record_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = records(&bytes);
        }

        #[test]
        fn almost_records_too(text in "([0-9]{1,3} [a-z]{0,4}=?[a-z]{0,9}\n?){0,4}") {
            let _either = records(text.as_bytes());
        }
    }
}

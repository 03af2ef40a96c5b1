//! Unpacking an archive that anybody may have made: files and directories only, nothing outside, nothing twice.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use tar::EntryType;

use super::{
    Form,
    bounded::{Bounded, Counting},
    entries,
};
use crate::{Error, Result, bundle::fresh};

/// log2 of the memory that the decoder may be asked for: 128 MiB, zstd's own default.
const WINDOW_LOG: u32 = 27;

/// Unpacks `archive` into the empty directory `into`.
pub(in crate::bundle) fn unpack(archive: &Path, form: Form, into: &Path) -> Result<()> {
    let mut reader = open(archive, form).map_err(Error::file(archive))?;
    entries(&mut reader, into)
        .and_then(|()| rest(&mut reader).map_err(Fault::from))
        .map_err(|fault| fault.of(archive))
}

/// An archive's bytes, as they were before it was compressed.
pub(super) fn open(archive: &Path, form: Form) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(archive)?);
    if form != Form::TarZst {
        return Ok(Box::new(file));
    }
    let (file, taken) = Counting::new(file);
    let mut decoder = zstd::Decoder::new(file)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(Box::new(Bounded::new(decoder, taken)))
}

/// Why unpacking ended: this machine, or what is in the archive.
pub(super) enum Fault {
    System(Error),
    Archive(String),
}

impl Fault {
    /// As an error of an archive.
    pub(super) fn of(self, archive: &Path) -> Error {
        match self {
            Self::System(error) => error,
            Self::Archive(reason) => Error::Bundle {
                path: archive.to_owned(),
                reason: format!("{reason}: copy the bundle again, or export again"),
            },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Archive(match error.kind() {
            io::ErrorKind::FileTooLarge => error.to_string(),
            _ if error.raw_os_error().is_some() => format!("it can't be read ({error})"),
            // The tar crate's own words quote the archive's bytes.
            _ => "it is damaged, cut off or no archive".to_owned(),
        })
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::System(error)
    }
}

fn entries(reader: &mut dyn Read, into: &Path) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    entries::each(reader, |head, entry| {
        let name = &head.name;
        match head.kind {
            EntryType::Directory => {
                if is_below_a_file(&seen, name) {
                    return Err(head.refuse("is a file already, or below one"));
                }
                fresh::dirs(&into.join(name))?;
            }
            _ if !head.is_file() => return Err(head.refuse("is a link or a device")),
            _ if name.is_empty() => return Err(head.refuse("has no name")),
            _ => {
                if seen.contains(name) {
                    return Err(head.refuse("is in it twice"));
                }
                if is_below_a_file(&seen, name) || into.join(name).is_dir() {
                    return Err(head.refuse("is a directory already, or below a file"));
                }
                seen.insert(name.clone());
                file(entry, head.declared, into, name).map_err(|fault| match fault {
                    Fault::Archive(reason) => Fault::Archive(format!("{reason} in {name}")),
                    system @ Fault::System(_) => system,
                })?;
            }
        }
        Ok(())
    })
}

/// Whether a name, or the beginning of it up to a slash, is that of a file.
fn is_below_a_file(files: &BTreeSet<String>, name: &str) -> bool {
    files.contains(name)
        || name
            .match_indices('/')
            .any(|(slash, _)| name.get(..slash).is_some_and(|part| files.contains(part)))
}

fn file(entry: &mut dyn Read, declared: u64, into: &Path, name: &str) -> Result<(), Fault> {
    let path = into.join(name);
    if let Some(parent) = path.parent() {
        fresh::dirs(parent)?;
    }
    let mut file = fresh::file(&path)?;
    let mut buffer = vec![0; 128 * 1024];
    let mut written = 0;
    loop {
        let count = entry.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        io::Write::write_all(&mut file, &buffer[..count]).map_err(Error::file(&path))?;
        written += count as u64;
    }
    if written == declared {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

/// Reads what follows the archive's end, so that its checksum is checked; only padding may be there.
pub(super) fn rest(reader: &mut dyn Read) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if buffer[..count].iter().any(|byte| *byte != 0) {
            return Err(io::Error::other("something follows its end"));
        }
    }
}

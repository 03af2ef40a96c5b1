//! Packing a finished directory: the manifest first, then the files by name, all with the same time and owner.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use super::Form;
use crate::{
    Error, Result,
    bundle::{file_names::MANIFEST, files, fresh},
};

/// The quickest of zstd's usual levels: most of the content is compressed already.
const LEVEL: i32 = 1;

/// Writes the archive `out` (mode 0600) from the directory `dir` and brings it to the disk.
pub(in crate::bundle) fn pack(
    dir: &Path,
    out: &Path,
    form: Form,
    timestamp_ms: u64,
    done: &mut dyn FnMut(u64),
) -> Result<()> {
    let names = files::all(dir, dir)?;
    let mut pack = || -> Result<(), Fault> {
        let file = BufWriter::new(fresh::file_or_rest(out, None).map_err(Fault::Named)?);
        let mut file = if form == Form::TarZst {
            let mut encoder = zstd::Encoder::new(file, LEVEL)?;
            // Without it, some changed bytes would go unseen until a file's own checksum.
            encoder.include_checksum(true)?;
            write(dir, &names, encoder, timestamp_ms / 1000, done)?.finish()?
        } else {
            write(dir, &names, file, timestamp_ms / 1000, done)?
        };
        file.flush()?;
        Ok(file.get_ref().sync_all()?)
    };
    pack().map_err(|fault| match fault {
        Fault::Named(error) => error,
        Fault::Archive(error) => Error::file(out)(error),
    })
}

/// A failure with its path, or one of the archive itself.
enum Fault {
    Named(Error),
    Archive(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Archive(error)
    }
}

fn write<W: Write>(
    dir: &Path,
    names: &std::collections::BTreeSet<String>,
    to: W,
    mtime: u64,
    done: &mut dyn FnMut(u64),
) -> Result<W, Fault> {
    let mut archive = tar::Builder::new(to);
    let in_order = [MANIFEST]
        .into_iter()
        .chain(names.iter().map(String::as_str));
    for (name, count) in in_order.zip(1..) {
        let path = dir.join(name);
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| Fault::Named(Error::file(&path)(error)))?;
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(length);
        header.set_mtime(mtime);
        archive.append_data(&mut header, name, file)?;
        done(count);
    }
    Ok(archive.into_inner()?)
}

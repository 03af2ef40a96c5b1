//! Large JSON lists and maps, one entry at a time in both directions.

use std::{
    fs::File,
    io::{BufWriter, Seek, Write},
    path::{Path, PathBuf},
};

use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    fresh,
    json_guard::{Guarded, Unit},
};
use crate::{Error, Result};

/// A JSON list or map that grows on disk, one line per entry.
pub(super) struct JsonFile {
    path: PathBuf,
    file: BufWriter<File>,
    close: &'static str,
    first: bool,
}

impl JsonFile {
    /// An empty list, or one that an earlier run left, up to its mark.
    pub(super) fn list(path: PathBuf, mark: Option<u64>) -> Result<Self> {
        Self::open(path, mark, "[", "\n]\n")
    }

    /// The same for a map.
    pub(super) fn map(path: PathBuf, mark: Option<u64>) -> Result<Self> {
        Self::open(path, mark, "{", "\n}\n")
    }

    fn open(path: PathBuf, mark: Option<u64>, open: &str, close: &'static str) -> Result<Self> {
        let mut file = BufWriter::new(fresh::file_or_rest(&path, mark)?);
        if mark.is_none() {
            file.write_all(open.as_bytes())
                .map_err(Error::file(&path))?;
        }
        Ok(Self {
            path,
            file,
            close,
            first: mark.is_none_or(|mark| mark <= open.len() as u64),
        })
    }

    /// Brings all entries so far to the disk; the bytes from which a later run can go on.
    pub(super) fn mark(&mut self) -> Result<u64> {
        let mut mark = || {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            self.file.stream_position()
        };
        mark().map_err(Error::file(&self.path))
    }

    /// Adds an entry to a list.
    pub(super) fn item(&mut self, value: &impl Serialize) -> Result<()> {
        self.write(None, value)
    }

    /// Adds an entry to a map; the caller sees to it that keys differ.
    pub(super) fn entry(&mut self, key: &str, value: &impl Serialize) -> Result<()> {
        self.write(Some(key), value)
    }

    fn write(&mut self, key: Option<&str>, value: &impl Serialize) -> Result<()> {
        let separator = if self.first { "\n" } else { ",\n" };
        self.first = false;
        let mut text = String::from(separator);
        if let Some(key) = key {
            text.push_str(&json(&key, &self.path)?);
            text.push(':');
        }
        text.push_str(&json(value, &self.path)?);
        self.file
            .write_all(text.as_bytes())
            .map_err(Error::file(&self.path))
    }

    /// Closes the list or map and brings it to the disk.
    pub(super) fn finish(mut self) -> Result<()> {
        self.file
            .write_all(self.close.as_bytes())
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(Error::file(&self.path))
    }
}

/// A value's JSON; what can't be written is the failure of the file that it was for.
pub(super) fn json(value: &impl Serialize, path: &Path) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::file(path)(error.into()))
}

/// Reads a JSON file whole, if it is not too much.
pub(super) fn whole<T: DeserializeOwned>(
    file: impl std::io::Read,
) -> std::result::Result<T, serde_json::Error> {
    serde_json::from_reader(guarded(file, Unit::Whole))
}

fn guarded(file: impl std::io::Read, unit: Unit) -> impl std::io::Read {
    // The guard sees the large pieces, and JSON's reader the single bytes.
    std::io::BufReader::new(Guarded::new(file, unit))
}

/// Hands each item of a JSON list to `take`, holding one at a time; the list as a whole is bounded.
///
/// The error is JSON's own or the one that `take` gave, as text.
pub(super) fn each_item<T: DeserializeOwned>(
    file: File,
    take: impl FnMut(T) -> std::result::Result<(), String>,
) -> std::result::Result<(), serde_json::Error> {
    struct Items<T, F>(F, std::marker::PhantomData<T>);
    impl<'de, T, F> Visitor<'de> for Items<T, F>
    where
        T: DeserializeOwned,
        F: FnMut(T) -> std::result::Result<(), String>,
    {
        type Value = ();

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(
            mut self,
            mut list: A,
        ) -> std::result::Result<(), A::Error> {
            while let Some(item) = list.next_element()? {
                (self.0)(item).map_err(serde::de::Error::custom)?;
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_reader(guarded(file, Unit::Whole));
    reader.deserialize_seq(Items(take, std::marker::PhantomData))?;
    reader.end()
}

/// Hands each entry of a JSON map to `take`, holding one at a time; each entry is bounded, the map is not.
///
/// The error is JSON's own or the one that `take` gave, as text.
pub(super) fn each_entry(
    file: File,
    take: impl FnMut(String, Box<RawValue>) -> std::result::Result<(), String>,
) -> std::result::Result<(), serde_json::Error> {
    struct Entries<F>(F);
    impl<'de, F> Visitor<'de> for Entries<F>
    where
        F: FnMut(String, Box<RawValue>) -> std::result::Result<(), String>,
    {
        type Value = ();

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
            while let Some((key, value)) = map.next_entry()? {
                (self.0)(key, value).map_err(serde::de::Error::custom)?;
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_reader(guarded(file, Unit::Entry));
    reader.deserialize_map(Entries(take))?;
    reader.end()
}

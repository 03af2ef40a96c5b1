//! `extracted-keys.json` read back: one that [`super::write`] has written, or the tool that bots were moved with before.

use std::{cell::RefCell, collections::BTreeSet, fmt, fs::File, io::BufReader, path::Path};

use ruma::OwnedUserId;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{
    broken::Broken,
    extract::{Extracted, PREFIX},
    key_index::{KeyIndex, Origin},
    room_key::RoomKey,
};
use crate::{Error, Result, bundle::work::Work};

/// Reads the keys of a file into an index in a private folder of `work`; only one is in memory.
///
/// # Errors
///
/// [`Error::BotStore`] where it is no such file, has no key, or one that is no session; [`Error::File`] where it can't be read.
pub fn read(path: &Path, work: &Path) -> Result<Extracted> {
    let file = File::open(path).map_err(Error::file(path))?;
    let work = Work::new(work, PREFIX)?;
    let index = KeyIndex::new(work.path())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let failed = RefCell::new(None);
    let mut count = 0_u64;
    let mut keep = |mut key: RoomKey| {
        count += 1;
        let Some(session) = key.session() else {
            let reason = format!(
                "the key {count} in it, of {}, is no session: extract the keys again",
                key.room_id
            );
            return Err(fault(path, reason));
        };
        key.first_known_index = session.first_known_index();
        let origin = Origin {
            file: name.to_string(),
            offset: count,
            row_key: None,
            proved: key.proved,
        };
        index.keep(&key, &origin)
    };
    let mut about = About::default();
    let top = Top {
        about: &mut about,
        sink: Sink {
            keep: RefCell::new(&mut keep),
            failed: &failed,
        },
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, file));
    let read = json.deserialize_map(top).and_then(|()| json.end());
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        // Its own words may hold some of what is in the file.
        fault(
            path,
            format!("it can't be read (line {line}, column {column}): extract the keys again"),
        )
    })?;
    if count == 0 {
        return Err(fault(
            path,
            "no key is in it: extract the keys again".to_owned(),
        ));
    }
    for number in 0..about.failed {
        index.broken(&Broken {
            file: name.to_string(),
            // Each is one of its own.
            offset: Some(number + 1),
            row_key: None,
            error: "it could not be read when the file was written".into(),
        })?;
    }
    let mut extracted = Extracted::new(index, Vec::new(), about.changed, work);
    extracted.set_owners(about.owners);
    Ok(extracted)
}

fn fault(path: &Path, reason: String) -> Error {
    Error::BotStore {
        path: path.to_owned(),
        reason,
    }
}

/// More broken places than that are not counted.
const MOST_FAILED: u64 = 1_000_000;

/// Where the keys go.
struct Sink<'a> {
    keep: RefCell<&'a mut dyn FnMut(RoomKey) -> Result<()>>,
    /// Why that failed: the reader knows only its own errors.
    failed: &'a RefCell<Option<Error>>,
}

impl Sink<'_> {
    fn take<E: serde::de::Error>(&self, key: RoomKey) -> Result<(), E> {
        (self.keep.borrow_mut())(key).map_err(|error| {
            self.failed.replace(Some(error));
            E::custom("the key was not taken")
        })
    }
}

/// What a file says beside its keys.
#[derive(Default)]
struct About {
    failed: u64,
    changed: bool,
    owners: BTreeSet<OwnedUserId>,
}

/// The whole file.
struct Top<'a> {
    about: &'a mut About,
    sink: Sink<'a>,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("extracted keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_one = false;
        while let Some(name) = map.next_key::<String>()? {
            match &*name {
                "keys_by_room" => {
                    is_one = true;
                    map.next_value_seed(Rooms(&self.sink))?;
                }
                "failed_keys" => self.about.failed = map.next_value::<u64>()?.min(MOST_FAILED),
                "changed" => self.about.changed = map.next_value()?,
                "owners" => self.about.owners = map.next_value()?,
                // The same keys once more.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_one {
            Ok(())
        } else {
            Err(A::Error::missing_field("keys_by_room"))
        }
    }
}

/// `{room: [key, …]}`.
struct Rooms<'a, 'b>(&'a Sink<'b>);

impl<'de> DeserializeSeed<'de> for Rooms<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Rooms<'_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("keys by room")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Keys(self.0))?;
        }
        Ok(())
    }
}

/// `[key, …]`.
struct Keys<'a, 'b>(&'a Sink<'b>);

impl<'de> DeserializeSeed<'de> for Keys<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a room's keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut keys: A) -> Result<(), A::Error> {
        while let Some(key) = keys.next_element::<RoomKey>()? {
            self.0.take(key)?;
        }
        Ok(())
    }
}

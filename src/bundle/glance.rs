//! What a bundle says of itself, without unpacking it and without checking more than that its bytes can be read.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    VERSION,
    archive::{self, Form, Look},
    checkpoint::Checkpoint,
    file_names::{EVENT_INDEX, MANIFEST, METADATA, SCHEMA},
    files, json_stream,
    schema::{Schema, SourceKind},
    shards::EventIndex,
};
use crate::{Error, Result};

/// What the name of a bundle ends with that is not finished.
pub const HALF: &str = ".partial";

/// Bytes of a file that is read whole for it.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Glance {
    /// The format.
    pub version: u32,
    /// The server that was exported; version 1 doesn't say.
    pub server_name: Option<OwnedServerName>,
    /// How it was read; version 1 doesn't say.
    pub source: Option<SourceKind>,
    /// Milliseconds since the Unix epoch at which the export began.
    pub exported_ts: Option<u64>,
    /// Whether the export came to its end.
    pub complete: bool,
    /// Whether it is only to look at.
    pub inventory: bool,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Events of the timelines.
    pub events: u64,
    /// Media with their contents.
    pub media: u64,
}

/// What `metadata.json` says; in version 1 the numbers may be missing.
#[derive(Debug, Default, Deserialize)]
struct Counts {
    #[serde(default)]
    users: u64,
    #[serde(default)]
    rooms: u64,
}

/// Reads it. An archive is read through once, so that one which is cut off or changed is found: [`Error::Bundle`] says what is
/// wrong. `go_on` is asked again and again, and an error of it ends that.
pub fn glance(path: &Path, go_on: &dyn Fn() -> Result<()>) -> Result<Glance> {
    within(path, LARGEST, go_on)
}

/// The same, with files that are read whole only up to so many bytes.
pub(super) fn within(path: &Path, largest: u64, go_on: &dyn Fn() -> Result<()>) -> Result<Glance> {
    let form = Form::of_content(path).map_err(Error::file(path))?;
    let wanted = [SCHEMA, METADATA, EVENT_INDEX];
    let too_large = |name: &str| {
        let reason = format!(
            "{name} has more than {largest} bytes, more than a list reads: `bundle verify` looks into it"
        );
        Error::file(path)(std::io::Error::other(reason))
    };
    let (mut media, mut has_manifest) = (0, false);
    let mut see = |name: &str| {
        media += u64::from(name.starts_with("media/"));
        has_manifest |= name == MANIFEST;
    };
    let found = if form == Form::Directory {
        files::all(path, path)?.iter().for_each(|name| see(name));
        if path.join(MANIFEST).is_file() {
            see(MANIFEST);
        }
        go_on()?;
        read(path, &wanted, (largest, &too_large))?
    } else {
        let mut look = Look {
            wanted: &wanted,
            largest: (largest, &too_large),
            seen: &mut see,
            go_on,
        };
        archive::walk(path, form, &mut look)?
    };
    let file = |name: &str| found.get(name);
    let missing = |name: &str| Error::Bundle {
        path: path.to_owned(),
        reason: format!(
            "{name} is missing: this is no bundle, or not all of it; copy it again, or export again"
        ),
    };
    if !has_manifest {
        return Err(missing(MANIFEST));
    }
    let schema: Schema = value(path, SCHEMA, file(SCHEMA).ok_or_else(|| missing(SCHEMA))?)?;
    if !(1..=VERSION).contains(&schema.exporter_version) {
        return Err(Error::Bundle {
            path: path.to_owned(),
            reason: format!(
                "{SCHEMA} says format {}, and this Ferryman reads formats 1 to {VERSION}: use a newer Ferryman",
                schema.exporter_version
            ),
        });
    }
    let counts: Counts = match file(METADATA) {
        Some(text) => value(path, METADATA, text)?,
        None => Counts::default(),
    };
    let index: EventIndex = match file(EVENT_INDEX) {
        Some(text) => value(path, EVENT_INDEX, text)?,
        None => EventIndex::default(),
    };
    let timelines = index.rooms.values().filter_map(|frames| frames.timeline);
    Ok(Glance {
        version: schema.exporter_version,
        server_name: schema.server_name,
        source: schema.source,
        exported_ts: schema.exported_ts,
        complete: schema.complete,
        inventory: schema.wanted.is_some_and(|wanted| wanted.inventory),
        users: counts.users,
        rooms: counts.rooms,
        events: timelines.map(|frame| frame.lines).sum(),
        media,
    })
}

/// Whether a later export can go on with a half bundle.
#[must_use]
pub fn goes_on(half: &Path) -> bool {
    Checkpoint::read(half).is_some()
}

fn read(
    dir: &Path,
    names: &[&str],
    (largest, too_large): (u64, &dyn Fn(&str) -> Error),
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for name in names {
        let path: PathBuf = dir.join(name);
        if fs::metadata(&path).is_ok_and(|about| about.len() > largest) {
            return Err(too_large(name));
        }
        match fs::read(&path) {
            Ok(content) => {
                found.insert((*name).to_owned(), content);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&path)(error)),
        }
    }
    Ok(found)
}

fn value<T: DeserializeOwned>(bundle: &Path, name: &str, text: &[u8]) -> Result<T> {
    json_stream::whole(text).map_err(|error| Error::Bundle {
        path: bundle.to_owned(),
        reason: format!("{name} can't be read ({error}): copy the bundle again, or export again"),
    })
}

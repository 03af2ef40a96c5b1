//! `schema.json`: which format a bundle has and where it comes from.

use std::{
    fs::{self, File},
    path::Path,
};

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};

use super::{VERSION, file_names::SCHEMA, json_stream};
use crate::{Error, Result, model::wanted::Wanted};

/// What `schema.json` says. Version 1 has only `exporter_version` and `files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// 1 or 2.
    pub exporter_version: u32,
    /// How the source was read.
    #[serde(default)]
    pub source: Option<SourceKind>,
    /// The version of Synapse, as it says itself.
    #[serde(default)]
    pub synapse_version: Option<String>,
    /// The server that was exported.
    #[serde(default)]
    pub server_name: Option<OwnedServerName>,
    /// Milliseconds since the Unix epoch at which the export began.
    #[serde(default)]
    pub exported_ts: Option<u64>,
    /// The position of Synapse's event stream that it is current to; only the database tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_position: Option<u64>,
    /// What the export was to read; absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Wanted>,
    /// Whether the export came to its end; if not, `problems.json` says where it broke off.
    #[serde(default = "yes")]
    pub complete: bool,
    /// The bundle's files, without the manifest and this one.
    #[serde(default)]
    pub files: Vec<String>,
}

fn yes() -> bool {
    true
}

/// How a source was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Synapse's Admin and Client API.
    AdminApi,
    /// Synapse's database.
    Database,
}

impl Schema {
    /// Reads a bundle's schema; `bundle` is the path that errors name.
    ///
    /// Nothing is verified yet: only the version may be used before the manifest was.
    pub(super) fn read(dir: &Path, bundle: &Path) -> Result<Self> {
        let fault = |reason: String| Error::Bundle {
            path: bundle.to_owned(),
            reason,
        };
        let path = dir.join(SCHEMA);
        if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(fault(format!(
                "{SCHEMA} is a link or a device: copy the bundle again, or export again"
            )));
        }
        let file = File::open(path).map_err(|error| {
            fault(if error.kind() == std::io::ErrorKind::NotFound {
                format!("{SCHEMA} is missing: this is no bundle, or not all of it; copy it again, or export again")
            } else {
                format!("{SCHEMA} can't be read ({error}): copy the bundle again, or export again")
            })
        })?;
        let schema: Self = json_stream::whole(file).map_err(|error| {
            fault(format!(
                "{SCHEMA} can't be read ({error}): copy the bundle again, or export again"
            ))
        })?;
        match schema.exporter_version {
            1..=VERSION => Ok(schema),
            newer => Err(fault(format!(
                "{SCHEMA} says format {newer}, and this Ferryman reads formats 1 to {VERSION}: use a newer Ferryman"
            ))),
        }
    }
}

//! Which reader an export takes, and where its bundle goes.

use std::path::{Path, PathBuf};

use super::{Engine, ExportOptions, opening};
use crate::{
    Result,
    bundle::{self, Origin, Page, SourceKind},
    job::Job,
    model::wanted::Wanted,
    source::{
        admin_api::Client, api_reader::ApiReader, database::DatabaseReader, export::run,
        intake::problem, reader::Reader, summary::ExportSummary,
    },
};

/// Reads Synapse by the reader that was asked for; else from the database if it is configured and readable.
pub(super) async fn export(
    engine: &Engine,
    job: &Job,
    options: &ExportOptions,
    page: Box<Page>,
) -> Result<ExportSummary> {
    let mut synapse = engine.config.synapse.clone();
    if options.media_path.is_some() {
        synapse.media_path.clone_from(&options.media_path);
    }
    let server_name = engine.config.source_name();
    let mut warning = None;
    let configured = synapse.database.is_some() || synapse.homeserver_yaml.is_some();
    if options
        .source
        .map_or(configured, |source| source == SourceKind::Database)
    {
        let opened = match DatabaseReader::new(&synapse, server_name.clone()) {
            Ok(mut reader) => reader.about().await.map(|_| reader),
            Err(error) => Err(error),
        };
        match opened {
            Ok(reader) => {
                let wanted = Wanted {
                    // Everything is in the database: nobody needs to log in.
                    act_as_users: false,
                    ..options.wanted.clone()
                };
                let out = out(engine, options, SourceKind::Database)?;
                return run(reader, server_name, wanted, &out, page, job, &*engine.clock).await;
            }
            Err(error) if options.source.is_some() => return Err(error),
            Err(error) => {
                let reason =
                    format!("{error}; the Admin API was read instead (--source db insists)");
                warning = Some(problem("source", "database", &reason));
            }
        }
    }
    let client = Client::new(&synapse)?;
    let reader = ApiReader::new(client, server_name.clone(), &options.wanted).warned(warning);
    let out = out(engine, options, SourceKind::AdminApi)?;
    let wanted = options.wanted.clone();
    run(reader, server_name, wanted, &out, page, job, &*engine.clock).await
}

/// What the operator named, or what an interrupted export of the same was to make, or a new name.
fn out(engine: &Engine, options: &ExportOptions, source: SourceKind) -> Result<PathBuf> {
    if let Some(out) = &options.out {
        return Ok(out.clone());
    }
    let dir = engine.private_dir("bundles")?;
    let origin = Origin {
        source,
        synapse_version: None,
        server_name: engine.config.source_name().clone(),
        exported_ts: engine.clock.now_ms(),
        stream_position: None,
        wanted: options.wanted.clone(),
    };
    let unfinished = (source == SourceKind::AdminApi)
        .then(|| bundle::unfinished(&dir, &origin))
        .flatten();
    Ok(unfinished.unwrap_or_else(|| free(&dir, engine.clock.now_ms(), &options.wanted)))
}

/// A name that is free: of two bundles from the same second, the later one sorts behind the other.
fn free(dir: &Path, now_ms: u64, wanted: &Wanted) -> PathBuf {
    let mut names = (0..).map(|second| dir.join(name(now_ms + second * 1000, wanted)));
    let free = names.find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| dir.join(name(now_ms, wanted)))
}

fn name(now_ms: u64, wanted: &Wanted) -> String {
    let what = if wanted.inventory {
        opening::INVENTORY
    } else {
        "synapse-export-"
    };
    let seconds = i64::try_from(now_ms / 1000).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    format!("{what}{}.tar.zst", time.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bundles_of_one_second_have_two_names() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted::default();
        let next = || free(dir.path(), 1_999, &wanted);
        let first = next();
        std::fs::write(&first, "").unwrap();
        assert!(first.ends_with("synapse-export-19700101T000001Z.tar.zst"));
        assert!(next().ends_with("synapse-export-19700101T000002Z.tar.zst"));
    }
}

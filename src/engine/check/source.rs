//! Synapse: reachable, an admin's token, its database, what it still does to it.

use serde_json::value::RawValue;

use super::{super::doctor, Found};
use crate::{
    Error, Result,
    engine::Engine,
    migration::check::What,
    source::{admin_api::Client, database::DatabaseReader, reader::Reader},
};

/// What later looks need of it.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Its own key object; an error's words if it doesn't give it.
    pub(super) keys: Option<Result<Box<RawValue>, String>>,
    /// The newest event's position, if the database is read.
    pub(super) position: Option<u64>,
    /// The database's size, if it is read.
    pub(super) bytes: Option<u64>,
    /// Its time, and ours then.
    pub(super) date: Option<(u64, u64)>,
}

pub(super) async fn look(engine: &Engine, found: &mut Found) -> Source {
    let mut source = Source::default();
    let database = database(engine, &mut source, found).await;
    match doctor::synapse(engine).await {
        Ok(version) => {
            found.add(What::Source { version });
            let asked = by_api(engine, &mut source, !database, found).await;
            if let Err(error) = asked {
                found.add(fault(&error));
            }
        }
        Err(error) => found.add(fault(&error)),
    }
    source
}

fn fault(error: &Error) -> What {
    let reason = error.to_string();
    match error {
        Error::Unreachable { .. } | Error::Slow { .. } => What::SourceUnreachable { reason },
        Error::Refused { .. } => What::SourceNotAdmin { reason },
        _ => What::SourceUnusable { reason },
    }
}

async fn by_api(
    engine: &Engine,
    source: &mut Source,
    updates_unknown: bool,
    found: &mut Found,
) -> Result<()> {
    let client = Client::new(&engine.config.synapse)?.hurried();
    let user = client.whoami().await?;
    let configured = engine.config.source_name();
    if user.server_name() != configured {
        found.add(What::SourceOther {
            name: user.server_name().to_owned(),
            configured: configured.clone(),
        });
    }
    source.keys = Some(client.own_keys().await.map_err(|error| error.to_string()));
    // It has just answered: a clock that can't be seen now is not looked at.
    let date = client.date().await.unwrap_or_default();
    source.date = date.map(|date| (date, engine.clock.now_ms()));
    if updates_unknown && !client.background_updates().await?.is_empty() {
        found.add(What::BackgroundUpdates);
    }
    Ok(())
}

/// Looks into the database, if one is configured; whether its background updates are known by that.
async fn database(engine: &Engine, source: &mut Source, found: &mut Found) -> bool {
    let synapse = &engine.config.synapse;
    if synapse.database.is_none() && synapse.homeserver_yaml.is_none() {
        return false;
    }
    match opened(engine).await {
        Ok((mut reader, pending)) => {
            found.add(What::Database {
                place: reader.place(),
            });
            found.about(What::BackgroundUpdates, pending.0);
            source.position = pending.1;
            // A database that was read a moment ago and now isn't tells nothing of its size.
            source.bytes = reader.bytes().await.ok().flatten();
            true
        }
        Err(error) => {
            found.add(What::DatabaseUnreadable {
                reason: error.to_string(),
            });
            false
        }
    }
}

async fn opened(engine: &Engine) -> Result<(DatabaseReader, (Vec<String>, Option<u64>))> {
    let name = engine.config.source_name().clone();
    let mut reader = DatabaseReader::new(&engine.config.synapse, name)?;
    let about = reader.about().await?;
    if about.server_name != *engine.config.source_name() {
        return Err(Error::Config(format!(
            "server_name is {}, but the database {} is that of {}: correct server_name or synapse.database",
            engine.config.source_name(),
            reader.place(),
            about.server_name
        )));
    }
    let pending = reader.pending().await?;
    Ok((reader, (pending, about.stream_position)))
}

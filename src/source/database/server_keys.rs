//! Our own public keys, and `server_keys_json`: what Synapse has stored of other servers'.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedServerName, ServerName};
use serde_json::value::RawValue;

use super::{Database, quote};
use crate::{
    Error, Result,
    job::Phase,
    source::{
        admin_api::Client,
        homeserver_yaml::HomeserverYaml,
        intake::{Intake, Record, problem},
    },
};

/// Servers that are asked for together.
const TOGETHER: usize = 500;

/// Our own keys are in no table: they are made from the signing key, else Synapse is asked for them.
pub(super) async fn own(
    own: &ServerName,
    yaml: Option<&HomeserverYaml>,
    client: &Client,
    to: &Intake,
) -> Result<()> {
    let made = match yaml {
        Some(yaml) => yaml.key_object(to.started_ms()),
        None => Err("there is no synapse.homeserver_yaml that leads to it".to_owned()),
    };
    let keys = match made {
        Ok(keys) => keys,
        Err(reason) => match client.own_keys().await {
            Ok(keys) => keys,
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => {
                let reason = format!("no signing key ({reason}), and {error}");
                return to
                    .send(Record::Problem(problem("server keys", own, &reason)))
                    .await;
            }
        },
    };
    to.send(Record::ServerKeys(own.to_owned(), keys)).await
}

/// The latest object for each key of each other server, as that server signed it, without repetitions.
pub(super) fn others(
    database: &mut Database,
    own: &ServerName,
    servers: BTreeSet<OwnedServerName>,
    to: &Intake,
) -> Result<()> {
    let servers: Vec<_> = servers.into_iter().filter(|server| server != own).collect();
    let total = servers.len() as u64 + 1;
    to.begin(Phase::ExportServerKeys, total);
    let mut done = 1;
    to.done(Phase::ExportServerKeys, done);
    for servers in servers.chunks(TOGETHER) {
        let mut stored = stored(database, servers, to)?;
        for server in servers {
            let objects = stored.remove(server.as_str()).unwrap_or_default();
            if objects.is_empty() {
                let none = problem("server keys", server, "Synapse has none");
                to.send_blocking(Record::Problem(none))?;
            }
            for keys in objects {
                to.send_blocking(Record::ServerKeys(server.clone(), keys))?;
            }
            done += 1;
        }
        to.done(Phase::ExportServerKeys, done);
    }
    Ok(())
}

fn stored(
    database: &mut Database,
    servers: &[OwnedServerName],
    to: &Intake,
) -> Result<BTreeMap<String, Vec<Box<RawValue>>>> {
    let list: Vec<String> = servers
        .iter()
        .map(|server| quote(server.as_str()))
        .collect();
    // The same key may be there several times, once for each notary that was asked.
    let sql = format!(
        "SELECT server_name, key_id, key_json FROM server_keys_json WHERE server_name IN ({}) ORDER BY ts_added_ms",
        list.join(", ")
    );
    let mut latest: BTreeMap<(String, String), Box<RawValue>> = BTreeMap::new();
    database.each(&sql, &mut |row| {
        let server = row.text(0).unwrap_or_default();
        let key = (
            server.to_owned(),
            row.text(1).unwrap_or_default().to_owned(),
        );
        let keys = row.text(2).unwrap_or_default().to_owned();
        match RawValue::from_string(keys) {
            Ok(keys) => drop(latest.insert(key, keys)),
            Err(error) => {
                let reason = format!("its key {} is no JSON ({error})", key.1);
                to.send_blocking(Record::Problem(problem("server keys", server, &reason)))?;
            }
        }
        Ok(())
    })?;
    let mut objects: BTreeMap<String, Vec<Box<RawValue>>> = BTreeMap::new();
    for ((server, _), keys) in latest {
        objects.entry(server).or_default().push(keys);
    }
    for list in objects.values_mut() {
        list.sort_by(|one, other| one.get().cmp(other.get()));
        list.dedup_by(|one, other| one.get() == other.get());
    }
    Ok(objects)
}

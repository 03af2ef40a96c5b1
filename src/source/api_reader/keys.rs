//! The public keys of every server that signed an event in the bundle.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{OwnedServerName, ServerName};

use super::alone::alone;
use crate::{
    Result,
    job::Phase,
    source::{
        admin_api::Client,
        intake::{Intake, Record, problem},
    },
};

/// Servers that are asked for at the same time.
const IN_FLIGHT: usize = 4;

/// Hands over our keys, and the other servers' as Synapse has them.
pub(super) async fn read(
    client: &Client,
    own: &ServerName,
    signers: BTreeSet<OwnedServerName>,
    to: &Intake,
) -> Result<()> {
    let others: Vec<_> = signers.into_iter().filter(|server| server != own).collect();
    to.begin(Phase::ExportServerKeys, others.len() as u64 + 1);
    if let Some(keys) = alone(client.own_keys().await, "server keys", own, to).await? {
        to.send(Record::ServerKeys(own.to_owned(), keys)).await?;
    }
    to.done(Phase::ExportServerKeys, 1);
    let mut answers = futures::stream::iter(others)
        .map(|server| async move {
            let keys = client.remote_keys(&server).await;
            (server, keys)
        })
        .buffered(IN_FLIGHT)
        .zip(futures::stream::iter(2..));
    while let Some(((server, answer), done)) = answers.next().await {
        let keys = alone(answer, "server keys", &server, to).await?;
        if keys.as_ref().is_some_and(Vec::is_empty) {
            let none = problem("server keys", &server, "Synapse has none");
            to.send(Record::Problem(none)).await?;
        }
        for keys in keys.unwrap_or_default() {
            to.send(Record::ServerKeys(server.clone(), keys)).await?;
        }
        to.done(Phase::ExportServerKeys, done);
    }
    Ok(())
}

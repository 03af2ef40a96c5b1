//! The public keys of every server that signed an event in the bundle.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{OwnedServerName, ServerName};

use super::{alone::alone, problem, writing::Writing};
use crate::{Result, job::Job, source::admin_api::Client};

/// Servers that are asked for at the same time.
const IN_FLIGHT: usize = 4;

/// Writes our keys, and the other servers' as Synapse has them.
pub(super) async fn export(
    client: &Client,
    own: &ServerName,
    signers: BTreeSet<OwnedServerName>,
    job: &Job,
    writing: &mut Writing,
) -> Result<()> {
    let mut problems = Vec::new();
    if let Some(keys) = alone(client.own_keys().await, "server keys", own, &mut problems)? {
        writing.server_keys(own.to_owned(), keys);
    }
    let others = signers.into_iter().filter(|server| server != own);
    let mut answers = futures::stream::iter(others)
        .map(async |server| {
            let keys = client.remote_keys(&server).await;
            (server, keys)
        })
        .buffered(IN_FLIGHT);
    while let Some((server, answer)) = answers.next().await {
        job.check()?;
        let keys = alone(answer, "server keys", &server, &mut problems)?;
        if keys.as_ref().is_some_and(Vec::is_empty) {
            problems.push(problem("server keys", &server, "Synapse has none"));
        }
        for keys in keys.unwrap_or_default() {
            writing.server_keys(server.clone(), keys);
        }
    }
    writing.problems(problems);
    Ok(())
}

//! The ways to send.

use anyhow::{Context as _, Result, bail};
use axum::http::Request;
use ferryman::migration::replay;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, value::RawValue};

use super::rooms::{Ready, Room};

/// Transactions that must go one after another.
pub(crate) type Line = Vec<reqwest::Request>;

/// Signs every transaction: one PDU of each of `at_once` rooms in each, as long as they have any.
pub(crate) fn sign(ready: &Ready, rooms: &[Room], at_once: usize) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for rooms in rooms.chunks(at_once) {
        let mut columns = Vec::new();
        for room in rooms {
            let pdus: Result<Vec<_>> = room
                .sent()
                .map(|id| room.open.pdu(id)?.context("it is not there"))
                .collect();
            columns.push(pdus?);
        }
        let length = columns.iter().map(Vec::len).max().unwrap_or_default();
        let mut line = Vec::new();
        for place in 0..length {
            let pdus: Vec<&RawValue> = columns
                .iter()
                .filter_map(|column| Some(&**column.get(place)?))
                .collect();
            let signed = ready.import.sender.transaction(&pdus)?;
            line.push(ready_to_go(ready, signed)?);
        }
        lines.push(line);
    }
    Ok(lines)
}

fn ready_to_go(ready: &Ready, signed: Request<String>) -> Result<reqwest::Request> {
    let url = format!("{}{}", ready.import.target.url(), signed.uri());
    let (parts, body) = signed.into_parts();
    let mut request = reqwest::Request::new(parts.method, url.parse()?);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// The bare loop: it sends, and looks at nothing but that every event was taken.
pub(crate) async fn bare(lines: Vec<Line>, at_once: usize) -> Result<()> {
    let client = reqwest::Client::new();
    let client = &client;
    stream::iter(lines)
        .map(|line| async move {
            for request in line {
                let answer = client.execute(request).await?.error_for_status()?;
                let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
                let pdus = answer["pdus"].as_object().context("no answer")?;
                if let Some(refused) = pdus.values().find(|pdu| pdu.get("error").is_some()) {
                    bail!("{refused}");
                }
            }
            Ok(())
        })
        .buffer_unordered(at_once)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Ferryman's replay.
pub(crate) async fn ferryman(ready: &Ready, rooms: &[Room], at_once: usize) -> Result<()> {
    let import = &ready.import;
    stream::iter(rooms)
        .map(|room| async move {
            replay::run(import, &import.sender, &room.open, &room.plan.name).await
        })
        .buffer_unordered(at_once)
        .try_collect::<Vec<()>>()
        .await?;
    let problems = import.ledger.problems()?;
    if !problems.is_empty() {
        bail!("{problems:?}");
    }
    Ok(())
}

//! Local media: what each user has uploaded, and the contents that are wanted.

use std::{collections::BTreeSet, io::Read, sync::Arc};

use futures::{Stream, StreamExt};
use ruma::{OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::own::Own;
use crate::{
    Error, Result,
    job::Phase,
    model::media::MediaRef,
    source::{
        admin_api::Client,
        intake::{Intake, Record, problem},
    },
};

/// Users whose lists are asked for at the same time, and contents that are loaded at the same time.
const IN_FLIGHT: usize = 8;

#[derive(Deserialize)]
struct Served {
    media_id: String,
    media_type: Option<String>,
    upload_name: Option<String>,
    media_length: Option<u64>,
    created_ts: Option<u64>,
    quarantined_by: Option<String>,
    #[serde(default)]
    safe_from_quarantine: bool,
    /// Only a preview of a web page has one.
    url_cache: Option<String>,
}

/// One item on its way.
struct Item {
    /// Users that are done with it.
    users: u64,
    media: Option<(MediaRef, Option<Box<dyn Read + Send>>)>,
    own: Own,
}

/// Hands over everything by user and media ID.
pub(super) async fn read(
    client: &Arc<Client>,
    server_name: &ServerName,
    users: &BTreeSet<OwnedUserId>,
    to: &Intake,
) -> Result<()> {
    let wanted = users.iter().filter(|user| to.matcher().user(user));
    let users: Vec<_> = wanted.cloned().collect();
    to.begin(Phase::ExportMedia, users.len() as u64);
    let since = to.wanted().media.contents_since(to.started_ms());
    let lists = futures::stream::iter(users)
        .map(|user| async move {
            let mut own = Own::default();
            let list = own.or_none(client.user_media(&user).await, "media list", &user)?;
            Ok((list_of(&user, list.unwrap_or_default(), &mut own), own))
        })
        .buffered(IN_FLIGHT);
    let mut items = std::pin::pin!(
        one_by_one(lists)
            .map(|item| async move {
                let (users, item, mut own) = item?;
                let media = match item {
                    Some(item) => {
                        Some(with_content(client, server_name, item, since, &mut own).await?)
                    }
                    None => None,
                };
                Ok::<_, Error>(Item { users, media, own })
            })
            .buffered(IN_FLIGHT)
    );
    while let Some(item) = items.next().await {
        let Item { users, media, own } = item?;
        own.hand_over(to).await?;
        if let Some((item, content)) = media {
            to.send(Record::Media(item, content)).await?;
        }
        to.done(Phase::ExportMedia, users);
    }
    Ok(())
}

/// Each user's items, then nothing: with how many users are done, and what could not be read.
fn one_by_one(
    lists: impl Stream<Item = Result<(Vec<MediaRef>, Own)>>,
) -> impl Stream<Item = Result<(u64, Option<MediaRef>, Own)>> {
    lists
        .zip(futures::stream::iter(1..))
        .flat_map(|(list, count)| {
            let items: Vec<_> = match list {
                Ok((list, own)) => list
                    .into_iter()
                    .map(|item| Ok((count - 1, Some(item), Own::default())))
                    .chain([Ok((count, None, own))])
                    .collect(),
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(items)
        })
}

fn list_of(user: &UserId, served: Vec<Value>, own: &mut Own) -> Vec<MediaRef> {
    let mut list = Vec::with_capacity(served.len());
    for entry in served {
        let id = entry["media_id"].as_str().unwrap_or("?").to_owned();
        match serde_json::from_value::<Served>(entry) {
            Ok(Served {
                url_cache: Some(_), ..
            }) => {}
            Ok(served) => list.push(MediaRef {
                media_id: served.media_id,
                user_id: Some(user.to_owned()),
                media_type: served.media_type,
                upload_name: served.upload_name,
                length: served.media_length,
                created_ts: served.created_ts,
                sha256: None,
                quarantined_by: served.quarantined_by,
                safe_from_quarantine: served.safe_from_quarantine,
            }),
            Err(error) => own.add(problem("media", &id, &error)),
        }
    }
    list.sort_by(|one, other| one.media_id.cmp(&other.media_id));
    // A page that moved while it was read can bring an item twice.
    list.dedup_by(|one, other| one.media_id == other.media_id);
    list
}

/// With its content, if that is wanted, was uploaded, and may be seen.
async fn with_content(
    client: &Client,
    server_name: &ServerName,
    item: MediaRef,
    since: Option<u64>,
    own: &mut Own,
) -> Result<(MediaRef, Option<Box<dyn Read + Send>>)> {
    let wanted = since.is_some_and(|since| item.created_ts.unwrap_or(u64::MAX) >= since);
    if !wanted || item.length.is_none() {
        return Ok((item, None));
    }
    if let Some(by) = &item.quarantined_by {
        own.add(problem(
            "media content",
            &item.media_id,
            &format!(
                "quarantined by {by}, and Synapse hands it to nobody: use --source db, or take it out of quarantine if people are to see it again"
            ),
        ));
        return Ok((item, None));
    }
    let content = client.media_content(server_name, &item.media_id).await;
    let content = own.or_none(content, "media content", &item.media_id)?;
    Ok((
        item,
        content.map(|content| Box::new(content) as Box<dyn Read + Send>),
    ))
}

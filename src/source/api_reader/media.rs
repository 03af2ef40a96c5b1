//! Local media: what each user has uploaded, and the contents that are wanted.

use std::{collections::BTreeSet, io::Read, sync::Arc};

use futures::{Stream, StreamExt};
use ruma::{OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::own::Own;
use crate::{
    Error, Result,
    bundle::Section,
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

/// Why a quarantined file is not there.
const QUARANTINED: &str = "it is quarantined, and this Synapse has lost it or does not give it to admins, as older ones don't: use --source db";

type Content = Option<Box<dyn Read + Send>>;

/// What comes of the lists, one after the other.
enum Item<T> {
    Media(T),
    /// That was all of a user.
    End(OwnedUserId, Own),
}

/// Hands over everything by user and media ID.
pub(super) async fn read(
    client: &Arc<Client>,
    server_name: &ServerName,
    users: &BTreeSet<OwnedUserId>,
    to: &Intake,
) -> Result<()> {
    let matching = users.iter().filter(|user| to.matcher().user(user));
    let mut users: Vec<_> = matching.cloned().collect();
    to.begin(Phase::ExportMedia, users.len() as u64);
    let all = users.len();
    users.retain(|user| !to.has(Section::Media, user.as_str()));
    let before = (all - users.len()) as u64;
    let since = to.wanted().media.contents_since(to.started_ms());
    let wanted = (since, to.wanted().quarantined);
    let lists = futures::stream::iter(users)
        .map(|user| async move {
            let mut own = Own::default();
            let list = own.or_none(client.user_media(&user).await, "media list", &user)?;
            let list = list_of(&user, list.unwrap_or_default(), &mut own);
            Ok((user, list, own))
        })
        .buffered(IN_FLIGHT);
    let mut items = std::pin::pin!(
        one_by_one(lists)
            .map(|item| async move {
                Ok::<_, Error>(match item? {
                    Item::Media(item) => {
                        let mut own = Own::default();
                        let read =
                            with_content(client, server_name, item, wanted, &mut own).await?;
                        Item::Media((read, own))
                    }
                    Item::End(user, own) => Item::End(user, own),
                })
            })
            .buffered(IN_FLIGHT)
    );
    let mut done = before;
    while let Some(item) = items.next().await {
        match item? {
            Item::Media(((item, content), own)) => {
                own.hand_over(to).await?;
                to.send(Record::Media(item, content)).await?;
            }
            Item::End(user, own) => {
                own.hand_over(to).await?;
                to.send(Record::mark(Section::Media, &user)).await?;
                done += 1;
                to.done(Phase::ExportMedia, done);
            }
        }
    }
    Ok(())
}

/// Each user's items, then the user's end with what could not be read of the list.
fn one_by_one(
    lists: impl Stream<Item = Result<(OwnedUserId, Vec<MediaRef>, Own)>>,
) -> impl Stream<Item = Result<Item<MediaRef>>> {
    lists.flat_map(|list| {
        let items: Vec<_> = match list {
            Ok((user, list, own)) => {
                let items = list.into_iter().map(|item| Ok(Item::Media(item)));
                items.chain([Ok(Item::End(user, own))]).collect()
            }
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

/// With its content, if that is wanted and was uploaded. What is quarantined is left out unless it is asked for: Synapse
/// gives it to no user, and the next server knows no quarantine.
async fn with_content(
    client: &Client,
    server_name: &ServerName,
    item: MediaRef,
    (since, quarantined): (Option<u64>, bool),
    own: &mut Own,
) -> Result<(MediaRef, Content)> {
    let wanted = since.is_some_and(|since| item.created_ts.unwrap_or(u64::MAX) >= since);
    let is_quarantined = item.quarantined_by.is_some();
    if !wanted || item.length.is_none() || (is_quarantined && !quarantined) {
        return Ok((item, None));
    }
    let content = client
        .media_content(server_name, &item.media_id, is_quarantined)
        .await;
    if is_quarantined && matches!(content, Err(Error::Answer { status: 404, .. })) {
        own.add(problem("media content", &item.media_id, QUARANTINED));
        return Ok((item, None));
    }
    let content = own.or_none(content, "media content", &item.media_id)?;
    Ok((item, content.map(|content| Box::new(content) as _)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ruma::server_name;
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{path, query_param},
    };

    use super::*;
    use crate::config;

    /// The content of a quarantined file, and what is told of it.
    async fn read(server: &MockServer, quarantined: bool) -> (Option<String>, String) {
        let client = Client::new(&config::Synapse {
            server_name: None,
            database: None,
            homeserver_yaml: None,
            media_path: None,
            signing_key_for_receipts: None,
            url: server.uri(),
            admin_token: "t".to_owned().into(),
        })
        .unwrap()
        .with_pause(Duration::from_millis(1));
        let item =
            json!({ "media_id": "AAAAevil", "length": 4, "quarantined_by": "@m:ferry.test" });
        let item = serde_json::from_value(item).unwrap();
        let mut own = Own::default();
        let name = server_name!("ferry.test");
        let wanted = (Some(0), quarantined);
        let (_, content) = with_content(&client, name, item, wanted, &mut own)
            .await
            .unwrap();
        let content = content.map(|mut content| {
            let mut text = String::new();
            content.read_to_string(&mut text).unwrap();
            text
        });
        (content, format!("{own:?}"))
    }

    #[tokio::test]
    async fn what_is_quarantined_is_asked_for_only_on_request() {
        let server = MockServer::start().await;
        assert_eq!(read(&server, false).await, (None, "Own([])".to_owned()));
        assert!(server.received_requests().await.unwrap().is_empty());
        // An older Synapse says that there is nothing.
        let nothing = json!({ "errcode": "M_NOT_FOUND", "error": "Not found" });
        Mock::given(path(
            "/_matrix/client/v1/media/download/ferry.test/AAAAevil",
        ))
        .respond_with(ResponseTemplate::new(404).set_body_json(nothing))
        .with_priority(9)
        .mount(&server)
        .await;
        let (content, told) = read(&server, true).await;
        assert_eq!(content, None);
        insta::assert_snapshot!(told, @r#"Own([Problem { step: "media content", subject: "AAAAevil", reason: "it is quarantined, and this Synapse has lost it or does not give it to admins, as older ones don't: use --source db" }])"#);
        Mock::given(query_param("admin_unsafely_bypass_quarantine", "true"))
            .respond_with(ResponseTemplate::new(200).set_body_string("evil"))
            .mount(&server)
            .await;
        let read = read(&server, true).await;
        assert_eq!(read, (Some("evil".to_owned()), "Own([])".to_owned()));
    }
}

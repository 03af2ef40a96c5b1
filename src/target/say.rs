//! Saying something, and seeing what was said since.

use reqwest::Method;
use ruma::{EventId, OwnedEventId, RoomId, UserId};
use serde::Deserialize;
use serde_json::json;

use super::{
    Anything, Target,
    resend::transaction,
    room::{Direction, TimelineEvent},
};
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::{ExposeSecret, random_token},
};

/// The type of an event that no client shows.
const HELLO: &str = "im.ferryman.hello";

#[derive(Debug, Deserialize)]
struct Sent {
    event_id: OwnedEventId,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

impl Target {
    /// Says something as the bot.
    pub async fn say(&self, room: &RoomId, text: &str) -> Result<OwnedEventId> {
        let transaction = random_token();
        let path = path(
            room,
            &format!("send/m.room.message/{}", transaction.expose_secret()),
        );
        let request = Request::put(path, &json!({ "msgtype": "m.notice", "body": text }));
        let sent: Sent = self.bot_http.send(&request).await?;
        Ok(sent.event_id)
    }

    /// Whether the bot sees an event.
    pub async fn hears(&self, room: &RoomId, event: &EventId) -> Result<bool> {
        let path = path(room, &format!("event/{}", encode(event.as_str())));
        let found = self.bot_http.find::<Anything>(&Request::get(path)).await?;
        Ok(found.is_some())
    }

    /// Sends an event that no client shows, as a puppet: once in each room, however often it is asked for by the same name.
    pub async fn hello(&self, user: &UserId, room: &RoomId, name: &str) -> Result<OwnedEventId> {
        let path = path(room, &format!("send/{HELLO}/{}", transaction(room, name)));
        let body = json!({ "body": "This room's server has moved to new software." });
        let request = Self::as_user(Request::put(path, &body), user);
        let sent: Sent = self.puppets_http.send(&request).await?;
        Ok(sent.event_id)
    }

    /// How many events a room has had since a time, in milliseconds since the Unix epoch, as a member sees it; those of
    /// [`hello`](Self::hello) don't count.
    pub async fn said_since(&self, reader: &UserId, room: &RoomId, since_ts: u64) -> Result<u64> {
        let mut count = 0;
        let newer = |event: &&TimelineEvent| event.origin_server_ts >= since_ts;
        let counted = |page: Vec<TimelineEvent>| {
            let new = page.iter().filter(newer);
            count += new.filter(|event| event.kind != HELLO).count() as u64;
            // Some come late, with the time at which they were said elsewhere.
            page.iter().any(|event| newer(&event))
        };
        self.pages(reader, room, Direction::Backward, counted)
            .await?;
        Ok(count)
    }

    /// What the server lets strangers do, in one clause; nothing if they can't make accounts.
    pub async fn lets_strangers_in(&self) -> Result<Option<&'static str>> {
        let request = Request::post("/_matrix/client/v3/register", &json!({}));
        let answer = self
            .anonymous_http
            .relay(
                Method::POST,
                "/_matrix/client/v3/register",
                &reqwest::header::HeaderMap::new(),
                b"{}".to_vec(),
            )
            .await?;
        match answer.status.as_u16() {
            403 => Ok(None),
            401 => Ok(Some(
                "accounts can still be made, with the token or in whichever way it asks for",
            )),
            200 => Ok(Some("anybody can make an account")),
            _ => Err(self.anonymous_http.unexpected(&request, &answer)),
        }
    }

    /// The same server by another address, in a hurry.
    pub fn at(&self, url: &str) -> Result<Self, Error> {
        Ok(Self {
            puppets_http: self.puppets_http.at(url)?,
            bot_http: self.bot_http.at(url)?,
            anonymous_http: self.anonymous_http.at(url)?,
            ..self.clone()
        }
        .hurried())
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{query_param, query_param_is_missing},
    };

    use super::*;
    use crate::config::{self, Tokens};

    #[tokio::test]
    async fn one_that_came_late_ends_no_counting() {
        let server = MockServer::start().await;
        let page = |times: &[u64], end: Option<&str>| {
            let event = |ts: &u64| json!({ "event_id": format!("$e{ts}"), "type": "m.room.message", "sender": "@a:x", "origin_server_ts": ts, "content": {} });
            let chunk: Vec<_> = times.iter().map(event).collect();
            ResponseTemplate::new(200).set_body_json(json!({ "chunk": chunk, "end": end }))
        };
        for (from, page) in [
            (None, page(&[30, 5, 20], Some("2"))),
            (Some("2"), page(&[15, 12], Some("3"))),
            (Some("3"), page(&[4, 3], Some("4"))),
        ] {
            let mock = match from {
                None => Mock::given(query_param_is_missing("from")),
                Some(from) => Mock::given(query_param("from", from)),
            };
            mock.respond_with(page).expect(1).mount(&server).await;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut config = config::sample(dir.path());
        config.target.url = server.uri();
        let target = Target::new(&config, &Tokens::load_or_make(dir.path()).unwrap()).unwrap();
        let said = target.said_since(user_id!("@a:x"), room_id!("!r:x"), 10);
        assert_eq!(said.await.unwrap(), 4);
    }
}

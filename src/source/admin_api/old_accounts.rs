//! Acting as old accounts: the one place that writes to Synapse. It invites, gives power and leaves, and nothing else.
//!
//! Only an import with `--mode federation` has it. Each act has a token of its own, which is in memory alone, is logged
//! out at once, and ends by itself after some minutes where that fails.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Client, Who};
use crate::{
    Error, Result,
    clock::Clock,
    http::{Request, encode},
    model::state_pair::StatePair,
};

const MEMBER: &str = "m.room.member";

/// How long a token is good that could not be logged out.
const GOOD_FOR_MS: u64 = 5 * 60 * 1_000;

/// The accounts that are left.
pub struct OldAccounts {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Has a token, and can't log in as itself.
    admin: OnceCell<OwnedUserId>,
}

#[derive(Deserialize)]
struct Anything {}

#[derive(Deserialize)]
struct Member {
    membership: String,
}

#[derive(Deserialize)]
struct MemberEvent {
    content: Member,
}

/// A room's state of today.
#[derive(Debug, Clone, Default)]
pub struct Today {
    /// Types and state keys.
    pub keys: Vec<(String, String)>,
    /// Each member's membership, by user ID.
    pub memberships: BTreeMap<String, String>,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

impl OldAccounts {
    /// By an admin's client; nothing is asked yet.
    #[must_use]
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            admin: OnceCell::new(),
        }
    }

    /// Somebody's membership of a room, as one of its members sees it; nothing if they never were there.
    pub async fn membership(
        &self,
        reader: &UserId,
        room: &RoomId,
        of: &UserId,
    ) -> Result<Option<String>> {
        let what = format!("state/m.room.member/{}", encode(of.as_str()));
        let request = Request::get(path(room, &what));
        let found: Option<Member> = self
            .acting(reader, async |who| {
                self.client.http.find(&who.asks(request)).await
            })
            .await?;
        Ok(found.map(|member| member.membership))
    }

    /// The content of a room's power levels; null if Synapse says that there are none.
    pub async fn levels(&self, reader: &UserId, room: &RoomId) -> Result<Value> {
        let request = Request::get(path(room, "state/m.room.power_levels"));
        let found: Option<Value> = self
            .acting(reader, async |who| {
                self.client.http.find_known(&who.asks(request)).await
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// A room as it is today, as the admin sees it.
    pub async fn today(&self, room: &RoomId) -> Result<Today> {
        let state = self.client.room_state(room).await?;
        let mut today = Today::default();
        for event in &state {
            let Ok(StatePair { kind, state_key }) = serde_json::from_str(event.get()) else {
                continue;
            };
            if kind == MEMBER
                && let Ok(event) = serde_json::from_str::<MemberEvent>(event.get())
            {
                let membership = event.content.membership;
                today.memberships.insert(state_key.clone(), membership);
            }
            today.keys.push((kind, state_key));
        }
        Ok(today)
    }

    /// Invites somebody. Tried once: whether an answer was lost on its way is for the caller to look at.
    pub async fn invite(&self, by: &UserId, room: &RoomId, guest: &UserId) -> Result<()> {
        let request = Request::post(path(room, "invite"), &json!({ "user_id": guest })).once();
        self.sent(by, request).await
    }

    /// Sets a room's power levels; the same twice is one event.
    pub async fn set_levels(&self, by: &UserId, room: &RoomId, levels: &Value) -> Result<()> {
        self.sent(
            by,
            Request::put(path(room, "state/m.room.power_levels"), levels),
        )
        .await
    }

    /// Leaves a room.
    pub async fn leave(&self, user: &UserId, room: &RoomId) -> Result<()> {
        self.sent(user, Request::post(path(room, "leave"), &json!({})))
            .await
    }

    async fn sent(&self, by: &UserId, request: Request) -> Result<()> {
        self.acting(by, async |who| {
            self.client.http.send::<Anything>(&who.asks(request)).await
        })
        .await?;
        Ok(())
    }

    async fn acting<T>(&self, user: &UserId, act: impl AsyncFnOnce(Who) -> Result<T>) -> Result<T> {
        let admin = self.admin.get_or_try_init(|| self.client.whoami()).await?;
        if user == admin {
            return act(Who::Admin).await;
        }
        let until = self.clock.now_ms().saturating_add(GOOD_FOR_MS);
        let token = self.client.log_in_as(user, until).await.map_err(|error| match error {
            Error::Answer { errcode, .. } if errcode == "M_UNRECOGNIZED" => Error::Target(
                "this Synapse lets nobody log in as another user (it is so where a Matrix Authentication Service answers logins), so no old account can act here: let one of the room's moderators do it"
                    .to_owned(),
            ),
            other => other,
        })?;
        let acted = act(Who::User(token.clone())).await;
        if let Err(error) = self.client.log_out(&token).await {
            tracing::warn!(%user, %error, "the token that acted as an old account could not be logged out: it ends within minutes");
        }
        acted
    }
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, user_id};
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{body_json, header, method, path},
    };

    use super::*;
    use crate::{clock::FixedClock, config::sample};

    const ANNA: &str = "@anna:ferry.test";

    fn anna() -> &'static UserId {
        user_id!("@anna:ferry.test")
    }

    fn ben() -> &'static UserId {
        user_id!("@ben:ferry.test")
    }

    async fn old_accounts(server: &MockServer) -> OldAccounts {
        let dir = tempfile::tempdir().unwrap();
        let mut config = sample(dir.path());
        config.synapse.url = server.uri();
        Mock::given(path("/_matrix/client/v3/account/whoami"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "user_id": ANNA })))
            .mount(server)
            .await;
        OldAccounts::new(
            Client::new(&config.synapse).unwrap(),
            Arc::new(FixedClock(1_000)),
        )
    }

    #[tokio::test]
    async fn an_act_has_a_token_of_its_own_that_is_logged_out() {
        let server = MockServer::start().await;
        let old = old_accounts(&server).await;
        let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        Mock::given(method("POST"))
            .and(path("/_synapse/admin/v1/users/%40ben%3Aferry.test/login"))
            .and(body_json(json!({ "valid_until_ms": 301_000 })))
            .respond_with(ok(json!({ "access_token": "bens" })))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(path("/_matrix/client/v3/rooms/%21r%3Aferry.test/invite"))
            .and(header("authorization", "Bearer bens"))
            .and(body_json(json!({ "user_id": "@ben:new.test" })))
            .respond_with(ok(json!({})))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(path("/_matrix/client/v3/logout"))
            .and(header("authorization", "Bearer bens"))
            .respond_with(ok(json!({})))
            .expect(1)
            .mount(&server)
            .await;
        let room = room_id!("!r:ferry.test");
        old.invite(ben(), room, user_id!("@ben:new.test"))
            .await
            .unwrap();
        // The admin needs no login.
        Mock::given(path("/_matrix/client/v3/rooms/%21r%3Aferry.test/leave"))
            .and(header("authorization", "Bearer syt_secret"))
            .respond_with(ok(json!({})))
            .expect(1)
            .mount(&server)
            .await;
        old.leave(anna(), room).await.unwrap();
    }

    #[tokio::test]
    async fn a_synapse_that_lets_nobody_act_for_others_is_told() {
        let server = MockServer::start().await;
        let old = old_accounts(&server).await;
        let unknown = json!({ "errcode": "M_UNRECOGNIZED", "error": "?" });
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(404).set_body_json(unknown))
            .mount(&server)
            .await;
        let error = old
            .leave(ben(), room_id!("!r:ferry.test"))
            .await
            .unwrap_err();
        insta::assert_snapshot!(error, @"this Synapse lets nobody log in as another user (it is so where a Matrix Authentication Service answers logins), so no old account can act here: let one of the room's moderators do it");
    }
}

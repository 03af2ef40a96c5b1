//! A homeserver that only remembers, and its faults.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path_regex},
};

use super::super::{
    enable::{Enabled, Wanted, enable},
    server_backup::ALGORITHM,
};
use super::NOW;
use crate::{Result, bot_keys::account::Account};

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_mins(1);

/// What it remembers, and how it behaves.
#[derive(Default)]
pub(in crate::bot_keys) struct Memory {
    pub(in crate::bot_keys) versions: Vec<Value>,
    /// Room → session → entry.
    pub(in crate::bot_keys) sessions: BTreeMap<String, Map<String, Value>>,
    pub(in crate::bot_keys) account_data: BTreeMap<String, Value>,
    pub(in crate::bot_keys) puts: u32,
    /// More sessions than that in one request are too large.
    pub(in crate::bot_keys) most: Option<usize>,
    /// Each of so many requests fails.
    pub(in crate::bot_keys) fails_every: Option<u32>,
    /// Each of so many requests is too soon after another.
    pub(in crate::bot_keys) limits_every: Option<u32>,
    /// All requests but the first question who somebody is.
    pub(in crate::bot_keys) requests: u32,
    /// Somebody is told of the request of this number, which is carried out and not answered.
    pub(in crate::bot_keys) alarm: Option<(u32, Arc<Notify>)>,
    /// It makes no version.
    pub(in crate::bot_keys) refuses_versions: bool,
    /// It takes none.
    pub(in crate::bot_keys) refuses_all: bool,
    /// A session that it never takes.
    pub(in crate::bot_keys) refuses: Option<String>,
    /// The answer about a new version gets lost.
    pub(in crate::bot_keys) loses_answer: bool,
    /// The keys of the bot's devices and its identity: the answer to `/keys/query`.
    pub(in crate::bot_keys) published: Value,
    /// After so many requests somebody begins another version.
    pub(in crate::bot_keys) replaced_after: Option<u32>,
}

impl Memory {
    fn put(&mut self, request: &Request) -> ResponseTemplate {
        self.puts += 1;
        if self.replaced_after == Some(self.puts) {
            self.begin(&json!({"auth_data": {"public_key": "b3RoZXI"}}));
        }
        let version = request
            .url
            .query_pairs()
            .find(|(name, _)| name == "version");
        let newest = self.versions.last().unwrap();
        if newest["version"].as_str() != version.as_ref().map(|(_, it)| &**it) {
            return answer(400, "M_INVALID_PARAM");
        }
        if self
            .limits_every
            .is_some_and(|every| self.puts.is_multiple_of(every))
        {
            let body = json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1});
            return ResponseTemplate::new(429).set_body_json(body);
        }
        if self
            .fails_every
            .is_some_and(|every| self.puts.is_multiple_of(every))
        {
            return answer(500, "M_UNKNOWN");
        }
        if self.refuses_all {
            return answer(400, "M_BAD_JSON");
        }
        let body: Value = request.body_json().unwrap();
        let rooms = body["rooms"].as_object().unwrap();
        let all = |room: &Value| room["sessions"].as_object().unwrap().clone();
        let count: usize = rooms.values().map(|room| all(room).len()).sum();
        if self.most.is_some_and(|most| count > most) {
            return answer(413, "M_TOO_LARGE");
        }
        for (room, sessions) in rooms {
            let sessions = all(sessions);
            if self
                .refuses
                .as_ref()
                .is_some_and(|it| sessions.contains_key(it))
            {
                return answer(400, "M_BAD_JSON");
            }
            self.sessions
                .entry(room.clone())
                .or_default()
                .extend(sessions);
        }
        ResponseTemplate::new(200).set_body_json(json!({"count": self.count(), "etag": "e"}))
    }

    /// Whether nobody waits for the answer to this request any more.
    fn tick(&mut self) -> bool {
        self.requests += 1;
        match &self.alarm {
            Some((number, alarm)) if *number == self.requests => {
                alarm.notify_one();
                true
            }
            _ => false,
        }
    }

    fn count(&self) -> usize {
        self.sessions.values().map(Map::len).sum()
    }

    fn begin(&mut self, body: &Value) -> ResponseTemplate {
        let version = (self.versions.len() + 1).to_string();
        self.versions.push(json!({
            "version": version, "algorithm": ALGORITHM, "auth_data": body["auth_data"], "etag": "0",
        }));
        self.sessions.clear();
        if std::mem::take(&mut self.loses_answer) {
            return ResponseTemplate::new(502).set_body_string("<html>");
        }
        ResponseTemplate::new(200).set_body_json(json!({ "version": version }))
    }
}

fn answer(status: u16, errcode: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"errcode": errcode, "error": "no"}))
}

pub(in crate::bot_keys) struct Homeserver {
    pub(in crate::bot_keys) server: MockServer,
    pub(in crate::bot_keys) memory: Arc<Mutex<Memory>>,
}

impl Homeserver {
    pub(in crate::bot_keys) async fn start() -> Self {
        Self::of("@bot:x").await
    }

    /// With this user's account.
    pub(in crate::bot_keys) async fn of(user: &str) -> Self {
        let server = MockServer::start().await;
        let memory = Arc::<Mutex<Memory>>::default();
        let whoami = json!({"user_id": user, "device_id": "OLD"});
        Mock::given(path_regex("/account/whoami$"))
            .respond_with(ResponseTemplate::new(200).set_body_json(whoami))
            .mount(&server)
            .await;
        let on =
            async |verb: &str, path: &str, act: fn(&mut Memory, &Request) -> ResponseTemplate| {
                let memory = Arc::clone(&memory);
                Mock::given(method(verb))
                    .and(path_regex(path))
                    .respond_with(move |request: &Request| {
                        let mut memory = memory.lock().unwrap();
                        let is_last = memory.tick();
                        let answer = act(&mut memory, request);
                        if is_last {
                            answer.set_delay(NEVER)
                        } else {
                            answer
                        }
                    })
                    .mount(&server)
                    .await;
            };
        on("GET", "/room_keys/version$", |memory, _| {
            let count = memory.count();
            match memory.versions.last_mut() {
                None => answer(404, "M_NOT_FOUND"),
                Some(version) => {
                    version["count"] = json!(count);
                    ResponseTemplate::new(200).set_body_json(&*version)
                }
            }
        })
        .await;
        on("POST", "/room_keys/version$", |memory, request| {
            if memory.refuses_versions {
                return answer(403, "M_FORBIDDEN");
            }
            memory.begin(&request.body_json().unwrap())
        })
        .await;
        on("PUT", "/room_keys/keys$", Memory::put).await;
        on("GET", "/room_keys/keys/", |memory, request| {
            let room = last(request);
            match memory.sessions.get(&room) {
                None => answer(404, "M_NOT_FOUND"),
                Some(found) => {
                    ResponseTemplate::new(200).set_body_json(json!({ "sessions": found }))
                }
            }
        })
        .await;
        on("GET", "/account_data/", |memory, request| {
            match memory.account_data.get(&last(request)) {
                None => answer(404, "M_NOT_FOUND"),
                Some(found) => ResponseTemplate::new(200).set_body_json(found),
            }
        })
        .await;
        on("PUT", "/account_data/", |memory, request| {
            let body = request.body_json().unwrap();
            memory.account_data.insert(last(request), body);
            ResponseTemplate::new(200).set_body_json(json!({}))
        })
        .await;
        on("POST", "/keys/query$", |memory, request| {
            let body: Value = request.body_json().unwrap();
            let asked = body["device_keys"].as_object().unwrap();
            assert!(asked.values().all(|devices| *devices == json!([])));
            assert_eq!(asked.len(), 1);
            ResponseTemplate::new(200).set_body_json(&memory.published)
        })
        .await;
        Self { server, memory }
    }

    pub(in crate::bot_keys) async fn account(&self) -> Account {
        let account = Account::of_token(&self.server.uri(), "t0ken".into()).await;
        account.unwrap().impatient()
    }

    pub(in crate::bot_keys) fn set(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.lock().unwrap());
    }

    pub(in crate::bot_keys) async fn enable(
        &self,
        folder: &Path,
        wanted: &Wanted,
    ) -> Result<Enabled> {
        enable(&self.account().await, folder, wanted, NOW, &|_| Ok(())).await
    }
}

fn last(request: &Request) -> String {
    let path = request.url.path_segments().unwrap().next_back().unwrap();
    percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

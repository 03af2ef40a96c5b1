//! A homeserver of a few lines, at which the bridge can be stopped in the middle of any request.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::secret::{ExposeSecret, random_token};

/// Where in a request the bridge is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Nothing has been done yet.
    Before,
    /// It is done, but nobody hears of it.
    After,
}

/// What it knows.
#[derive(Default)]
pub(super) struct World {
    /// User and password.
    pub(super) passwords: BTreeMap<String, String>,
    /// Token, user and device.
    pub(super) sessions: BTreeSet<(String, String, String)>,
    /// Every password that a request has brought to `/account/password` without proof.
    pub(super) unproven: Vec<String>,
    interactive: BTreeSet<String>,
    requests: usize,
    stop: Option<(usize, Moment)>,
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) address: SocketAddr,
    /// Rung when a request hangs.
    pub(super) stopped: Arc<Notify>,
}

pub(super) const KEY: &str = "ed25519:f";

impl Fake {
    pub(super) async fn start(users: &[(&str, &str)]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            world: Arc::default(),
            address: listener.local_addr().unwrap(),
            stopped: Arc::default(),
        };
        for (user, password) in users {
            let mut world = fake.world.lock().unwrap();
            world
                .passwords
                .insert((*user).to_owned(), (*password).to_owned());
        }
        let routes = Router::new()
            .route("/_matrix/client/v3/login", post(login).get(flows))
            .route("/_matrix/client/v3/account/password", post(password))
            .route("/_matrix/client/v3/logout", post(logout))
            .route_layer(middleware::from_fn_with_state(fake.clone(), hang))
            .route("/_matrix/key/v2/server", get(keys))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        fake
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the request of this number, counted from one and from now, hang and never end.
    pub(super) fn stop_at(&self, stop: Option<(usize, Moment)>) {
        let mut world = self.world.lock().unwrap();
        world.requests = 0;
        world.stop = stop;
    }

    pub(super) fn devices(&self, user: &str) -> Vec<String> {
        let world = self.world.lock().unwrap();
        let own = world.sessions.iter().filter(|(_, owner, _)| owner == user);
        own.map(|(_, _, device)| device.clone()).collect()
    }
}

async fn hang(State(fake): State<Fake>, request: Request, next: Next) -> Response {
    let stop = {
        let mut world = fake.world.lock().unwrap();
        world.requests += 1;
        world.stop.filter(|(number, _)| *number == world.requests)
    };
    let answer = match stop {
        Some((_, Moment::Before)) => None,
        _ => Some(next.run(request).await),
    };
    if let (None, Some(answer)) = (stop, answer) {
        return answer;
    }
    fake.stopped.notify_one();
    std::future::pending().await
}

async fn keys() -> Json<Value> {
    Json(
        json!({ "server_name": "ferry.test", "verify_keys": { KEY: { "key": "abc" } }, "old_verify_keys": {} }),
    )
}

async fn flows() -> Json<Value> {
    Json(json!({ "flows": [{ "type": "m.login.password" }] }))
}

fn refused() -> Response {
    let body = json!({ "errcode": "M_FORBIDDEN", "error": "Wrong username or password." });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn login(State(fake): State<Fake>, Json(body): Json<Value>) -> Response {
    let name = text(&body["identifier"]["user"]);
    let name = name.strip_prefix('@').unwrap_or(&name);
    let user = format!(
        "@{}:ferry.test",
        name.split(':').next().unwrap().to_lowercase()
    );
    let mut world = fake.world.lock().unwrap();
    if world
        .passwords
        .get(&user)
        .is_none_or(|known| *known != text(&body["password"]))
    {
        return refused();
    }
    let token = random_token().expose_secret().to_owned();
    let device = match text(&body["device_id"]) {
        given if given.is_empty() => format!("D{}", &token[..6]),
        given => given,
    };
    world
        .sessions
        .retain(|(_, owner, other)| (owner, other) != (&user, &device));
    world
        .sessions
        .insert((token.clone(), user.clone(), device.clone()));
    Json(json!({ "user_id": user, "access_token": token, "device_id": device })).into_response()
}

/// Whose token it is.
fn owner(world: &World, headers: &HeaderMap) -> Option<String> {
    let token = headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    let session = world.sessions.iter().find(|(known, ..)| known == token)?;
    Some(session.1.clone())
}

async fn password(
    State(fake): State<Fake>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut world = fake.world.lock().unwrap();
    let Some(user) = owner(&world, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let new = text(&body["new_password"]);
    let auth = &body["auth"];
    if auth.is_null() {
        let session = random_token().expose_secret().to_owned();
        world.interactive.insert(session.clone());
        world.unproven.push(new);
        let body = json!({ "session": session, "flows": [{ "stages": ["m.login.password"] }], "params": {} });
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    }
    let proven = world.interactive.remove(&text(&auth["session"]))
        && auth["identifier"]["user"] == json!(user)
        && world.passwords.get(&user) == Some(&text(&auth["password"]));
    if !proven || body["logout_devices"] != json!(false) {
        return refused();
    }
    world.passwords.insert(user, new);
    Json(json!({})).into_response()
}

async fn logout(State(fake): State<Fake>, headers: HeaderMap) -> Response {
    let mut world = fake.world.lock().unwrap();
    let before = world.sessions.len();
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let token = token
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    world.sessions.retain(|(known, ..)| known != token);
    if world.sessions.len() == before {
        let body = json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "Unknown access token." });
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    }
    Json(json!({})).into_response()
}

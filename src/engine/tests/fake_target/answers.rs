//! From a request to what the world says to it.

use std::{collections::BTreeMap, future::pending};

use axum::{
    Json,
    body::to_bytes,
    extract::{Query, Request, State},
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use ruma::http_headers::{ContentDisposition, ContentDispositionType};
use serde_json::{Value, json};

use super::{
    App,
    gate::{Fate, When},
    world::{Fault, World},
};

use crate::target::admin_room::MARK;

const BODY_LIMIT: usize = 1024 * 1024;

/// Every request comes here, so that every one is counted.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    match app.gate.pass() {
        Fate::Answered => answer(&app, request).await,
        Fate::LastOne(when) => {
            if when == When::After {
                answer(&app, request).await;
            }
            app.gate.close();
            pending().await
        }
        Fate::Stumbled(when) => {
            if when == When::After {
                answer(&app, request).await;
            }
            (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>").into_response()
        }
        Fate::Broken if ["GET", "HEAD"].contains(&request.method().as_str()) => {
            answer(&app, request).await
        }
        Fate::Broken => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({ "errcode": "M_UNKNOWN", "error": "Internal server error occurred" })),
        )
            .into_response(),
        Fate::TooLate => pending().await,
    }
}

async fn answer(app: &App, request: Request) -> Response {
    let asked = Asked::of(request).await;
    if let [.., "media", "download", _, id] = asked.segments()[..] {
        return medium(&app.world.lock().unwrap(), id);
    }
    let said = {
        let mut world = app.world.lock().unwrap();
        let sent = (asked.token.as_str(), &asked.body);
        let by_synapse = world.old_synapse(&asked.method, &asked.segments(), sent);
        by_synapse.unwrap_or_else(|| say(&mut world, &asked))
    };
    match said {
        Ok(answer) => Json(answer).into_response(),
        Err(Fault(status, errcode, error)) => (
            StatusCode::from_u16(status).unwrap(),
            Json(json!({ "errcode": errcode, "error": error })),
        )
            .into_response(),
    }
}

/// A file, for `HEAD` and `GET`.
fn medium(world: &World, id: &str) -> Response {
    let Some(medium) = world.media.get(id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let disposition =
        ContentDisposition::new(ContentDispositionType::Inline).with_filename(medium.name.clone());
    let headers = [
        (CONTENT_TYPE, medium.media_type.clone()),
        (CONTENT_LENGTH, medium.content.len().to_string()),
        (CONTENT_DISPOSITION, disposition.to_string()),
    ];
    (headers, medium.content.clone()).into_response()
}

/// A request, decoded.
struct Asked {
    method: String,
    path: Vec<String>,
    query: BTreeMap<String, String>,
    body: Value,
    /// A session's is its user's name.
    token: String,
}

impl Asked {
    async fn of(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let Query(query) = Query::try_from_uri(&parts.uri).unwrap();
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let path = parts.uri.path().split('/').skip(1).map(decoded).collect();
        let token = parts.headers.get("authorization");
        let token = token.and_then(|token| token.to_str().unwrap().strip_prefix("Bearer "));
        let token = token.unwrap_or_default().to_owned();
        let body = to_bytes(body, BODY_LIMIT).await.unwrap();
        Self {
            method: parts.method.to_string(),
            path,
            query,
            token,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    fn asks(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

fn say(world: &mut World, asked: &Asked) -> Result<Value, Fault> {
    let path = asked.segments();
    let Some(("_matrix", path)) = path.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(Fault(404, "M_UNRECOGNIZED", "no such place"));
    };
    let (user, body) = (asked.asks("user_id"), &asked.body);
    // Whether the admin room answers is asked with a command that changes nothing.
    let is_mark = body["body"] == format!("!admin {MARK}");
    if asked.method != "GET" && !is_mark {
        let change = format!("{} {}", asked.method, path.join("/"));
        world.changes.push(change);
    }
    match (asked.method.as_str(), path) {
        ("GET", ["federation", "v1", "version"]) => {
            Ok(json!({ "server": { "name": "Tuwunel", "version": world.version } }))
        }
        ("GET", ["client", "versions"]) => Ok(json!({ "versions": ["v1.11"] })),
        ("PUT", ["federation", "v1", "send", _]) => Ok(world.transaction(body)),
        ("GET", ["key", "v2", "server"]) => {
            let keys = json!({ "ed25519:new": { "key": world.key } });
            let old = world.old_keys();
            Ok(json!({ "server_name": "ferry.test", "verify_keys": keys, "old_verify_keys": old }))
        }
        (method, ["client", "v3", path @ ..]) => match (method, path) {
            ("GET", ["capabilities"]) => {
                let versions = json!({ "10": "stable", "11": "stable", "12": "stable" });
                Ok(
                    json!({ "capabilities": { "m.room_versions": { "default": "12", "available": versions } } }),
                )
            }
            // It doesn't look at tokens.
            ("GET", ["account", "whoami"]) => Ok(json!({ "user_id": "@ferryman:ferry.test" })),
            ("GET", ["register", "available"]) => world.available(asked.asks("username")),
            ("POST", ["register"]) => world.register(body),
            ("POST", ["login"]) => world.login(body),
            ("GET", ["profile", user]) => world.profile(user),
            ("PUT", ["profile", user, field]) => world.set_profile(user, field, body),
            ("GET", ["joined_rooms"]) => Ok(json!({ "joined_rooms": world.joined_rooms(user) })),
            ("POST", ["join", room]) => world.join(user, room),
            ("POST", ["rooms", room, "leave"]) => world.leave(user, room),
            ("GET", ["rooms", room, "state"]) => world.state(user, room),
            ("POST", ["createRoom"]) => world.create_room(user, body),
            ("GET", ["rooms", room, "state", kind]) => world.state_of(user, room, (kind, "")),
            ("GET", ["rooms", room, "state", kind, key]) => world.state_of(user, room, (kind, key)),
            ("PUT", ["rooms", room, "state", kind]) => {
                world.put_state(user, room, (kind, ""), body)
            }
            ("PUT", ["rooms", room, "state", kind, key]) if world.is_made(room) => {
                world.put_state(user, room, (kind, key), body)
            }
            ("PUT", ["rooms", room, "state", "m.room.member", of]) if *of == user => {
                world.set_member(user, room, body)
            }
            ("GET", ["rooms", room, "messages"]) => {
                world.messages(user, room, asked.asks("dir"), asked.asks("from"))
            }
            ("GET", ["rooms", room, "event", event]) => world.event(user, room, event),
            ("POST", ["rooms", room, "receipt", kind, event]) => {
                world.set_receipt([user, room, kind, event])
            }
            ("POST", ["rooms", room, "read_markers"]) => world.set_read_marker([user, room], body),
            (method, ["user", _, path @ ..]) => match (method, path) {
                ("GET", ["account_data", kind]) => world.account_data([user, "", kind]),
                ("PUT", ["account_data", kind]) => world.set_account_data([user, "", kind], body),
                ("GET", ["rooms", room, "account_data", kind]) => {
                    world.account_data([user, room, kind])
                }
                ("PUT", ["rooms", room, "account_data", kind]) => {
                    world.set_account_data([user, room, kind], body)
                }
                _ => Err(Fault(404, "M_UNRECOGNIZED", "no such place")),
            },
            ("GET", ["pushrules", ""]) => Ok(world.push_rules(user)),
            (method, ["pushrules", "global", kind, rule, what @ ..]) => {
                let what = what.first().copied().unwrap_or_default();
                world.change_push_rule((user, method), (kind, rule, what), body)
            }
            ("GET", ["sync"]) => Ok(world.sync(&asked.token)),
            ("POST", ["logout"]) => Ok(json!({})),
            ("PUT", ["rooms", room, "send", kind, transaction]) if world.is_made(room) => {
                let ts = asked.asks("ts").parse().unwrap();
                world.say((user, room), (kind, transaction), ts, body)
            }
            ("PUT", ["rooms", room, "redact", event, _]) => world.redact(user, room, event),
            ("PUT", ["rooms", _, "send", "m.room.message", _]) => Ok(world.command(body)),
            ("GET", ["directory", "room", alias]) => world.resolve(alias),
            ("PUT", ["directory", "room", alias]) => world.set_alias(alias, body),
            ("POST", ["keys", "query"]) => Ok(world.seen_keys(user, body)),
            ("POST", ["keys", "device_signing", "upload"]) => world.upload_keys(user, body),
            ("POST", ["keys", "signatures", "upload"]) => Ok(world.upload_signatures(user, body)),
            ("GET", ["room_keys", "version"]) => world.backup(user),
            ("POST", ["room_keys", "version"]) => Ok(world.create_backup(user, body)),
            ("PUT", ["room_keys", "keys"]) => {
                world.put_backup_keys(user, asked.asks("version"), body)
            }
            ("GET", ["room_keys", "keys"]) => world.backup_keys(user, asked.asks("version")),
            _ => Err(Fault(404, "M_UNRECOGNIZED", "no such place")),
        },
        _ => Err(Fault(404, "M_UNRECOGNIZED", "no such place")),
    }
}

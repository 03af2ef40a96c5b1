//! Whether the server takes what somebody writes. Found out by writes that no server would carry out: they come without a
//! token or a signature, and so are refused by a server that listens, and by a closed door before they reach it.

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask;
use crate::http::{Http, Relayed};

/// A client's message.
const MESSAGE: &str = "/_matrix/client/v3/rooms/%21ferryman/send/m.room.message/ferryman";
/// A client's login.
const LOGIN: &str = "/_matrix/client/v3/login";
/// Another server's events.
const TRANSACTION: &str = "/_matrix/federation/v1/send/ferryman";

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A server took the request, and asked who sends it.
    Open,
    /// It was answered with a 503: whoever tries writes again later.
    Closed,
    /// Neither; what came instead, in one clause.
    Unclear(String),
}

/// All ways in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// What clients write.
    pub messages: Door,
    /// Logins: a new device could be made.
    pub logins: Door,
    /// What other servers send.
    pub servers: Door,
    /// Why clients can't even read, if so.
    pub unread: Option<String>,
}

impl Doors {
    /// Nobody can write, and everybody can read.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.unread.is_none() && self.all().iter().all(|door| **door == Door::Closed)
    }

    /// Everybody can write.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.unread.is_none() && self.all().iter().all(|door| **door == Door::Open)
    }

    /// Somebody can write.
    #[must_use]
    pub fn is_any_open(&self) -> bool {
        self.all().iter().any(|door| **door == Door::Open)
    }

    fn all(&self) -> [&Door; 3] {
        [&self.messages, &self.logins, &self.servers]
    }
}

/// Tries each door.
pub(super) async fn look(clients: &Http, servers: &Http) -> Doors {
    let unread = match ask(clients, Method::GET, "/_matrix/client/versions").await {
        Ok(answer) if answer.status == StatusCode::OK => None,
        Ok(answer) => Some(words(&answer)),
        Err(error) => Some(error.to_string()),
    };
    Doors {
        messages: try_door(clients, Method::PUT, MESSAGE).await,
        logins: try_door(clients, Method::POST, LOGIN).await,
        servers: try_door(servers, Method::PUT, TRANSACTION).await,
        unread,
    }
}

async fn try_door(http: &Http, method: Method, path: &str) -> Door {
    match ask(http, method, path).await {
        Ok(answer) => of(&answer),
        Err(error) => Door::Unclear(error.to_string()),
    }
}

fn of(answer: &Relayed) -> Door {
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE => Door::Closed,
        // A Matrix server refuses with a code of its own; a web server in its place has none.
        status if status.is_client_error() && answer.errcode().is_some() => Door::Open,
        _ => Door::Unclear(words(answer)),
    }
}

/// Status and, where there is one, error of an answer.
fn words(answer: &Relayed) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body["error"].as_str() {
        Some(error) => format!("{}: {error}", answer.status),
        None => answer.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

    use super::*;

    fn answer(status: u16, body: &str) -> Relayed {
        Relayed {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_door_is_known_by_its_answer() {
        let missing = r#"{"errcode":"M_MISSING_TOKEN","error":"Missing access token"}"#;
        assert_eq!(of(&answer(401, missing)), Door::Open);
        let often = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests"}"#;
        assert_eq!(of(&answer(429, often)), Door::Open);
        assert_eq!(of(&answer(503, "")), Door::Closed);
        let unclear = |text: &str| Door::Unclear(text.to_owned());
        assert_eq!(of(&answer(404, "<html>")), unclear("404 Not Found"));
        assert_eq!(of(&answer(502, "<html>")), unclear("502 Bad Gateway"));
        assert_eq!(of(&answer(200, "{}")), unclear("200 OK"));
        let error = r#"{"errcode":"M_UNKNOWN","error":"Oh"}"#;
        assert_eq!(
            of(&answer(500, error)),
            unclear("500 Internal Server Error: Oh")
        );
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_not_a_closed_door() {
        let server = MockServer::start().await;
        let down = ResponseTemplate::new(503);
        Mock::given(method("PUT"))
            .respond_with(down.clone())
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(down.clone())
            .mount(&server)
            .await;
        let http = super::super::http("the server", &server.uri()).unwrap();
        let doors = look(&http, &http).await;
        assert_eq!(doors.messages, Door::Closed);
        assert_eq!(doors.unread.as_deref(), Some("404 Not Found"));
        assert!(!doors.are_closed() && !doors.are_open());
        let versions = ResponseTemplate::new(200).set_body_string("{}");
        Mock::given(method("GET"))
            .respond_with(versions)
            .mount(&server)
            .await;
        assert!(look(&http, &http).await.are_closed());
    }
}

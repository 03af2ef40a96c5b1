//! A proxy before a server that notes each request which changes something there, and refuses some.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Method,
    response::Response,
};
use percent_encoding::percent_decode_str;
use tokio::{net::TcpListener, task::JoinHandle};

/// Passes everything on; it ends with the value.
pub(crate) struct Counter {
    pub(crate) url: String,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

struct Seen {
    inner: String,
    http: reqwest::Client,
    reads: Mutex<usize>,
    changes: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
}

impl Counter {
    /// Before the server at this URL.
    pub(crate) async fn before(inner: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            inner: inner.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            reads: Mutex::default(),
            changes: Mutex::default(),
            refused: Mutex::default(),
        });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&seen));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, task }
    }

    /// How many requests only read.
    pub(crate) fn reads(&self) -> usize {
        *self.seen.reads.lock().unwrap()
    }

    /// From now on refuses what would change something, wherever the path has one of these.
    pub(crate) fn refuse(&self, parts: &[&str]) {
        let parts = parts.iter().map(|part| (*part).to_owned());
        *self.seen.refused.lock().unwrap() = parts.collect();
        self.seen.changes.lock().unwrap().clear();
    }

    /// Method and path of every other one.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.seen.changes.lock().unwrap().clone()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asking for keys is the only reading that isn't a `GET`.
fn only_reads(method: &Method, path: &str) -> bool {
    [Method::GET, Method::HEAD].contains(method) || path == "/_matrix/client/v3/keys/query"
}

async fn pass(State(seen): State<Arc<Seen>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().as_str();
    if only_reads(&parts.method, parts.uri.path()) {
        *seen.reads.lock().unwrap() += 1;
    } else {
        let change = format!("{} {}", parts.method, parts.uri.path());
        seen.changes.lock().unwrap().push(change);
        let decoded = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        let refused = seen.refused.lock().unwrap().clone();
        if refused.iter().any(|part| decoded.contains(part)) {
            let body = r#"{"errcode":"M_FORBIDDEN","error":"not now"}"#;
            let refusal = Response::builder().status(403).body(Body::from(body));
            return refusal.unwrap();
        }
    }
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = parts.headers.clone();
    headers.remove("host");
    let url = format!("{}{path}", seen.inner);
    let request = seen.http.request(parts.method, url).headers(headers);
    let answer = request.body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let bytes = answer.bytes().await.unwrap();
    response.body(Body::from(bytes)).unwrap()
}

//! The resident's HTTPS listener: routes, and the check that the target signed what it asks.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use ruma::{api::federation::authentication::XMatrix, signatures::PublicKeyMap};
use tokio::sync::RwLock;

use super::{
    Resident,
    endpoint::{
        event, event_auth, failure, keys, make_join, send_join, state, state_ids, unknown, version,
    },
    notary,
};
use crate::{
    Error, Result,
    clock::Clock,
    http::{Http, Request as Ask},
};

/// The biggest request that the target sends: a join event.
const BODY_LIMIT: usize = 1024 * 1024;

/// The shortest time between two looks at the target's key.
const ASK_EVERY_MS: u64 = 5_000;

/// What every endpoint is handed.
#[derive(Clone)]
pub struct App {
    /// Rooms and keys.
    pub resident: Arc<Resident>,
    /// The time, for templates and key objects.
    pub clock: Arc<dyn Clock>,
    joiner: Arc<Joiner>,
}

/// The target's own keys, from its own address.
struct Joiner {
    http: Http,
    keys: RwLock<PublicKeyMap>,
    asked_ms: AtomicU64,
}

/// A running listener; dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    handle: Handle<SocketAddr>,
    /// Where it really listens.
    pub address: SocketAddr,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(Duration::from_secs(1)));
    }
}

/// The routes; everything but keys and version needs the target's signature.
pub fn router(app: App) -> Router {
    let signed = Router::new()
        .route(
            "/_matrix/federation/v1/make_join/{room}/{user}",
            get(make_join::handle),
        )
        .route(
            "/_matrix/federation/v2/send_join/{room}/{event}",
            put(send_join::handle),
        )
        .route("/_matrix/federation/v1/event/{event}", get(event::handle))
        .route(
            "/_matrix/federation/v1/state_ids/{room}",
            get(state_ids::handle),
        )
        .route("/_matrix/federation/v1/state/{room}", get(state::handle))
        .route(
            "/_matrix/federation/v1/event_auth/{room}/{event}",
            get(event_auth::handle),
        )
        .layer(middleware::from_fn_with_state(
            app.clone(),
            signed_by_target,
        ));
    Router::new()
        .route("/_matrix/federation/v1/version", get(version::handle))
        .route("/_matrix/key/v2/server", get(keys::server))
        .route("/_matrix/key/v2/server/{key}", get(keys::server))
        .route("/_matrix/key/v2/query", post(keys::query_many))
        .route("/_matrix/key/v2/query/{server}", get(keys::query_one))
        .merge(signed)
        .fallback(unknown)
        .layer(middleware::from_fn(logged))
        .with_state(app)
}

impl App {
    /// `target` is the joiner's own address, from which its key is read.
    pub fn new(resident: Arc<Resident>, clock: Arc<dyn Clock>, target: &str) -> Result<Self> {
        Ok(Self {
            resident,
            clock,
            joiner: Arc::new(Joiner {
                http: Http::new("the target", target, None, "it needs no token for this")?,
                keys: RwLock::default(),
                asked_ms: AtomicU64::new(0),
            }),
        })
    }
}

/// Starts listening.
pub async fn listen(app: App, address: SocketAddr, tls: RustlsConfig) -> Result<Listener> {
    let handle = Handle::new();
    let server = axum_server::bind_rustls(address, tls)
        .handle(handle.clone())
        .serve(router(app).into_make_service());
    let running = tokio::spawn(server);
    if let Some(address) = handle.listening().await {
        return Ok(Listener { handle, address });
    }
    let reason = match running.await {
        Ok(Err(error)) => error.to_string(),
        _ => "it stopped at once".to_owned(),
    };
    Err(Error::Target(format!(
        "the resident can't listen on {address} ({reason}): set resident.listen to a free address"
    )))
}

async fn logged(request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answer = next.run(request).await;
    tracing::debug!(target: "ferryman::resident", %method, %uri, status = answer.status().as_u16());
    answer
}

async fn signed_by_target(State(app): State<App>, request: Request, next: Next) -> Response {
    let refused = || {
        failure(
            403,
            "M_FORBIDDEN",
            "only the server that is migrated to may ask",
        )
        .into_response()
    };
    // Before a stranger's body is read.
    let Some(header) = app.header(&request) else {
        return refused();
    };
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return failure(413, "M_TOO_LARGE", "the request is too large").into_response();
    };
    let request = Request::from_parts(parts, bytes.to_vec());
    if !app.is_signed(&header, &request).await {
        return refused();
    }
    next.run(request.map(Body::from)).await
}

impl App {
    /// The signature's header, if it claims to be the target's.
    fn header<B>(&self, request: &axum::http::Request<B>) -> Option<XMatrix> {
        let value = request.headers().get("authorization")?;
        let header = XMatrix::try_from(value).ok()?;
        (header.origin == self.resident.joiner).then_some(header)
    }

    async fn is_signed(&self, header: &XMatrix, request: &axum::http::Request<Vec<u8>>) -> bool {
        let name = &self.resident.identity.name;
        if header
            .verify_request(request, name, &*self.joiner.keys.read().await)
            .is_ok()
        {
            return true;
        }
        // The first request, or the target has a new key. A forged one must not make us ask at every try.
        let mut keys = self.joiner.keys.write().await;
        if header.verify_request(request, name, &keys).is_ok() {
            return true;
        }
        if !self.joiner.may_ask(self.clock.now_ms()) {
            return false;
        }
        match self.joiner.fetch(&self.resident.joiner).await {
            Ok(fresh) => *keys = fresh,
            Err(error) => {
                tracing::warn!(%error, "the target's key can't be read");
                self.joiner.asked_ms.store(0, Ordering::Relaxed);
                return false;
            }
        }
        header.verify_request(request, name, &keys).is_ok()
    }
}

impl Joiner {
    /// At most once in a while.
    fn may_ask(&self, now_ms: u64) -> bool {
        let last = self.asked_ms.swap(now_ms, Ordering::Relaxed);
        let may = last == 0 || now_ms.saturating_sub(last) >= ASK_EVERY_MS;
        if !may {
            self.asked_ms.store(last, Ordering::Relaxed);
        }
        may
    }

    async fn fetch(&self, name: &ruma::ServerName) -> Result<PublicKeyMap> {
        let object: Box<serde_json::value::RawValue> = self
            .http
            .send(&Ask::get("/_matrix/key/v2/server").once())
            .await?;
        notary::public_keys(name, &object).map_err(|error| Error::Malformed {
            server: "the target",
            request: "GET /_matrix/key/v2/server".to_owned(),
            reason: error.to_string(),
        })
    }
}

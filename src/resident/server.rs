//! The resident's HTTPS listener: routes, most of them for what the target signed only.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};

use super::{
    app::App,
    endpoint::{
        directory, event, event_auth, failure, keys, make_join, make_knock, media_download,
        send_join, send_knock, state, state_ids, unknown, version,
    },
};
use crate::{Error, Result};

/// The biggest request that the target sends: a join or knock event.
const BODY_LIMIT: usize = 1024 * 1024;

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
        .route(
            "/_matrix/federation/v1/query/directory",
            get(directory::handle),
        )
        .route(
            "/_matrix/federation/v1/make_knock/{room}/{user}",
            get(make_knock::handle),
        )
        .route(
            "/_matrix/federation/v1/send_knock/{room}/{event}",
            put(send_knock::handle),
        )
        .route("/_matrix/federation/v1/event/{event}", get(event::handle))
        .route(
            "/_matrix/federation/v1/media/download/{media}",
            get(media_download::handle),
        )
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

/// Starts listening.
pub async fn listen(app: App, address: SocketAddr, tls: RustlsConfig) -> Result<Listener> {
    let handle = Handle::new();
    // What is sent in several pieces must not wait for the receiver's acknowledgement of the first: 40 ms each time.
    let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
    let server = axum_server::bind(address)
        .acceptor(acceptor)
        .handle(handle.clone())
        .serve(router(app).into_make_service());
    let mut running = tokio::spawn(server);
    // What failed before it was asked for is never told by the handle.
    let ended = tokio::select! {
        ended = &mut running => ended,
        Some(address) = handle.listening() => return Ok(Listener { handle, address }),
    };
    let reason = match ended {
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

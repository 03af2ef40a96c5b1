//! The HTTP side: one path, bodies of a bounded size, and requests that are worked off though the client goes away.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

use super::door::{Door, Knock, failure};
use crate::{Error, Result, http::Relayed};

/// A login is a few hundred bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// How long a client may take to send it.
const READING: Duration = Duration::from_secs(30);

/// How long logins that are under way may take when the bridge ends.
const ENDING: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct App {
    door: Arc<Door>,
    /// Logins under way: they must not end with the client's connection.
    work: Arc<Mutex<JoinSet<()>>>,
}

/// Takes the address; nothing is answered yet.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::Config(format!(
            "login_bridge.listen: {address} can't be used ({error}): stop what listens there, or choose another"
        ))
    })
}

/// Answers until `stop`, and then what is under way.
pub(super) async fn serve(
    listener: TcpListener,
    door: Arc<Door>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let app = App {
        door,
        work: Arc::default(),
    };
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let (ended, stopped) = tokio::sync::oneshot::channel();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        let _gone = ended.send(());
    });
    tokio::select! {
        _closed = server => {}
        () = async {
            let _ended = stopped.await;
            tokio::time::sleep(ENDING).await;
        } => {}
    }
    let work = std::mem::take(&mut *app.work.lock().unwrap_or_else(PoisonError::into_inner));
    let _in_time = tokio::time::timeout(ENDING, work.join_all()).await;
}

fn router(app: App) -> Router {
    Router::new()
        .route("/_matrix/client/{version}/login", any(login))
        .fallback(elsewhere)
        .with_state(app)
}

/// Whether a path is that of logins in some version. It goes on to the target as it is, and there a backslash or an encoded
/// dot would lead elsewhere.
fn is_login(path: &str) -> bool {
    let version = path
        .strip_prefix("/_matrix/client/")
        .and_then(|rest| rest.strip_suffix("/login"));
    version.is_some_and(|version| {
        let number = version.strip_prefix(['v', 'r']).unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        is_number || version == "unstable"
    })
}

async fn elsewhere() -> Response {
    let body = json!({ "errcode": "M_UNRECOGNIZED", "error": "Only /login is here" });
    response(failure(StatusCode::NOT_FOUND, &body))
}

async fn login(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if !is_login(parts.uri.path()) {
        return elsewhere().await;
    }
    let read = tokio::time::timeout(READING, to_bytes(body, LARGEST_BODY)).await;
    let Ok(Ok(body)) = read else {
        let (status, errcode, error) = match read {
            Ok(_) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "M_TOO_LARGE",
                "The request is too large",
            ),
            Err(_) => (
                StatusCode::REQUEST_TIMEOUT,
                "M_UNKNOWN",
                "The request took too long",
            ),
        };
        return response(failure(
            status,
            &json!({ "errcode": errcode, "error": error }),
        ));
    };
    let target = parts.uri.path_and_query();
    let knock = Knock {
        target: target.map_or_else(|| parts.uri.path().to_owned(), ToString::to_string),
        method: parts.method,
        headers: parts.headers,
        body: body.to_vec(),
        peer: peer.ip(),
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let door = Arc::clone(&app.door);
    {
        let mut work = app.work.lock().unwrap_or_else(PoisonError::into_inner);
        while work.try_join_next().is_some() {}
        work.spawn(async move {
            // The client may be gone.
            let _gone = tell.send(door.answer(&knock).await);
        });
    }
    match told.await {
        Ok(answer) => response(answer),
        // Only a panic in it.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn response(answer: Relayed) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logins_have_the_path_of_logins() {
        for path in ["r0", "v3", "v11", "unstable"] {
            assert!(is_login(&format!("/_matrix/client/{path}/login")), "{path}");
        }
        for path in ["", "v", "v3x", "x", "..\\..\\x", "%2e%2e", "v3\\..", "v3/x"] {
            assert!(
                !is_login(&format!("/_matrix/client/{path}/login")),
                "{path}"
            );
        }
        assert!(!is_login("/_matrix/client/v3/login/sso"));
    }
}

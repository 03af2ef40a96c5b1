//! What every endpoint is handed, and whether the target signed a request.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ruma::{api::federation::authentication::XMatrix, signatures::PublicKeyMap};
use tokio::sync::RwLock;

use super::{Resident, notary};
use crate::{
    Error, Result,
    clock::Clock,
    http::{Http, Request},
};

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

impl App {
    /// The signature's header, if it claims to be the target's.
    pub(super) fn header<B>(&self, request: &axum::http::Request<B>) -> Option<XMatrix> {
        let value = request.headers().get("authorization")?;
        let header = XMatrix::try_from(value).ok()?;
        (header.origin == self.resident.joiner).then_some(header)
    }

    pub(super) async fn is_signed(
        &self,
        header: &XMatrix,
        request: &axum::http::Request<Vec<u8>>,
    ) -> bool {
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
            .send(&Request::get("/_matrix/key/v2/server").once())
            .await?;
        notary::public_keys(name, &object).map_err(|error| Error::Malformed {
            server: "the target",
            request: "GET /_matrix/key/v2/server".to_owned(),
            reason: error.to_string(),
        })
    }
}

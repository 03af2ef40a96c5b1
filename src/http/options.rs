//! What a client can be told beyond its server and its token.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{Http, Patience, agent};
use crate::Result;

impl Http {
    /// The same, but with any certificate: only for asking ourselves.
    pub fn trusting_any_certificate(mut self) -> Result<Self> {
        self.client = agent::trusting()?;
        Ok(self.timeout(Duration::from_secs(5)))
    }

    /// The same at another address, which may be there while this one is not.
    pub fn at(&self, base: &str) -> Result<Self> {
        Ok(Self {
            client: agent::of(base)?,
            base: base.trim_end_matches('/').to_owned(),
            requests: Arc::default(),
            presence: Arc::default(),
            ..self.clone()
        })
    }

    /// With a remedy for a 403 to a path that begins like this: only admins may ask there.
    #[must_use]
    pub fn for_admins(mut self, path: &'static str, remedy: &'static str) -> Self {
        self.admins = Some((path, remedy));
        self
    }

    /// With another time for a request until its answer is there.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another patience.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// With another first pause between two tries.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.patience.pause = pause;
        self
    }

    /// For somebody who wants to know now: a server that goes away is not waited for.
    #[must_use]
    pub fn hurried(mut self) -> Self {
        self.patience.waits = false;
        self
    }

    /// With so many requests at a time and no more.
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = Some(Arc::new(Semaphore::new(requests)));
        self
    }
}

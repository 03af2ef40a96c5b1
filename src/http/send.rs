//! Sending: try, look at the failure, pause, try again.

use std::sync::atomic::Ordering;

use reqwest::{
    RequestBuilder, Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;

use super::{Http, Request, fault::Fault, patience::Tries, request::Authorization};
use crate::{Error, Result, secret::ExposeSecret};

impl Http {
    /// Sends a request, again after passing faults, and reads the JSON answer.
    pub async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let mut tries = Tries::new(self.patience, request.limit);
        loop {
            match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => self.wait(request, &mut tries, fault).await?,
            }
        }
    }

    /// Waits until the next try; the error if that was the last one.
    pub(super) async fn wait(
        &self,
        request: &Request,
        tries: &mut Tries,
        fault: Fault,
    ) -> Result<()> {
        let Fault { error, absent } = fault;
        let was_there = self.presence.was_there();
        if absent && self.presence.is_given_up() {
            return Err(error);
        }
        let Some(pause) = tries.pause(error.class(), absent, was_there) else {
            if absent && tries.have_waited() {
                self.presence.give_up();
            }
            return Err(error);
        };
        if absent && was_there && self.patience.waits && self.presence.is_missed() {
            tracing::warn!("{error}; trying again for a while");
        }
        tracing::debug!(%request, %error, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The answer, or `None` where the server answers 404.
    pub async fn find<T: DeserializeOwned>(&self, request: &Request) -> Result<Option<T>> {
        match self.send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The answer, or `None` where the server itself says that there is nothing of the kind; any other 404 is a fault of
    /// whatever stands there.
    pub async fn find_known<T: DeserializeOwned>(&self, request: &Request) -> Result<Option<T>> {
        match self.send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Answer {
                status: 404,
                errcode,
                ..
            }) if errcode == "M_NOT_FOUND" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Fault> {
        let _permit = self.permit().await;
        let answer = self.answered(request).await?;
        let body = answer.bytes().await;
        let body = body.map_err(|error| self.broken_off(request, error))?;
        serde_json::from_slice(&body).map_err(|error| self.malformed(request, &error))
    }

    /// One more request at a time.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        match &self.in_flight {
            // The semaphore is never closed.
            Some(in_flight) => in_flight.acquire().await.ok(),
            None => None,
        }
    }

    /// A success whose body has not been read yet.
    pub(super) async fn answered(&self, request: &Request) -> Result<Response, Fault> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.built(request).send().await;
        let answer = answer.map_err(|error| self.unanswered(request, error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let answer = if status.is_success() {
            Ok(answer)
        } else {
            let body = answer.bytes().await;
            let body = body.map_err(|error| self.broken_off(request, error))?;
            Err(self.refused(request, status, &headers, &body))
        };
        let is_there = !matches!(answer, Err(Fault { absent: true, .. }));
        if is_there && self.presence.answered() {
            tracing::info!("{} at {} answers again", self.server, self.base);
        }
        answer
    }

    fn built(&self, request: &Request) -> RequestBuilder {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self
            .client
            .request(request.method.clone(), url)
            .timeout(self.timeout)
            .query(&request.query);
        builder = match (&request.authorization, &self.token) {
            (Authorization::Header(value), _) => builder.header(AUTHORIZATION, value),
            (Authorization::Other(token), _) | (Authorization::Token, Some(token)) => {
                builder.bearer_auth(token.expose_secret())
            }
            (Authorization::Token, None) | (Authorization::Nobody, _) => builder,
        };
        match &request.body {
            Some((bytes, kind)) => builder.header(CONTENT_TYPE, *kind).body(bytes.clone()),
            None => builder,
        }
    }
}

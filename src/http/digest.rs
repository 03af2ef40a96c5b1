//! Answers of which the headers count, with or without the SHA-256 of their body: nothing of it is kept.

use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::{Http, Request, fault::Fault, patience::Tries};
use crate::{Error, Result, hex::hex};

/// A body that was read and not kept.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The answer's headers.
    pub headers: HeaderMap,
    /// Its body's length.
    pub bytes: u64,
    /// Its body's SHA-256 in lower-case hex.
    pub sha256: String,
}

impl Http {
    /// Sends a request, again after passing faults, and gives the answer's headers; `None` where the server answers 404.
    pub async fn head(&self, request: &Request) -> Result<Option<HeaderMap>> {
        let mut tries = Tries::new(self.patience, request.limit);
        loop {
            let _permit = self.permit().await;
            match self.answered(request).await {
                Ok(answer) => return Ok(Some(answer.headers().clone())),
                Err(fault) if is_missing(&fault.error) => return Ok(None),
                Err(fault) => self.wait(request, &mut tries, fault).await?,
            }
        }
    }

    /// Sends a request, again after passing faults, and reads the whole answer; `None` where the server answers 404. Of
    /// the body a piece is in memory at a time.
    pub async fn digest(&self, request: &Request) -> Result<Option<Digest>> {
        let mut tries = Tries::new(self.patience, request.limit);
        loop {
            match self.digested(request).await {
                Ok(digest) => return Ok(Some(digest)),
                Err(fault) if is_missing(&fault.error) => return Ok(None),
                Err(fault) => self.wait(request, &mut tries, fault).await?,
            }
        }
    }

    async fn digested(&self, request: &Request) -> Result<Digest, Fault> {
        let _permit = self.permit().await;
        let mut answer = self.answered(request).await?;
        let headers = answer.headers().clone();
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        loop {
            match answer.chunk().await {
                Ok(Some(piece)) => {
                    hasher.update(&piece);
                    bytes += piece.len() as u64;
                }
                Ok(None) => break,
                Err(error) => return Err(self.broken_off(request, error)),
            }
        }
        Ok(Digest {
            headers,
            bytes,
            sha256: hex(&hasher.finalize()),
        })
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Answer { status: 404, .. })
}

//! Whose eyes a request of the Client API sees with.

use crate::{http::Request, secret::SecretString};

/// The admin, or a user as whom the admin acts.
#[derive(Clone)]
pub enum Who {
    /// The configured token's owner.
    Admin,
    /// By a token of [`Client::log_in_as`](super::Client::log_in_as).
    User(SecretString),
}

impl Who {
    pub(super) fn asks(&self, request: Request) -> Request {
        match self {
            Self::Admin => request,
            Self::User(token) => request.with_token(token),
        }
    }
}

//! One login: the target's own answer, and what is done if that is a refusal.

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Method, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    address,
    attempt::Attempt,
    check::Checker,
    limiter::Limiter,
    locks::Locks,
    target::{Session, Target},
    vault::{Secrets, State, Vault},
};
use crate::{
    Error, Result,
    clock::Clock,
    http::Relayed,
    migration::passwords::Passwords,
    secret::{ExposeSecret, same},
};

/// Wrong passwords for one account: at once, and then one in so long.
const BY_ACCOUNT: (u64, Duration) = (5, Duration::from_secs(30));
/// Wrong passwords from one address.
const BY_ADDRESS: (u64, Duration) = (30, Duration::from_secs(5));

/// A refusal that the bridge has had a look at takes as many whole ones of these as it must. Whoever measures it learns
/// nothing about the account.
pub(super) const SLOT: Duration = Duration::from_secs(1);

/// A request, read whole.
pub(super) struct Knock {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whose connection it is.
    pub(super) peer: IpAddr,
}

/// What every login needs.
pub(super) struct Door {
    pub(super) server_name: OwnedServerName,
    pub(super) target: Target,
    pub(super) vault: Arc<Vault>,
    pub(super) checker: Checker,
    pub(super) clock: Arc<dyn Clock>,
    /// The import's file of random passwords, from which those of no more use are erased.
    pub(super) passwords: PathBuf,
    /// Where the proxy says whom it has before it.
    pub(super) address_header: Option<HeaderName>,
    pub(super) by_account: Limiter<OwnedUserId>,
    pub(super) by_address: Limiter<IpAddr>,
    pub(super) locks: Locks,
    /// Rung when an account was moved.
    pub(super) moved: Notify,
    pub(super) slot: Duration,
    /// How long an account that was begun may be left alone.
    pub(super) mending: Duration,
}

/// Whose login was good.
#[derive(Deserialize)]
struct Welcome {
    user_id: OwnedUserId,
}

impl Door {
    /// As it is in production, but for what the configuration says.
    pub(super) fn limits() -> (Limiter<OwnedUserId>, Limiter<IpAddr>) {
        (
            Limiter::new(BY_ACCOUNT.0, BY_ACCOUNT.1),
            Limiter::new(BY_ADDRESS.0, BY_ADDRESS.1),
        )
    }

    /// Answers a request for `/_matrix/client/*/login`.
    pub(super) async fn answer(&self, knock: &Knock) -> Relayed {
        let came = Instant::now();
        let first = match self.pass(knock).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!("a login was not answered: {error}");
                return failure(
                    StatusCode::BAD_GATEWAY,
                    &json!({ "errcode": "M_UNKNOWN", "error": "The homeserver does not answer" }),
                );
            }
        };
        if knock.method != Method::POST {
            return first;
        }
        let Some(attempt) = Attempt::read(&knock.body, &self.server_name) else {
            return first;
        };
        if first.status.is_success() {
            if let Err(error) = self.welcomed(&first, &attempt).await {
                tracing::warn!("an account's old hash could not be put away: {error}");
            }
            return first;
        }
        if !is_refusal(&first) {
            return first;
        }
        let answer = match self.reconsidered(knock, &attempt).await {
            Ok(Some(answer)) => answer,
            Ok(None) => first,
            Err(error) => {
                tracing::warn!(
                    "a right password could not be moved, the next login tries again: {error}"
                );
                failure(
                    StatusCode::SERVICE_UNAVAILABLE,
                    &json!({ "errcode": "M_UNKNOWN", "error": "Your account could not be reached: try again in a moment" }),
                )
            }
        };
        // One that is put off, too: the target's own refusal comes sooner for names that it doesn't know.
        if is_refusal(&answer) || answer.status == StatusCode::TOO_MANY_REQUESTS {
            self.wait_for_slot(came).await;
        }
        answer
    }

    /// The client's own request.
    async fn pass(&self, knock: &Knock) -> Result<Relayed> {
        let Knock {
            method,
            target,
            headers,
            body,
            ..
        } = knock;
        self.target
            .relay(method.clone(), target, headers, body.clone())
            .await
    }

    /// The target refuses a password: the answer to give instead, if there is another.
    async fn reconsidered(&self, knock: &Knock, attempt: &Attempt) -> Result<Option<Relayed>> {
        // As the target looks for it: as it was written, then in lower case.
        let user = match self.vault.state(&attempt.user) {
            Some(_) => &attempt.user,
            None => &attempt.lower,
        };
        let waited = self.vault.secrets(user).is_some();
        let Some(_alone) = self.locks.take(user).await else {
            tracing::warn!("more logins to one account than are worked off: some are put off");
            return Ok(Some(too_many(Duration::from_secs(5))));
        };
        let secrets = self.vault.secrets(user);
        if waited && secrets.is_none() {
            // Another login has moved it meanwhile.
            return self.pass(knock).await.map(Some);
        }
        let Some(turn) = self.checker.turn().await else {
            tracing::warn!("more passwords than this machine can check: logins are put off");
            return Ok(Some(too_many(Duration::from_secs(5))));
        };
        let address = address::client(&knock.headers, self.address_header.as_ref(), knock.peer);
        let now = self.clock.now_ms();
        let allowed = address
            .map_or(Ok(()), |address| self.by_address.take(address, now))
            .and_then(|()| self.by_account.take(user.clone(), now));
        if let Err(wait) = allowed {
            tracing::info!("too many wrong passwords from one address, or for one account");
            return Ok(Some(too_many(wait)));
        }
        let hash = secrets.as_ref().map(|secrets| &secrets.hash);
        let right = turn.fits(&attempt.password, hash).await?;
        let (true, Some(secrets)) = (right, secrets) else {
            return Ok(None);
        };
        if let Some(address) = address {
            self.by_address.give_back(&address);
        }
        self.by_account.give_back(user);
        let was_begun = self.vault.state(user) == Some(State::Begun);
        self.vault.put(user, State::Begun)?;
        let Some(session) = self.target.log_in(user, &secrets.password).await? else {
            // It has another password already, which is not the one that was given: nothing of ours is of any use.
            tracing::info!(
                "{user} has another password than the one from Synapse, which is forgotten now"
            );
            self.settle(user, &secrets, was_begun).await?;
            return Ok(None);
        };
        // Whoever has the token can close the session, whatever becomes of the password.
        self.vault.put_session(user, Some(&session.token))?;
        self.target
            .change_password(&session, user, &secrets.password, &attempt.password)
            .await?;
        self.target.log_out(&session).await?;
        // A 200 is no proof; that the target lets them in is one.
        let answer = self.pass(knock).await?;
        if answer.status.is_success() {
            // They are in, whatever becomes of what they have waited with.
            match self.put_away(user, State::Moved) {
                Ok(()) => tracing::info!("{user} has kept the password"),
                Err(error) => tracing::error!("{user} has kept the password, but {error}"),
            }
        }
        Ok(Some(answer))
    }

    /// The target has let somebody in: an account that still waits here has got its password in another way, or the
    /// bridge was killed when it was almost done.
    async fn welcomed(&self, answer: &Relayed, attempt: &Attempt) -> Result<()> {
        let Ok(Welcome { user_id: user }) = serde_json::from_slice(&answer.body) else {
            return Ok(());
        };
        if matches!(
            self.vault.state(&user),
            None | Some(State::Moved | State::Left)
        ) {
            return Ok(());
        }
        let Some(_alone) = self.locks.try_take(&user) else {
            // Nobody who is let in waits for somebody who guesses: the login under way looks after it, or the next one.
            return Ok(());
        };
        let state = self.vault.state(&user);
        if let Some(secrets) = self.vault.secrets(&user)
            && same(&secrets.password, attempt.password.expose_secret())
        {
            // Somebody was given the random password: the old one may still come.
            return Ok(());
        }
        match (state, self.vault.secrets(&user)) {
            (Some(state @ (State::Waiting | State::Begun)), Some(secrets)) => {
                let begun = state == State::Begun;
                self.settle(&user, &secrets, begun).await?;
            }
            (Some(State::Open), _) => {}
            _ => return Ok(()),
        }
        if self.vault.state(&user) == Some(State::Open) {
            self.close_session(&user, attempt).await?;
        }
        tracing::info!("{user} has a password of their own");
        Ok(())
    }

    /// Puts away what an account has waited with that has a password of its user's now, and closes the session in it
    /// that the bridge has begun to use and could not close. Without its token there is nothing to close it with.
    async fn settle(&self, user: &UserId, secrets: &Secrets, was_begun: bool) -> Result<()> {
        let state = match &secrets.session {
            Some(token) => {
                let token = token.clone();
                match self.target.log_out(&Session { token }).await {
                    Ok(()) => State::Moved,
                    // It would be tried again: its token stays as long as nothing is known of it.
                    Err(error @ Error::Unreachable { .. }) => return Err(error),
                    Err(error) => {
                        tracing::warn!(
                            "a session in {user}'s account could not be closed: {error}"
                        );
                        State::Open
                    }
                }
            }
            None if was_begun => State::Open,
            None => State::Moved,
        };
        self.put_away(user, state)
    }

    /// Logs out what an earlier bridge has left open: whoever logs its device in has its session.
    async fn close_session(&self, user: &UserId, attempt: &Attempt) -> Result<()> {
        if let Some(session) = self.target.log_in(user, &attempt.password).await? {
            self.target.log_out(&session).await?;
            self.put_away(user, State::Moved)?;
        }
        Ok(())
    }

    /// Looks after the accounts at which an earlier bridge was killed, or this one was left without an answer.
    pub(super) async fn mend(&self) -> Result<()> {
        for user in Passwords::unerased(&self.passwords)? {
            if matches!(self.vault.state(&user), Some(State::Open | State::Moved)) {
                Passwords::erase(&self.passwords, &user)?;
            }
        }
        for user in self.vault.all(State::Begun) {
            let Some(_alone) = self.locks.take(&user).await else {
                continue;
            };
            let Some(secrets) = self.vault.secrets(&user) else {
                continue;
            };
            if self.vault.state(&user) != Some(State::Begun) {
                continue;
            }
            match self.target.log_in(&user, &secrets.password).await {
                Ok(Some(session)) => {
                    self.target.log_out(&session).await?;
                    self.vault.put(&user, State::Waiting)?;
                    self.vault.put_session(&user, None)?;
                }
                // Its password was changed, by the bridge or by its user.
                Ok(None) => self.settle(&user, &secrets, true).await?,
                // One account, such as a deactivated one, must not keep all others out: it is looked at when its user comes.
                Err(error @ Error::Answer { .. }) => {
                    tracing::warn!(
                        "{user} can't be looked after ({error}): it stays as it was left"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Erases what an account has waited with.
    pub(super) fn put_away(&self, user: &UserId, state: State) -> Result<()> {
        self.vault.put(user, state)?;
        // The vault first: whoever doesn't wait there is never looked at again.
        Passwords::erase(&self.passwords, user)?;
        self.moved.notify_one();
        Ok(())
    }

    async fn wait_for_slot(&self, came: Instant) {
        let slot = self.slot.as_millis().max(1);
        let slots = came.elapsed().as_millis() / slot + 1;
        let until = u64::try_from(slots * slot).unwrap_or(u64::MAX);
        tokio::time::sleep_until((came + Duration::from_millis(until)).into()).await;
    }
}

/// A refused password. Tuwunel 1.4.6 and 1.9 answer so, as the specification says.
fn is_refusal(answer: &Relayed) -> bool {
    answer.status == StatusCode::FORBIDDEN && answer.errcode().as_deref() == Some("M_FORBIDDEN")
}

fn too_many(wait: Duration) -> Relayed {
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    failure(
        StatusCode::TOO_MANY_REQUESTS,
        &json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Too many wrong passwords", "retry_after_ms": wait }),
    )
}

/// An answer of the bridge's own; a client in a browser may read it, too.
pub(super) fn failure(status: StatusCode, body: &Value) -> Relayed {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Relayed {
        status,
        headers,
        body: body.to_string().into_bytes(),
    }
}

//! Logging in as users: a bounded number at a time, and each out again, whatever happens in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ruma::{OwnedUserId, UserId};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    Error, Result,
    job::Problem,
    source::{
        admin_api::{Client, Who},
        intake::problem,
    },
};

/// Tokens that are good at the same time.
const OUTSTANDING: u32 = 8;
/// A token that can't be logged out ends by itself, so long after its login.
const GOOD_FOR: Duration = Duration::from_hours(24);

/// The admin's way to act as users. Cheap to clone.
#[derive(Clone)]
pub(super) struct Acting {
    client: Arc<Client>,
    /// Needs no login.
    admin: OwnedUserId,
    started_ms: u64,
    started: Instant,
    outstanding: Arc<Semaphore>,
    /// Synapse has no such logins.
    is_impossible: Arc<AtomicBool>,
}

impl Acting {
    /// As an admin; `started_ms` is when the export began.
    pub(super) fn new(client: Arc<Client>, admin: OwnedUserId, started_ms: u64) -> Self {
        Self {
            client,
            admin,
            started_ms,
            started: Instant::now(),
            outstanding: Arc::new(Semaphore::new(OUTSTANDING as usize)),
            is_impossible: Arc::default(),
        }
    }

    /// Does something as a user, and logs out. Nobody may give it up in between: it runs on its own, to its end.
    ///
    /// None if nobody can be logged in as, which the first one's problem says. Else a problem is a logout that failed.
    pub(super) async fn act<T, F>(
        &self,
        user: &UserId,
        work: impl FnOnce(Who) -> F + Send + 'static,
    ) -> (Result<Option<T>>, Option<Problem>)
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        if user == self.admin {
            return (work(Who::Admin).await.map(Some), None);
        }
        let (own, user) = (self.clone(), user.to_owned());
        let acted = tokio::spawn(async move {
            // The semaphore is never closed.
            let _permit = own.outstanding.acquire().await.ok();
            if own.is_impossible.load(Ordering::Relaxed) {
                return (Ok(None), None);
            }
            let token = match own.client.log_in_as(&user, own.valid_until_ms()).await {
                Ok(token) => token,
                Err(error) => return own.not_logged_in(error),
            };
            let worked = work(Who::User(token.clone())).await;
            let logged_out = own.client.log_out(&token).await;
            (
                worked.map(Some),
                logged_out.err().map(|error| stays(&user, &error)),
            )
        });
        match acted.await {
            Ok(acted) => acted,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => (Err(Error::Stopped), None),
        }
    }

    /// The export may have been paused for days.
    fn valid_until_ms(&self) -> u64 {
        let good_for = self.started.elapsed() + GOOD_FOR;
        let good_for = u64::try_from(good_for.as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(good_for)
    }

    /// A login that Synapse doesn't know is told once, and not tried again.
    fn not_logged_in<T>(&self, error: Error) -> (Result<Option<T>>, Option<Problem>) {
        let unknown =
            matches!(&error, Error::Answer { errcode, .. } if errcode == "M_UNRECOGNIZED");
        if !unknown {
            return (Err(error), None);
        }
        let first = !self.is_impossible.swap(true, Ordering::Relaxed);
        let said = first.then(|| {
            problem(
                "acting as users",
                self.admin.server_name(),
                "this Synapse lets nobody log in as another user; it is so where a Matrix Authentication Service answers logins: use --source db",
            )
        });
        (Ok(None), said)
    }

    /// When everybody is logged out.
    pub(super) async fn settled(&self) -> Option<SemaphorePermit<'_>> {
        self.outstanding.acquire_many(OUTSTANDING).await.ok()
    }
}

fn stays(user: &UserId, error: &Error) -> Problem {
    problem(
        "logout",
        user,
        &format!(
            "the token that acted as this user is good for up to a day, or until the user logs out everywhere: {error}"
        ),
    )
}

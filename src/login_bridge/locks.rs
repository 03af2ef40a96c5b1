//! One login at a time for each account: two that move the same account would undo each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ruma::{OwnedUserId, UserId};
use tokio::sync::OwnedMutexGuard;

/// How long a login waits for those before it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The accounts that somebody logs in to right now.
pub(super) struct Locks {
    held: Mutex<HashMap<OwnedUserId, Arc<tokio::sync::Mutex<()>>>>,
    patience: Duration,
}

impl Default for Locks {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl Locks {
    /// With another patience than in production.
    pub(super) fn with_patience(patience: Duration) -> Self {
        Self {
            held: Mutex::default(),
            patience,
        }
    }

    /// Waits until the account is free, and holds it until the guard is dropped; `None` if there are too many before.
    pub(super) async fn take(&self, user: &UserId) -> Option<OwnedMutexGuard<()>> {
        let lock = self.of(user).lock_owned();
        tokio::time::timeout(self.patience, lock).await.ok()
    }

    /// Holds the account if it is free.
    pub(super) fn try_take(&self, user: &UserId) -> Option<OwnedMutexGuard<()>> {
        self.of(user).try_lock_owned().ok()
    }

    fn of(&self, user: &UserId) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody holds or awaits those of which only this map knows.
        all.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(all.entry(user.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[tokio::test]
    async fn an_account_is_free_again_and_forgotten() {
        let locks = Locks::with_patience(Duration::from_millis(50));
        let (a, b, c) = (user_id!("@a:x"), user_id!("@b:x"), user_id!("@c:x"));
        let first = locks.take(a).await;
        let other = locks.take(b).await;
        assert!(first.is_some() && other.is_some());
        assert!(locks.take(a).await.is_none(), "not for ever");
        assert!(locks.try_take(a).is_none());
        drop(first);
        assert!(locks.take(a).await.is_some());
        let again = locks.take(c).await;
        assert!(again.is_some());
        assert_eq!(locks.held.lock().unwrap().len(), 2, "@a was forgotten");
    }
}

//! One login at a time for each account: two that move the same account would undo each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ruma::{OwnedUserId, UserId};
use tokio::sync::OwnedMutexGuard;

/// The accounts that somebody logs in to right now.
#[derive(Default)]
pub(super) struct Locks(Mutex<HashMap<OwnedUserId, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    /// Waits until the account is free, and holds it until the guard is dropped.
    pub(super) async fn take(&self, user: &UserId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody holds or awaits those of which only this map knows.
            all.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(all.entry(user.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ruma::user_id;

    use super::*;

    #[tokio::test]
    async fn an_account_is_free_again_and_forgotten() {
        let locks = Locks::default();
        let first = locks.take(user_id!("@a:x")).await;
        let _other = locks.take(user_id!("@b:x")).await;
        let second = locks.take(user_id!("@a:x"));
        let waited = tokio::time::timeout(Duration::from_millis(50), second).await;
        assert!(waited.is_err());
        drop(first);
        drop(locks.take(user_id!("@a:x")).await);
        let _again = locks.take(user_id!("@c:x")).await;
        assert_eq!(locks.0.lock().unwrap().len(), 2, "@a was forgotten");
    }
}

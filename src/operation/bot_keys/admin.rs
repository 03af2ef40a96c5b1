//! What the migration's bot does as an admin of the target.

use ruma::UserId;

use crate::{
    Error, Result,
    target::{
        Target,
        admin_room::{failure, is_word},
    },
};

/// The target's admin room, entered when it is needed; without a target there is none.
#[derive(Default)]
pub(super) struct Admin(Option<Target>);

impl Admin {
    pub(super) fn of(target: Target) -> Self {
        Self(Some(target))
    }

    /// `!admin users delete-device`; whether it is gone is to be looked at.
    pub(super) async fn delete_device(&self, user: &UserId, id: &str) -> Result<()> {
        let Some(target) = &self.0 else {
            return Err(Error::Usage(
                "only an admin of the target can delete the device: use the configuration of the migration"
                    .to_owned(),
            ));
        };
        if !is_word(id) || !is_word(user.as_str()) {
            return Err(Error::Usage(format!(
                "the ID {id} can't be given to the target as a word: delete the device in a client"
            )));
        }
        let room = target.admin_room().await?;
        let reply = room
            .run(&format!("users delete-device {user} {id}"))
            .await?;
        tracing::info!("delete-device: {}", failure(&reply));
        Ok(())
    }
}

//! `user`, `room` and `why`.

use super::{Answer, Operation, reports, value};
use crate::{
    Result,
    command::{room::Room, user::User},
    report,
};

impl Operation {
    pub(super) async fn user(&self, user: User) -> Result<Answer> {
        let state = self.engine.user(user.bundle, &user.user).await?;
        Ok(Answer {
            data: value(&state),
            ..Answer::of(report::user::markdown(&state))
        })
    }

    pub(super) async fn room(&self, room: Room) -> Result<Answer> {
        let state = self.engine.room(room.bundle, &room.room).await?;
        Ok(Answer {
            data: value(&state),
            ..Answer::of(report::room::markdown(&state))
        })
    }

    pub(super) fn why(&self, reference: &str) -> Result<Answer> {
        let others = reports::of_export(&self.engine.config.data_dir)?;
        let found = self.engine.why(reference, others)?;
        Ok(Answer::of(report::why::markdown(&found)))
    }
}

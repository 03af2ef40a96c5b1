//! Which failures end one user or room only.

use super::own::is_own;
use crate::{
    Result,
    source::intake::{Intake, Record, problem},
};

/// The value, or `None` and a problem if the failure is this subject's own; a failure of the whole server goes on up.
pub(super) async fn alone<T>(
    result: Result<T>,
    step: &str,
    subject: &(impl ToString + ?Sized),
    to: &Intake,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_own(&error) => {
            to.send(Record::Problem(problem(step, subject, &error)))
                .await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

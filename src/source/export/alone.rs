//! Which failures end one user or room only.

use super::problem;
use crate::{Error, Result, job::Problem};

/// The value, or `None` and a problem if the failure is this subject's own; a failure of the whole server goes on up.
pub(super) fn alone<T>(
    result: Result<T>,
    step: &str,
    subject: &(impl ToString + ?Sized),
    problems: &mut Vec<Problem>,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error @ (Error::Answer { .. } | Error::Malformed { .. })) => {
            problems.push(problem(step, subject, &error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

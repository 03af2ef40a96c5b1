//! Failures that are one subject's own, kept until its turn to be handed over.

use crate::{
    Error, Result,
    job::Problem,
    source::{
        gone::is_gone,
        intake::{Intake, Record, problem},
    },
};

/// What could not be read of one subject.
#[derive(Debug, Default)]
pub(super) struct Own(Vec<Problem>);

impl Own {
    /// The value, or `None` and a problem if the failure is this subject's own; a failure of the whole server goes on up.
    pub(super) fn or_none<T>(
        &mut self,
        result: Result<T>,
        step: &str,
        subject: &(impl ToString + ?Sized),
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_own(&error) => {
                self.add(problem(step, subject, &error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) async fn hand_over(self, to: &Intake) -> Result<()> {
        for problem in self.0 {
            to.send(Record::Problem(problem)).await?;
        }
        Ok(())
    }
}

/// Whether a failure ends one user, room or item only: the server is there, and knows the token.
pub(super) fn is_own(error: &Error) -> bool {
    let may_be = matches!(
        error,
        Error::Answer { .. } | Error::Malformed { .. } | Error::Slow { .. }
    );
    may_be && !is_gone(error)
}

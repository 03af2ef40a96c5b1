//! `retry`.

use super::{Answer, Operation, value};
use crate::{Result, command::retry::Retry, engine::WantedAgain, job::Job, report};

impl Operation {
    pub(super) async fn retry(&self, job: &Job, wanted: &WantedAgain) -> Result<Answer> {
        let retried = self.engine.retry(job, wanted).await?;
        let mut files = Vec::new();
        if !retried.again.things.is_empty() {
            files = self.write("retry", &report::retry::full(&retried), &retried)?;
        }
        Ok(Answer {
            files,
            good: retried.left.is_empty(),
            data: value(&retried),
            ..Answer::of(self.spoken(&report::retry::short(&retried)))
        })
    }
}

/// As the engine wants it.
pub(super) fn wanted(retry: Retry) -> WantedAgain {
    WantedAgain {
        names: retry.what,
        bundle: retry.bundle,
        passwords_for_nobody: retry.no_passwords,
        confirmed: retry.confirmed,
    }
}

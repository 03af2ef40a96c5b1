//! `verify`.

use super::{Answer, Operation};
use crate::{Result, command::verify::Verify, job::Job, report};

impl Operation {
    pub(super) async fn verify(&self, job: &Job, wanted: Verify) -> Result<Answer> {
        let Verify { bundle, deep } = wanted;
        let verification = self.engine.verify_as(job, bundle, deep).await?;
        let full = report::verification::full(&verification);
        let files = self.write("verify", &full, &verification)?;
        Ok(Answer {
            files,
            good: verification.is_good(),
            data: self.for_machines(&verification),
            ..Answer::of(report::verification::short(&verification))
        })
    }
}

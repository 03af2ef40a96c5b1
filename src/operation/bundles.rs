//! `bundles` and `bundle verify`.

use std::path::PathBuf;

use super::{Answer, Operation, lock};
use crate::{Result, job::Job, report};

impl Operation {
    pub(super) async fn bundles(&self, job: &Job) -> Result<Answer> {
        let bundles = self.engine.bundles(job).await?;
        let busy = lock::running(&self.engine.config.data_dir).map(|job| job.name);
        Ok(Answer {
            data: self.for_machines(&bundles),
            ..Answer::of(self.spoken(&report::bundles::list(&bundles, busy.as_deref())))
        })
    }

    pub(super) async fn prove(&self, job: &Job, bundle: Option<PathBuf>) -> Result<Answer> {
        let proved = self.engine.prove(job, bundle).await?;
        let files = self.write("bundle", &report::bundles::full(&proved), &proved)?;
        let good = proved.proof.is_good();
        Ok(Answer {
            files: if good { Vec::new() } else { files },
            good,
            data: self.for_machines(&proved),
            ..Answer::of(self.spoken(&report::bundles::proved(&proved)))
        })
    }
}

//! `sync`.

use super::{Answer, Operation};
use crate::{Result, command::sync::Sync, job::Job, report};

impl Operation {
    pub(super) async fn sync(&self, job: &Job, wanted: Sync) -> Result<Answer> {
        let page = Box::new(report::page::page);
        let synced = self.engine.sync(job, wanted.no_passwords, page).await?;
        let files = self.write("sync", &report::sync::full(&synced), &synced)?;
        Ok(Answer {
            files,
            good: synced.is_good(),
            data: self.for_machines(&synced),
            ..Answer::of(self.spoken(&report::sync::short(&synced)))
        })
    }
}

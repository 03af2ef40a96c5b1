//! `sync`.

use super::{Answer, Operation};
use crate::{Result, bundle::Page, command::sync::Sync, engine::Following, job::Job, report};

impl Operation {
    pub(super) async fn sync(&self, job: &Job, wanted: Sync) -> Result<Answer> {
        if wanted.follow {
            return self.follow(job, wanted).await;
        }
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

    async fn follow(&self, job: &Job, wanted: Sync) -> Result<Answer> {
        let following = Following {
            passwords_for_nobody: wanted.no_passwords,
            every_ms: wanted.every * 60_000,
        };
        let page = || -> Box<Page> { Box::new(report::page::page) };
        let followed = self.engine.follow(job, following, page).await?;
        let files = self.write("sync", &report::follow::full(&followed), &followed)?;
        Ok(Answer {
            files,
            good: followed.is_good(),
            data: self.for_machines(&followed),
            ..Answer::of(self.spoken(&report::follow::short(&followed)))
        })
    }
}

//! `freeze`, `unfreeze`, `cutover` and `rollback`.

use super::{Answer, Operation, value};
use crate::{
    Error, Result,
    command::{
        cutover::{Cutover, Which},
        freeze::InFront,
        sync::Sync,
        verify::Verify,
    },
    job::Job,
    model::cutover::Step,
    report,
};

impl Operation {
    pub(super) async fn freeze(&self, in_front: InFront) -> Result<Answer> {
        let findings = self.engine.doors(true).await?;
        let config = &self.engine.config;
        let text = report::cutover::frozen(&findings, config, in_front.proxy);
        Ok(Answer {
            good: report::finding::is_good(&findings),
            data: value(&findings),
            ..Answer::of(self.spoken(&text))
        })
    }

    pub(super) async fn unfreeze(&self, in_front: InFront) -> Result<Answer> {
        let findings = self.engine.doors(false).await?;
        let config = &self.engine.config;
        let text = report::cutover::unfrozen(&findings, config, in_front.proxy);
        Ok(Answer {
            good: report::finding::is_good(&findings),
            data: value(&findings),
            ..Answer::of(self.spoken(&text))
        })
    }

    pub(super) async fn rollback(&self, in_front: InFront) -> Result<Answer> {
        let back = self.engine.back().await?;
        let text = report::cutover::back(&back, &self.engine.config, in_front.proxy);
        Ok(Answer {
            data: self.for_machines(&back),
            ..Answer::of(self.spoken(&text))
        })
    }

    pub(super) async fn cutover(&self, job: &Job, wanted: Cutover) -> Result<Answer> {
        let (config, proxy) = (&self.engine.config, wanted.in_front.proxy);
        let cutover = self.engine.cutover()?;
        let step = match wanted.which {
            None => {
                let text = report::cutover::course(&cutover, config, proxy);
                return Ok(Answer {
                    data: self.for_machines(&cutover),
                    ..Answer::of(self.spoken(&text))
                });
            }
            Some(Which::One(step)) => step,
            Some(Which::Next) => cutover.next().ok_or_else(|| {
                Error::Usage(
                    "all steps of the cutover are done: name one to look at it again".to_owned(),
                )
            })?,
        };
        cutover.allows(step)?;
        // Once people are on Tuwunel, Synapse's doors say nothing.
        let is_closed = !cutover.has_accepted(Step::Freeze)
            && cutover.switched_ts().is_none()
            && !wanted.accept;
        let mut answer = self.take(job, step, wanted, is_closed).await?;
        if !answer.good && !wanted.accept {
            if matches!(step, Step::CatchUp | Step::LastSync | Step::Verify) {
                answer
                    .markdown
                    .push_str(&self.spoken(&report::cutover::again(step)));
            }
            return Ok(answer);
        }
        let cutover = self.engine.has_done(step, !answer.good)?;
        let next = report::cutover::next(&cutover, config, proxy);
        answer.markdown = format!(
            "{}\n**{} is done.**\n\n{}",
            without_next(&answer.markdown),
            report::text::code(&format!("cutover {}", step.name())),
            self.spoken(&next)
        );
        answer.good = true;
        Ok(answer)
    }

    async fn take(
        &self,
        job: &Job,
        step: Step,
        wanted: Cutover,
        is_closed: bool,
    ) -> Result<Answer> {
        let sync = Sync {
            no_passwords: wanted.no_passwords,
            ..Sync::default()
        };
        let findings = match step {
            Step::CatchUp => return self.sync(job, sync).await,
            Step::LastSync => {
                if !is_closed {
                    return self.sync(job, sync).await;
                }
                self.engine.is_frozen().await?;
                let mut answer = self.sync(job, sync).await?;
                // What was written while Synapse was read may not be in it.
                if let Err(error) = self.engine.is_still_frozen().await {
                    answer.good = false;
                    let text = report::cutover::opened(&error);
                    answer.markdown.push_str(&self.spoken(&text));
                }
                return Ok(answer);
            }
            Step::Verify => {
                if is_closed {
                    self.engine.is_still_frozen().await?;
                }
                let verify = Verify {
                    bundle: self.engine.last_bundle()?,
                    ..Verify::default()
                };
                return self.verify(job, verify).await;
            }
            Step::Freeze => self.engine.doors(true).await?,
            Step::Switch => self.engine.has_switched().await?,
            Step::Settings => self.engine.settings_are_lifted().await?,
            Step::Federation => self.engine.says_hello(job).await?,
        };
        let text = report::cutover::looked(step, &findings, wanted.accept);
        Ok(Answer {
            good: report::finding::is_good(&findings),
            data: value(&findings),
            ..Answer::of(self.spoken(&text))
        })
    }
}

/// What a `sync` says of its own next step is not what comes next here.
fn without_next(markdown: &str) -> String {
    let lines = markdown.lines().filter(|line| !line.contains("Next: `"));
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}

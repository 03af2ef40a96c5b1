//! Work on several subjects at the same time, whose records are handed over one subject after the other.

use std::collections::VecDeque;

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    Error, Result,
    source::intake::{Intake, Record},
};

/// Begins with the first `in_flight` subjects, and with one more whenever the first one is done; `done` hears how many
/// are.
pub(super) async fn read<T, F>(
    subjects: impl IntoIterator<Item = T>,
    in_flight: usize,
    to: &Intake,
    begin: impl Fn(T, Intake) -> F,
    mut done: impl FnMut(u64),
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut waiting = subjects.into_iter();
    let mut ahead = VecDeque::new();
    let mut count = 0;
    loop {
        while ahead.len() < in_flight
            && let Some(subject) = waiting.next()
        {
            let (branch, records) = to.branch();
            let task = tokio::spawn(begin(subject, branch));
            ahead.push_back(Reading { records, task });
        }
        let Some(mut next) = ahead.pop_front() else {
            return Ok(());
        };
        to.forward(&mut next.records).await?;
        next.end().await?;
        count += 1;
        done(count);
    }
}

/// Work that is being done; given up when dropped.
struct Reading {
    records: mpsc::Receiver<Record>,
    task: JoinHandle<Result<()>>,
}

impl Reading {
    async fn end(&mut self) -> Result<()> {
        match (&mut self.task).await {
            Ok(read) => read,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopped),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

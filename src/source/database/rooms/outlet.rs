//! The way of finished rooms to the writer: some wait there while the next ones are read.

use std::{
    mem,
    sync::mpsc::{self, SyncSender},
    thread::{self, JoinHandle},
};

use crate::{
    Error, Result,
    source::intake::{Intake, Record},
};

/// Stretches of rooms, or parts of a big room, that wait for the writer.
const WAITING: usize = 1;
/// Bytes that are handed over at once.
const TOGETHER: usize = 512 * 1024;

/// A thread that hands records over.
pub(super) struct Outlet {
    inlet: Inlet,
    thread: JoinHandle<Result<()>>,
}

/// The outlet's beginning. Cheap to clone.
#[derive(Clone)]
pub(super) struct Inlet(SyncSender<Vec<Record>>);

impl Outlet {
    pub(super) fn new(to: Intake) -> Self {
        let (inlet, waiting) = mpsc::sync_channel::<Vec<Record>>(WAITING);
        let thread = thread::spawn(move || {
            for records in waiting {
                let (mut some, mut bytes) = (Vec::new(), 0);
                for record in records {
                    bytes += weight(&record);
                    some.push(record);
                    if bytes >= TOGETHER {
                        to.send_blocking(Record::Several(mem::take(&mut some)))?;
                        bytes = 0;
                    }
                }
                if !some.is_empty() {
                    to.send_blocking(Record::Several(some))?;
                }
            }
            Ok(())
        });
        Self {
            inlet: Inlet(inlet),
            thread,
        }
    }

    pub(super) fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// When everything is handed over. No other inlet may be left.
    pub(super) fn end(self) -> Result<()> {
        drop(self.inlet);
        match self.thread.join() {
            Ok(handed_over) => handed_over,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Inlet {
    /// Waits until there is room. [`Error::Stopped`] if nobody takes the records any more.
    pub(super) fn put(&self, records: Vec<Record>) -> Result<()> {
        self.0.send(records).map_err(|_| Error::Stopped)
    }
}

/// Some bytes of a record, and nearly all where there are many.
fn weight(record: &Record) -> usize {
    match record {
        Record::Events(lines) => lines.iter().map(|line| line.pdu.get().len()).sum(),
        Record::Room(room) => {
            let state = room.state.iter().flatten();
            state.map(|event| event.get().len()).sum()
        }
        _ => 0,
    }
}

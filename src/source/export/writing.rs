//! The bundle's writer on threads that may block, and the problems on their way to it and to the job.

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    bundle::{BundleWriter, Finished, Origin, RoomRecord},
    job::{Event, Job, Phase, Problem},
    model::user::User,
};

/// A bundle that is being written by an export.
pub(super) struct Writing {
    out: PathBuf,
    /// Absent only while a room is being written.
    writer: Option<BundleWriter>,
    job: Job,
    problems: Vec<Problem>,
}

impl Writing {
    /// Begins the bundle.
    pub(super) async fn create(out: &Path, origin: Origin, job: &Job) -> Result<Self> {
        let path = out.to_owned();
        Ok(Self {
            out: out.to_owned(),
            writer: Some(blocking(out, move || BundleWriter::create(&path, origin)).await?),
            job: job.clone(),
            problems: Vec::new(),
        })
    }

    /// Tells and keeps problems.
    pub(super) fn problems(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            self.job.emit(Event::Problem(problem.clone()));
            self.problems.push(problem);
        }
    }

    /// Adds a user.
    pub(super) fn user(&mut self, user: &User) -> Result<()> {
        self.writer.as_mut().ok_or(Error::Stopped)?.user(user)
    }

    /// Adds a room; its events are compressed on another thread.
    pub(super) async fn room(&mut self, record: RoomRecord) -> Result<()> {
        let mut writer = self.writer.take().ok_or(Error::Stopped)?;
        let (writer, written) = blocking(&self.out, move || {
            let written = writer.room(&record);
            Ok((writer, written))
        })
        .await?;
        self.writer = Some(writer);
        written
    }

    /// Adds a server's keys.
    pub(super) fn server_keys(
        &mut self,
        server: ruma::OwnedServerName,
        keys: Box<serde_json::value::RawValue>,
    ) {
        if let Some(writer) = &mut self.writer {
            writer.server_keys(server, keys);
        }
    }

    /// Users added so far.
    pub(super) fn users(&self) -> u64 {
        self.writer.as_ref().map_or(0, BundleWriter::users_written)
    }

    /// Rooms added so far.
    pub(super) fn rooms(&self) -> u64 {
        self.writer.as_ref().map_or(0, BundleWriter::rooms_written)
    }

    /// Completes the bundle.
    pub(super) async fn finish(self) -> Result<(Finished, Vec<Problem>)> {
        let Self {
            out,
            writer,
            job,
            problems,
        } = self;
        let mut writer = writer.ok_or(Error::Stopped)?;
        for problem in &problems {
            writer.problem(problem.clone());
        }
        let finished = blocking(&out, move || {
            let mut begun = false;
            writer.finish(&mut |done, total| {
                let phase = Phase::ExportPack;
                if !std::mem::replace(&mut begun, true) {
                    job.emit(Event::Phase { phase, total });
                }
                job.emit(Event::Done { phase, done });
            })
        })
        .await?;
        Ok((finished, problems))
    }
}

async fn blocking<T: Send + 'static>(
    out: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::file(out)(std::io::Error::other(error)))?
}

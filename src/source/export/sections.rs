//! A reader's sections, one after the other, and what becomes of the rest when Synapse breaks off in the middle.

use crate::{
    Error, Result,
    job::Problem,
    model::wanted::Media,
    source::{
        gone,
        intake::{Intake, Progress, problem},
        reader::Reader,
    },
};

/// How the reading ended.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Why not everything was read: the first reason.
    pub(super) failure: Option<Error>,
    /// The sections that are missing, or not whole.
    pub(super) unread: Vec<Problem>,
}

#[derive(Debug, Clone, Copy)]
enum Section {
    Users,
    KeyBackups,
    Rooms,
    Media,
    ServerKeys,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Users,
        Self::KeyBackups,
        Self::Rooms,
        Self::Media,
        Self::ServerKeys,
    ];

    /// What it is of, and the units it is counted in.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Users => ("users", "users"),
            Self::KeyBackups => ("key backups", "users"),
            Self::Rooms => ("rooms", "rooms"),
            Self::Media => ("media", "users"),
            Self::ServerKeys => ("server keys", "servers"),
        }
    }

    async fn read<R: Reader>(self, reader: &mut R, to: &Intake) -> Result<()> {
        match self {
            Self::Users => reader.users(to).await,
            Self::KeyBackups if to.wanted().inventory => Ok(()),
            Self::KeyBackups => reader.key_backups(to).await,
            Self::Rooms => reader.rooms(to).await,
            Self::Media if to.wanted().media == Media::None => Ok(()),
            Self::Media => reader.media(to).await,
            Self::ServerKeys => reader.server_keys(to.signers(), to).await,
        }
    }
}

/// Reads all sections. An error is the operator's stop, or the writer's.
pub(super) async fn read<R: Reader>(reader: &mut R, to: &Intake) -> Result<Ending> {
    let mut ending = Ending::default();
    let mut broken_off = false;
    for section in Section::ALL {
        let (what, units) = section.words();
        if broken_off {
            ending
                .unread
                .push(problem("export", what, "not read any more"));
            continue;
        }
        to.forget_progress();
        match section.read(reader, to).await {
            Ok(()) => {}
            Err(error) if is_synapses(&error) => {
                let until = until(to.progress(), units);
                let reason = format!("broken off {until}: {error}");
                ending.unread.push(problem("export", what, &reason));
                // Where it answers, the other sections may be fine.
                broken_off = gone::is_gone(&error) || matches!(error, Error::Slow { .. });
                ending.failure.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ending)
}

/// Whether it is Synapse that failed, not the disk or the operator.
fn is_synapses(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::Refused { .. }
            | Error::Slow { .. }
            | Error::Answer { .. }
            | Error::Malformed { .. }
    )
}

fn until(Progress { done, total }: Progress, units: &str) -> String {
    if total == 0 {
        "at its beginning".to_owned()
    } else {
        format!("after {done} of {total} {units}")
    }
}

//! What an import or a plan is asked for, by the command's words.

use std::path::PathBuf;

use crate::{
    Result,
    command::{import::Import, plan::Plan},
    engine::Asked,
};

/// The bundle, and how it is carried.
pub(super) fn of_import(wanted: Import) -> Result<(Option<PathBuf>, Asked)> {
    let asked = Asked {
        history: wanted.history,
        media: wanted.media,
        media_max_mib: wanted.media_max_size,
        admins: wanted.admins,
        passwords_for_nobody: wanted.no_passwords,
        left_out: wanted.stages.left_out()?,
        mode: wanted.mode,
        replay_messages: wanted.replay_messages,
        via: wanted.via,
        leave_old: wanted.leave_old,
        confirmed: wanted.confirmed,
    };
    Ok((wanted.bundle, asked))
}

/// The same of a plan.
pub(super) fn of_plan(wanted: &Plan) -> Result<(Option<PathBuf>, Asked)> {
    let asked = Asked {
        history: wanted.history,
        media: wanted.media,
        media_max_mib: wanted.media_max_size,
        admins: wanted.admins,
        left_out: wanted.stages.left_out()?,
        mode: wanted.mode,
        replay_messages: wanted.replay_messages,
        via: wanted.via.clone(),
        leave_old: wanted.leave_old,
        ..Asked::default()
    };
    Ok((wanted.bundle.clone(), asked))
}

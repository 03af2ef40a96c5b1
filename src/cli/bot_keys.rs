//! `ferryman bot-keys …`: needs no configuration, for bots live on any homeserver.

use crate::{
    Result,
    bot_keys::safekeeping::{keep, restore},
    clock::{Clock, SystemClock},
    command::bot_keys::{BotKeys, Step},
    operation::Answer,
    report,
};

/// Does one step.
pub(super) fn run(order: &BotKeys) -> Result<Answer> {
    let now = SystemClock.now_ms();
    let text = match &order.step {
        Step::Backup(step) => {
            let kept = keep::keep(&step.place.storage(), &step.into, step.force, now)?;
            report::bot_keys::kept(&kept)
        }
        Step::Restore(step) => {
            let storage = step.place.storage();
            let restored = restore::restore(&step.kept, &storage, step.force, now)?;
            report::bot_keys::restored(&restored, &step.kept, &storage)
        }
    };
    Ok(Answer::of(text))
}

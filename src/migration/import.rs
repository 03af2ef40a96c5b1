//! The import: accounts, profiles, rooms, aliases; what an earlier run of the same bundle did is not done again.

use ruma::OwnedUserId;

use super::{
    accounts, aliases, carry,
    context::{Each, Import},
    encryption, federation, late, listings, local,
    local::{anew::Anew, messages::Counted},
    media,
    outcome::{ImportSummary, MediaSummary, MessagesSummary, RoomLeft},
    pending,
    plan::{RoomAction, RoomPlan},
    profiles, schedule, user_data,
};
use crate::{
    Error, Result,
    job::{Event, Phase},
    ledger::Step,
    model::{mode::Mode, stage::Stage},
};

/// Rooms under way at once: the target is the bottleneck.
const ROOMS_IN_FLIGHT: usize = 4;

impl Import {
    /// All steps in their order.
    pub async fn run(&self) -> Result<ImportSummary> {
        let stages = self.plan.stages();
        for stage in stages.iter().filter(|stage| *stage <= Stage::Rooms) {
            Box::pin(self.stage(stage)).await?;
        }
        late::run(self).await?;
        for stage in stages.iter().filter(|stage| *stage > Stage::Rooms) {
            Box::pin(self.stage(stage)).await?;
        }
        if stages.has(Stage::Rooms) {
            federation::leave::run(self).await?;
        }
        self.summary()
    }

    async fn stage(&self, stage: Stage) -> Result<()> {
        match stage {
            Stage::Accounts => accounts::run(self).await,
            Stage::AdminRights => accounts::admins::run(self).await,
            Stage::Addresses => accounts::addresses::run(self).await,
            Stage::NamesAndPictures => profiles::run(self).await,
            Stage::Rooms => self.rooms().await,
            Stage::Aliases => aliases::run(self, &self.bundle.aliases()?).await,
            Stage::Identities => encryption::carry_identities(self).await,
            Stage::VerifiedPeople => encryption::signatures::run(self).await,
            Stage::KeyBackups => encryption::carry_backups(self).await,
            Stage::RoomDirectory => listings::run(self).await,
            Stage::Settings => user_data::run(self).await,
            Stage::Media => media::run(self).await,
        }
    }

    async fn rooms(&self) -> Result<()> {
        if self.plan.mode == Mode::Federation {
            return federation::rooms::run(self).await;
        }
        // They name each other, so all are there before the first is filled.
        let (anew, mut unmade) = local::make::run(self).await?;
        let anew = &anew;
        let mut rooms = schedule::longest_first(&self.plan.rooms);
        rooms.retain(|room| self.is_about_room(&room.room_id));
        let expected = |room: &RoomPlan| match room.action {
            RoomAction::Carry { .. } if self.plan.target.replay => room.events,
            _ => 0,
        };
        let expected: u64 = rooms.iter().map(expected).sum();
        let each = Each {
            phase: Phase::Rooms,
            name: "room",
            step: Step::Settle,
            total: rooms.len(),
            // Of a few rooms nobody knows how many of the events that are counted were theirs.
            events: (expected > 0 && self.things.is_none()).then_some(expected),
            in_flight: ROOMS_IN_FLIGHT,
        };
        let work = rooms.into_iter().map(|room| {
            let subject = room.room_id.to_string();
            let failure = unmade.remove(&room.room_id);
            (subject, async move {
                match failure {
                    Some(error) => Err(error),
                    None => self.room(&room, anew).await,
                }
            })
        });
        self.each(each, work).await
    }

    async fn room(&self, room: &RoomPlan, anew: &Anew) -> Result<()> {
        match &room.action {
            RoomAction::Carry { joiner, join } => {
                let carried = carry::run(self, room, joiner, join).await;
                self.job.emit(Event::RoomLeft(room.room_id.clone()));
                carried
            }
            RoomAction::Pending { waiting } => pending::run(self, room, waiting).await,
            RoomAction::Recreate(how) => {
                let filled = local::fill::run(self, room, how, anew).await;
                self.job.emit(Event::RoomLeft(room.room_id.clone()));
                filled
            }
            // They have an order of their own, and only in a mode of their own.
            RoomAction::Join(_) | RoomAction::Skip { .. } => Ok(()),
            RoomAction::Unreadable { reason } => Err(Error::Target(reason.clone())),
        }
    }

    fn summary(&self) -> Result<ImportSummary> {
        let ledger = &self.ledger;
        let skipped: Vec<_> = self
            .plan
            .rooms
            .iter()
            .filter_map(|room| match &room.action {
                RoomAction::Skip { reason } => Some(RoomLeft {
                    room_id: room.room_id.clone(),
                    name: room.name.clone(),
                    reason: reason.clone(),
                }),
                RoomAction::Carry { .. }
                | RoomAction::Recreate(_)
                | RoomAction::Join(_)
                | RoomAction::Pending { .. }
                | RoomAction::Unreadable { .. } => None,
            })
            .collect();
        let done = ledger.count_done(Step::Settle, None)?;
        let mut rooms_failed = 0;
        for room in &self.plan.rooms {
            // What was never tried was left out, or is left for the next import.
            let entry = ledger.entry(Step::Settle, &room.room_id)?;
            rooms_failed += u64::from(entry.is_some_and(|entry| !entry.is_done()));
        }
        let rooms_made = ledger.count_done(Step::Settle, Some(local::DONE))?;
        let rooms_joined = ledger.count_done(Step::Settle, Some(federation::DONE))?;
        let rooms_pending = ledger.count_done(Step::Settle, Some(pending::DONE))?;
        Ok(ImportSummary {
            target: self.plan.target.software.clone(),
            accounts_created: ledger.count_done(Step::Account, Some(accounts::how::CREATED))?,
            accounts_adopted: users(ledger.done_as(Step::Account, accounts::how::ADOPTED)?),
            accounts_reserved: ledger.count_done(Step::Account, Some(accounts::how::RESERVED))?,
            rooms_carried: done - rooms_pending - rooms_made - rooms_joined,
            rooms_made,
            messages: self.messages()?,
            rooms_joined,
            memberships: ledger.count_done(Step::Enter, None)?,
            old_left: ledger.count_done(Step::LeaveOld, None)?,
            rooms_pending,
            rooms_failed,
            left_out: self.plan.left_out,
            rooms_skipped: skipped,
            remote_joins: self.resident.send_joins(),
            events_replayed: ledger.events()?,
            aliases: ledger.count_done(Step::Alias, None)?,
            identities: ledger.count_done(Step::Identity, Some(encryption::how::CARRIED))?,
            identities_kept: users(ledger.done_as(Step::Identity, encryption::how::THEIRS)?),
            key_backups: ledger.count_done(Step::Backup, Some(encryption::how::CARRIED))?,
            rooms_listed: ledger.count_done(Step::Listing, None)?,
            user_data: ledger.count_done(Step::UserData, None)?,
            media: MediaSummary {
                carried: ledger.count_done(Step::Media, None)?,
                planned: self.plan.media.files,
                left: self.plan.media.left.clone(),
                lost: self.plan.media.lost.clone(),
            },
            elapsed_ms: 0,
            passwords: self
                .passwords
                .any()
                .then(|| self.passwords.path().to_owned()),
            problems: ledger.problems()?,
        })
    }
}

impl Import {
    /// What came of the messages of rooms that were made anew.
    fn messages(&self) -> Result<Option<MessagesSummary>> {
        if !self.plan.replay_messages {
            return Ok(None);
        }
        let mut planned = Counted::default();
        for room in &self.plan.rooms {
            if let RoomAction::Recreate(how) = &room.action {
                how.messages.iter().for_each(|counted| planned.add(counted));
            }
        }
        Ok(Some(MessagesSummary {
            sent: self.ledger.count_resent(None)?,
            planned: planned.sent,
            left: planned.left,
        }))
    }
}

fn users(subjects: Vec<String>) -> Vec<OwnedUserId> {
    let users = subjects.into_iter();
    users
        .filter_map(|user| OwnedUserId::try_from(user).ok())
        .collect()
}

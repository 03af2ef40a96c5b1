//! What is done again: what an import has begun and not settled, or what somebody names.

use std::collections::BTreeSet;

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Serialize;

use super::{
    encryption::{self, signatures},
    plan::{Plan, RoomAction, UserAction},
    user_data,
};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::Problem,
    ledger::{Ledger, Step},
    model::stage::Stage,
};

/// The things that an import is restricted to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Things {
    /// All that belongs to these users alone.
    pub users: BTreeSet<OwnedUserId>,
    /// These rooms, with their aliases and their place in the room directory.
    pub rooms: BTreeSet<OwnedRoomId>,
    /// These aliases.
    pub aliases: BTreeSet<OwnedRoomAliasId>,
    /// These rooms' places in the room directory.
    pub listings: BTreeSet<OwnedRoomId>,
    /// These files.
    pub media: BTreeSet<String>,
    /// Users of whom only the receipts are set that wait for these rooms.
    pub readers: BTreeSet<OwnedUserId>,
    /// Users of whom only the signatures are uploaded, for they wait for these users' identities.
    pub signers: BTreeSet<OwnedUserId>,
    /// Whether somebody has named them: then they are done again even if they count as done.
    #[serde(skip)]
    pub named: bool,
}

impl Things {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
            && self.rooms.is_empty()
            && self.aliases.is_empty()
            && self.listings.is_empty()
            && self.media.is_empty()
    }

    /// All that a ledger has begun and that is not done.
    pub fn unsettled(ledger: &Ledger, bundle: &Bundle, plan: &Plan) -> Result<Self> {
        let mut things = Self::default();
        for (step, subject) in ledger.unsettled()? {
            things.add(&step, &subject);
        }
        for problem in ledger.problems()? {
            if problem.step == "receipts"
                && let Ok(user) = OwnedUserId::try_from(problem.subject)
            {
                things.users.insert(user);
            }
        }
        // A room's steps are one way; only its end says whether it is there.
        let mut settled = Vec::new();
        for room in &things.rooms {
            if ledger.is_done(Step::Settle, room)? {
                settled.push(room.clone());
            }
        }
        for room in settled {
            things.rooms.remove(&room);
        }
        things.add_belongings(ledger, bundle, plan)?;
        things.wait(ledger, bundle, plan)?;
        Ok(things)
    }

    fn add(&mut self, step: &str, subject: &str) {
        match step {
            "join" | "open" | "replay" | "make" | "settle" => {
                self.rooms.extend(OwnedRoomId::try_from(subject));
            }
            // `USER in ROOM`: it goes with its room.
            "wait" => {
                let room = subject.rsplit(' ').next().unwrap_or_default();
                self.rooms.extend(OwnedRoomId::try_from(room));
            }
            "alias" => self.aliases.extend(OwnedRoomAliasId::try_from(subject)),
            "listing" => self.listings.extend(OwnedRoomId::try_from(subject)),
            "media" => {
                self.media.insert(subject.to_owned());
            }
            _ => {
                // `USER`, or `USER VERSION` of a key backup.
                let user = subject.split(' ').next().unwrap_or_default();
                self.users.extend(OwnedUserId::try_from(user));
            }
        }
    }

    /// Takes in what belongs to its rooms: their aliases and their places in the room directory, as far as these are not
    /// done, or all of a room that is named.
    pub fn add_belongings(&mut self, ledger: &Ledger, bundle: &Bundle, plan: &Plan) -> Result<()> {
        let rooms = plan.rooms.iter();
        let carried: BTreeSet<&RoomId> = rooms
            .filter(|room| room.action.maker().is_some())
            .map(|room| &*room.room_id)
            .filter(|room| self.has_room(room))
            .collect();
        if !plan.left_out.has(Stage::Aliases) {
            for (alias, room) in bundle.aliases()? {
                let is_due = self.named || !ledger.is_done(Step::Alias, &alias)?;
                if is_due && carried.contains(&*room) {
                    self.aliases.insert(alias);
                }
            }
        }
        if !plan.left_out.has(Stage::RoomDirectory) {
            for room in bundle.directory()? {
                let is_due = self.named || !ledger.is_done(Step::Listing, &room)?;
                if is_due && carried.contains(&*room) {
                    self.listings.insert(room);
                }
            }
        }
        Ok(())
    }

    /// Takes in those who wait for these things: with receipts in the rooms, with signatures of the users' identities.
    pub fn wait(&mut self, ledger: &Ledger, bundle: &Bundle, plan: &Plan) -> Result<()> {
        let (mut readers, mut signers) = (BTreeSet::new(), BTreeSet::new());
        let carried = plan.users.iter();
        for user in carried.filter(|user| user.action == UserAction::Carry) {
            let id = &user.user_id;
            if self.users.contains(id) {
                continue;
            }
            let receipts = ledger.entry(Step::Receipts, id)?;
            let waits_for_room = receipts.is_some_and(|entry| {
                user_data::waits_for(&entry).any(|room| self.rooms.iter().any(|it| it == room))
            }) && ledger.is_done(Step::UserData, id)?;
            if waits_for_room {
                readers.insert(id.clone());
            }
            if self.waits_for_identity(ledger, bundle, id)? {
                signers.insert(id.clone());
            }
        }
        (self.readers, self.signers) = (readers, signers);
        Ok(())
    }

    /// Whether somebody's signatures were left until one of the users has an identity.
    fn waits_for_identity(&self, ledger: &Ledger, bundle: &Bundle, user: &UserId) -> Result<bool> {
        if self.users.is_empty()
            || ledger.entry(Step::Signatures, user)?.is_some()
            || !ledger.is_done(Step::Identity, user)?
        {
            return Ok(false);
        }
        let signed = encryption::signed_by(bundle, user)?;
        Ok(signed.iter().any(|other| self.users.contains(other)))
    }

    /// Whether anything of a user's is done again.
    #[must_use]
    pub fn has_user(&self, user: &UserId) -> bool {
        self.users.iter().any(|it| it == user)
    }

    /// Whether receipts of a user's are set: all, or those that wait for a room.
    #[must_use]
    pub fn has_reader(&self, user: &UserId) -> bool {
        self.has_user(user) || self.readers.iter().any(|it| it == user)
    }

    /// Whether a user's signatures are uploaded.
    #[must_use]
    pub fn has_signer(&self, user: &UserId) -> bool {
        self.has_user(user) || self.signers.iter().any(|it| it == user)
    }

    /// Whether a room is carried again.
    #[must_use]
    pub fn has_room(&self, room: &RoomId) -> bool {
        self.rooms.iter().any(|it| it == room)
    }

    /// Whether a problem is one of these things'; `events` are those of the rooms.
    #[must_use]
    pub fn has(&self, problem: &Problem, events: &BTreeSet<String>) -> bool {
        let Problem { step, subject, .. } = problem;
        let first = subject.split([' ']).next().unwrap_or_default();
        match step.as_str() {
            "event" => events.contains(subject),
            "room" => self.rooms.iter().any(|room| {
                let rest = subject.strip_prefix(room.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
            }),
            "alias" => self.aliases.iter().any(|alias| alias == subject),
            "listing" => self.listings.iter().any(|room| room == subject),
            "media" => self.media.contains(subject),
            "invite" | "knock" => {
                let room = subject.rsplit(' ').next().unwrap_or_default();
                self.rooms.iter().any(|it| it == room)
            }
            "receipts" => <&UserId>::try_from(first).is_ok_and(|user| self.has_reader(user)),
            signatures::NAME => <&UserId>::try_from(first).is_ok_and(|user| self.has_signer(user)),
            _ => <&UserId>::try_from(first).is_ok_and(|user| self.has_user(user)),
        }
    }
}

/// Adds a user by name.
pub fn user(things: &mut Things, plan: &Plan, user: OwnedUserId) -> Result<()> {
    let action = plan.users.iter().find(|it| it.user_id == user);
    if let Some(UserAction::Skip { reason }) = action.map(|user| &user.action) {
        return Err(Error::Usage(format!(
            "{user} is not carried over: {reason}"
        )));
    }
    things.users.insert(user);
    Ok(())
}

/// Adds a room by name.
pub fn room(things: &mut Things, plan: &Plan, room: OwnedRoomId) -> Result<()> {
    let planned = plan.rooms.iter().find(|it| it.room_id == room);
    if let Some(RoomAction::Skip { reason }) = planned.map(|room| &room.action) {
        return Err(Error::Usage(format!(
            "{room} is not carried over: {reason}"
        )));
    }
    things.rooms.insert(room);
    Ok(())
}

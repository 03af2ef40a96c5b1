//! What has changed on the source between two exports, and what that means to whoever has imported the first one.

pub mod gone;

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, UserId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    accounts::how,
    late::AFTER_THE_ROOMS,
    plan::{RoomAction, RoomPlan},
    read_back, user_data,
};
use crate::{
    Result,
    bundle::{Bundle, OfUser},
    ledger::{Differs, Ledger, Step},
    model::{event_line::EventLine, key_backup::KeyBackupLine, pending::Pending, user::User},
};

/// Where somebody waits.
type Doors = BTreeMap<OwnedRoomId, Pending>;

/// The differences. Of users and rooms that are new nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Users who have registered.
    pub new_users: BTreeSet<OwnedUserId>,
    /// Users with another name, picture, right or address, or whose account was closed or opened.
    pub users: BTreeSet<OwnedUserId>,
    /// Users whose account data, push rules or profile fields are others.
    pub settings: BTreeSet<OwnedUserId>,
    /// Users who have read something, and where.
    pub readers: BTreeMap<OwnedUserId, BTreeSet<OwnedRoomId>>,
    /// Users whose encryption identity is another, or who have verified somebody.
    pub identities: BTreeSet<OwnedUserId>,
    /// Versions of key backups that have other keys: user and number.
    pub backups: BTreeSet<String>,
    /// Rooms that are new.
    pub new_rooms: BTreeSet<OwnedRoomId>,
    /// Rooms with other events, state or members.
    pub rooms: BTreeSet<OwnedRoomId>,
    /// Rooms at whose doors somebody else waits.
    pub doors: BTreeSet<OwnedRoomId>,
    /// Events that these rooms have more, and those of the new ones.
    pub events: u64,
    /// Aliases that are new or name another room.
    pub aliases: BTreeSet<OwnedRoomAliasId>,
    /// Rooms that are in the directory now.
    pub listed: BTreeSet<OwnedRoomId>,
    /// Media that were uploaded.
    pub media: u64,
    /// What was there and is not any more.
    pub gone: gone::Gone,
}

impl Changes {
    /// Compares an older bundle with a newer one of the same server. Reads what both have of the rooms that differ.
    pub fn between(old: &Bundle, new: &Bundle) -> Result<Self> {
        let mut changes = Self::default();
        changes.of_users(old, new)?;
        changes.of_rooms(old, new)?;
        changes.of_names(old, new)?;
        changes.of_backups(old, new)?;
        let known: BTreeSet<_> = old.media()?.into_iter().map(|it| it.media_id).collect();
        let media = new.media()?;
        changes.media = media
            .iter()
            .filter(|item| !known.contains(&item.media_id))
            .count() as u64;
        changes.gone = gone::Gone::between(old, new, &changes)?;
        Ok(changes)
    }

    /// Whether there is nothing to carry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn of_users(&mut self, old: &Bundle, new: &Bundle) -> Result<()> {
        let known: BTreeMap<_, _> = old
            .users()?
            .into_iter()
            .map(|user| (user.user_id.clone(), user))
            .collect();
        for user in new.users()? {
            let id = user.user_id.clone();
            let Some(before) = known.get(&id) else {
                self.new_users.insert(id);
                continue;
            };
            let differs = |file| -> Result<bool> { Ok(!old.has_same_of_user(new, file, &id)?) };
            if seen(&user) != seen(before) {
                self.users.insert(id.clone());
            }
            if differs(OfUser::AccountData)?
                || differs(OfUser::PushRules)?
                || user.profile != before.profile
            {
                self.settings.insert(id.clone());
            }
            // How far a room is read stands among the account data.
            if differs(OfUser::Receipts)? || differs(OfUser::AccountData)? {
                let rooms = user_data::read_since(old, new, &id);
                if !rooms.is_empty() {
                    self.readers.insert(id.clone(), rooms);
                }
            }
            if differs(OfUser::CrossSigning)? {
                self.identities.insert(id.clone());
            }
            if differs(OfUser::Pending)? {
                self.of_doors(old, new, &id);
            }
        }
        Ok(())
    }

    fn of_doors(&mut self, old: &Bundle, new: &Bundle, user: &UserId) {
        let doors = |bundle: &Bundle| bundle.of_user::<Doors>(OfUser::Pending, user);
        // What could not be exported of somebody is told with the export.
        let (Ok(before), Ok(now)) = (doors(old), doors(new)) else {
            return;
        };
        let is_same = |room: &OwnedRoomId| {
            let text = |of: &Doors| of.get(room).map(|it| serde_json::to_string(it).ok());
            text(&before) == text(&now)
        };
        let rooms = before.keys().chain(now.keys());
        self.doors
            .extend(rooms.filter(|&room| !is_same(room)).cloned());
    }

    fn of_rooms(&mut self, old: &Bundle, new: &Bundle) -> Result<()> {
        let known: BTreeSet<_> = old.rooms()?.into_iter().map(|it| it.room_id).collect();
        for room in new.rooms()? {
            let id = room.room_id;
            if !known.contains(&id) {
                self.events += new.timeline_length(&id);
                self.new_rooms.insert(id);
            } else if !old.has_same_room(new, &id)? {
                let more = new.timeline_length(&id);
                self.events += more.saturating_sub(old.timeline_length(&id));
                self.rooms.insert(id);
            }
        }
        Ok(())
    }

    fn of_names(&mut self, old: &Bundle, new: &Bundle) -> Result<()> {
        let known = old.aliases()?;
        let aliases = new.aliases()?.into_iter();
        self.aliases = aliases
            .filter(|(alias, room)| known.get(alias) != Some(room))
            .map(|(alias, _)| alias)
            .collect();
        let known = old.directory()?;
        self.listed = new.directory()?.difference(&known).cloned().collect();
        Ok(())
    }

    fn of_backups(&mut self, old: &Bundle, new: &Bundle) -> Result<()> {
        let (old, new) = (backups(old)?, backups(new)?);
        let differ = new.into_iter().filter(|(id, it)| old.get(id) != Some(it));
        self.backups = differ.map(|(subject, _)| subject).collect();
        Ok(())
    }

    /// What an import of the newer bundle must not take over of the older one's, whose ledger this is. `rooms` is the plan
    /// of the newer one, `there` are events that the target has beside those of the older one, and `replay` says whether
    /// it takes a room's history.
    pub fn differs(
        &self,
        before: &Ledger,
        (old, new): (&Bundle, &Bundle),
        (rooms, there): (&[RoomPlan], &BTreeSet<OwnedEventId>),
        replay: bool,
    ) -> Result<Differs> {
        let mut again = Vec::new();
        let mut but_for = Vec::new();
        for user in &self.users {
            again.push((Step::Admin, user.to_string()));
            // One for each address.
            for taken in before.taken_for(user)? {
                if taken.step == "address" {
                    again.push((Step::Address, subject(user, &taken.part)));
                }
            }
            if before.is_done(Step::Profile, user)? {
                but_for.push((Step::Profile, user.to_string(), AFTER_THE_ROOMS.to_owned()));
            }
        }
        for user in &self.gone.closed {
            let account = before.entry(Step::Account, user)?;
            if account.is_some_and(|entry| entry.is_done() && entry.detail == how::CREATED) {
                but_for.push((Step::Account, user.to_string(), AFTER_THE_ROOMS.to_owned()));
            } else {
                // Of one that was there before us it is told.
                again.push((Step::Account, user.to_string()));
            }
        }
        for user in new.users()? {
            let user = &user.user_id;
            // What somebody's own events do to their private receipts is undone.
            let mut rooms = user_data::read_privately(new, user);
            rooms.retain(|room| self.rooms.contains(room));
            rooms.extend(self.readers.get(user).into_iter().flatten().cloned());
            let entry = before.entry(Step::Receipts, user)?;
            if let Some(entry) = entry.filter(|_| !rooms.is_empty()) {
                let waits = user_data::left_to_read(&entry, &rooms);
                but_for.push((Step::Receipts, user.to_string(), waits));
            }
        }
        let each = [
            (Step::UserData, &self.settings),
            (Step::Signatures, &self.identities),
        ];
        for (step, users) in each {
            again.extend(users.iter().map(|user| (step, user.to_string())));
        }
        for user in &self.identities {
            // Who had none may have one now.
            let identity = before.entry(Step::Identity, user)?;
            if identity.is_some_and(|it| it.detail == super::encryption::how::NONE) {
                again.push((Step::Identity, user.to_string()));
                again.push((Step::UserData, user.to_string()));
            }
        }
        again.extend(self.backups.iter().map(|it| (Step::Backup, it.clone())));
        let listings = self.listed.iter().chain(&self.gone.listed);
        again.extend(listings.map(|room| (Step::Listing, room.to_string())));
        let aliases = self.aliases.iter().chain(self.gone.aliases.keys());
        again.extend(aliases.map(|alias| (Step::Alias, alias.to_string())));
        for room in self.rooms.iter().chain(&self.doors) {
            again.push((Step::Settle, room.to_string()));
        }
        for room in &self.doors {
            // Whoever waits there is looked at again.
            for plan in rooms.iter().filter(|plan| plan.room_id == *room) {
                if let RoomAction::Pending { waiting } = &plan.action {
                    let subjects = waiting.iter().map(|it| format!("{} in {room}", it.user_id));
                    again.extend(subjects.map(|subject| (Step::Wait, subject)));
                }
            }
        }
        let mut through = Vec::new();
        for plan in rooms.iter().filter(|it| self.rooms.contains(&it.room_id)) {
            // Of a room that can't be read everything is sent again, or told where it fails.
            let position = match (ids(old, plan), read_back::order(new, plan, replay)) {
                (Ok(known), Ok(order)) => through_of(&order, &known, there),
                _ => 0,
            };
            through.push((plan.room_id.to_string(), position));
        }
        Ok(Differs {
            again,
            but_for,
            through,
        })
    }
}

/// A user and a part of what belongs to them.
fn subject(user: &UserId, part: &str) -> String {
    if part.is_empty() {
        user.to_string()
    } else {
        format!("{user} {part}")
    }
}

/// A user without what changes all the time.
fn seen(user: &User) -> User {
    User {
        last_seen_ts: None,
        profile: serde_json::Map::new(),
        ..user.clone()
    }
}

fn ids(bundle: &Bundle, plan: &RoomPlan) -> Result<BTreeSet<OwnedEventId>> {
    bundle
        .events(&plan.room_id)?
        .filter(|line| line.as_ref().is_ok_and(EventLine::is_in_timeline))
        .map(|line| line.map(|line| line.event_id))
        .collect()
}

/// How many events of a timeline, from its beginning, are known or there. One that can't be read makes the numbers useless: the whole
/// room is sent again, and the target passes over what it has.
fn through_of(
    timeline: &[Option<OwnedEventId>],
    known: &BTreeSet<OwnedEventId>,
    there: &BTreeSet<OwnedEventId>,
) -> u64 {
    if timeline.iter().any(Option::is_none) {
        return 0;
    }
    let is_known = |id: &&Option<OwnedEventId>| {
        let id = id.as_ref();
        id.is_some_and(|id| known.contains(id) || there.contains(id))
    };
    timeline.iter().take_while(is_known).count() as u64
}

/// What each version of each backup has, as a digest.
fn backups(bundle: &Bundle) -> Result<BTreeMap<String, [u8; 32]>> {
    let mut all = BTreeMap::<String, Sha256>::new();
    for line in bundle.key_backups()? {
        let line = line?;
        let (user, version, parts) = match &line {
            KeyBackupLine::Version {
                user_id,
                version,
                algorithm,
                auth_data,
            } => (user_id, version, ["version", algorithm, auth_data.get()]),
            KeyBackupLine::Session {
                user_id,
                version,
                room_id,
                session_id,
                session,
            } => {
                let of = all.entry(format!("{user_id} {version}")).or_default();
                of.update(room_id);
                (user_id, version, ["session", session_id, session.get()])
            }
        };
        let digest = all.entry(format!("{user} {version}")).or_default();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    let ended = all.into_iter();
    Ok(ended
        .map(|(subject, digest)| (subject, digest.finalize().into()))
        .collect())
}

#[cfg(test)]
mod tests;

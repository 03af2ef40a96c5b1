//! The rooms, each after those whose members it lets in: members one by one, then their power.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use tokio::sync::watch;

use super::{
    DONE,
    enter::{self, Guest, how, is_of_this_alone, subject},
    levels,
    planner::{self, Around, Way},
    room::{MEMBER, Powers, State},
};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Outcome, Step},
    migration::{
        context::{Each, Import},
        plan::{RoomAction, RoomPlan},
    },
};

/// Rooms under way at once: a join asks other servers, and waits for them.
const IN_FLIGHT: usize = 4;
/// How often the target is looked at for what was sent on the old server.
const LOOKS: u32 = 60;
/// The pause before each further look.
const PAUSE: Duration = Duration::from_secs(1);

/// Joins all rooms that are not done.
pub async fn run(import: &Import) -> Result<()> {
    let rooms = import.plan.rooms.iter();
    let mut rooms: Vec<&RoomPlan> = rooms
        .filter(|room| import.is_about_room(&room.room_id))
        .collect();
    rooms.sort_by_key(|room| match &room.action {
        RoomAction::Join(way) => way.turn,
        _ => 0,
    });
    let all: BTreeSet<OwnedRoomId> = rooms.iter().map(|room| room.room_id.clone()).collect();
    let (ended, _) = watch::channel(BTreeSet::<OwnedRoomId>::new());
    let each = Each {
        phase: Phase::Rooms,
        name: "room",
        step: Step::Settle,
        total: rooms.len(),
        events: None,
        in_flight: IN_FLIGHT,
    };
    let (all, ended) = (&all, &ended);
    let work = rooms.into_iter().map(|room| {
        let id = room.room_id.clone();
        (id.to_string(), async move {
            let done = match &room.action {
                RoomAction::Join(way) => {
                    // They stand before it in the order, so that each is done or under way.
                    let mut seen = ended.subscribe();
                    let is_free = |ended: &BTreeSet<OwnedRoomId>| {
                        way.after
                            .iter()
                            .all(|it| ended.contains(it) || !all.contains(it))
                    };
                    // It ends with this stage.
                    let _open = seen.wait_for(is_free).await.is_ok();
                    one(import, &id, way).await
                }
                RoomAction::Unreadable { reason } => Err(Error::Target(reason.clone())),
                _ => Ok(()),
            };
            ended.send_modify(|ended| {
                ended.insert(id);
            });
            done
        })
    });
    import.each(each, work).await
}

/// A room at work.
struct Work<'a> {
    import: &'a Import,
    room: &'a RoomId,
    way: &'a Way,
    state: State,
    /// Types and state keys that the target gets with the first join.
    keys: BTreeSet<(String, String)>,
    memberships: BTreeMap<OwnedUserId, String>,
    /// Those of today on the old server, if it has another name.
    today: Option<BTreeMap<String, String>>,
    failed: u64,
    /// Who has joined last.
    last: Option<OwnedUserId>,
}

async fn one(import: &Import, room: &OwnedRoomId, way: &Way) -> Result<()> {
    if import.is_done(Step::Settle, room, |things| things.has_room(room))? {
        return Ok(());
    }
    import.job.turn().await?;
    let known = import.rooms.get(room);
    let known = known
        .ok_or_else(|| Error::Target("the bundle does not list it: export again".to_owned()))?;
    let mut work = tokio::task::block_in_place(|| {
        let state = State::read(&import.bundle, known)?;
        Ok::<_, Error>(Work {
            import,
            room,
            way,
            keys: state.keys.clone(),
            state,
            memberships: import.bundle.memberships(room)?,
            today: None,
            failed: 0,
            last: None,
        })
    })?;
    work.look().await?;
    work.joins().await?;
    work.invites().await?;
    work.powers().await?;
    match work.failed {
        0 => import
            .ledger
            .record(Step::Settle, room, &Outcome::Done(DONE)),
        failed => Err(Error::Target(format!(
            "{failed} of its memberships or power levels could not be restored, each told by itself: import again"
        ))),
    }
}

impl<'a> Work<'a> {
    fn around(&self) -> Around<'a> {
        let plan = &self.import.plan;
        Around {
            ids: &plan.ids,
            able: self.import.able(),
            via: &[],
            alive: const { &BTreeSet::new() },
            target: &plan.target,
        }
    }

    /// Old accounts of ours that are in the room, the mightiest first.
    fn ours(&self) -> Vec<OwnedUserId> {
        let around = self.around();
        let members = self.memberships.iter();
        let mut ours: Vec<_> = members
            .filter(|(user, membership)| *membership == "join" && around.comes(user))
            .map(|(user, _)| user.clone())
            .collect();
        ours.sort_by_key(|user| std::cmp::Reverse(self.state.powers.of(user)));
        ours
    }

    /// Notes what could not be done, but for what concerns everything.
    fn note(&mut self, step: &'static str, what: &str, done: Result<()>) -> Result<bool> {
        match done {
            Ok(()) => {
                self.import.ledger.solved(step, what)?;
                Ok(true)
            }
            Err(error) if is_of_this_alone(&error) => {
                self.failed += 1;
                self.import.problem(step, what, &error.to_string())?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at what the old server has today: the bundle is of an earlier day. Where the name stays the same, it may be
    /// off by now.
    async fn look(&mut self) -> Result<()> {
        let is_there = !self.import.plan.ids.are_same();
        if let Some(old) = self.import.old_accounts.as_ref().filter(|_| is_there) {
            let today = old.today(self.room).await?;
            self.keys.extend(today.keys);
            self.today = Some(today.memberships);
        }
        Ok(())
    }

    /// Whether somebody is not let in, for on the old server they are out by now; then it is told. That is no failure of the
    /// room: nothing is left to be done there.
    async fn is_gone(&self, old: &UserId, new: &UserId) -> Result<bool> {
        let Some(today) = &self.today else {
            return Ok(false);
        };
        let of = |user: &UserId| today.get(user.as_str()).map(String::as_str);
        // Synapse forgets a room's state once none of its own is in it.
        let membership = of(old).unwrap_or("leave");
        if !matches!(membership, "leave" | "ban") || matches!(of(new), Some("join" | "invite")) {
            return Ok(false);
        }
        // Their old account may have left on purpose.
        let rooms = self.import.target.joined_rooms(new).await?;
        if rooms.iter().any(|room| room == self.room) {
            return Ok(false);
        }
        let reason = format!(
            "since the export {old} is not in the room any more ({membership}), so the new account is not let in: a new export knows it"
        );
        let what = subject(new, self.room);
        self.import.problem("membership", &what, &reason)?;
        Ok(true)
    }

    async fn joins(&mut self) -> Result<()> {
        let (ids, around) = (&self.import.plan.ids, self.around());
        let mut witness = self.witness().await?;
        for old in self.ours() {
            let new = ids.new_id(&old);
            let what = subject(&new, self.room);
            // Who came in by an earlier run may have left since.
            let is_old_news = self.import.ledger.is_done(Step::Enter, &what)?;
            if !self.import.ledger.is_done(Step::Account, &new)? {
                let none = Error::Target("they have no account on the target yet".to_owned());
                self.note("membership", &what, Err(none))?;
                continue;
            }
            if !is_old_news && self.is_gone(&old, &new).await? {
                continue;
            }
            let mut hosts = Vec::new();
            if !around.ids.are_same() {
                hosts.extend(Some(old.clone()).filter(|old| self.state.powers.may_invite(old)));
                hosts.extend(self.way.host.clone().filter(|host| *host != old));
            }
            let last = self.last.clone();
            let guest = Guest {
                room: self.room,
                way: self.way,
                keys: &self.keys,
                new: &new,
                witness: witness.as_deref(),
                last: last.as_deref(),
                hosts: &hosts,
            };
            let joined = enter::join(self.import, guest).await;
            if let Err(error) = &joined
                && matches!(
                    error,
                    Error::Target(_)
                        | Error::Answer {
                            status: 400..=499,
                            ..
                        }
                )
            {
                let outcome = Outcome::Failed(error.to_string());
                self.import.ledger.record(Step::Enter, &what, &outcome)?;
            }
            if self.note("membership", &what, joined)? && !is_old_news {
                self.last = Some(new.clone());
                witness.get_or_insert(new);
            }
        }
        Ok(())
    }

    /// Somebody of the target who is in the room already: the target must be asked for joins in another way then.
    async fn witness(&self) -> Result<Option<OwnedUserId>> {
        let (ids, ledger) = (&self.import.plan.ids, &self.import.ledger);
        let joined = self.memberships.iter();
        let mut joined = joined
            .filter(|(_, membership)| *membership == "join")
            .map(|(user, _)| user);
        let theirs = joined.find(|user| !ids.are_same() && user.server_name() == ids.new_name());
        if let Some(theirs) = theirs {
            return Ok(Some(theirs.clone()));
        }
        for old in self.ours() {
            let new = ids.new_id(&old);
            if !ledger.is_done(Step::Account, &new)? {
                continue;
            }
            let rooms = self.import.target.joined_rooms(&new).await?;
            if rooms.iter().any(|room| room == self.room) {
                return Ok(Some(new));
            }
        }
        Ok(None)
    }

    /// Whoever was invited by one of ours is again.
    async fn invites(&mut self) -> Result<()> {
        let (ids, ledger) = (&self.import.plan.ids, &self.import.ledger);
        let members = self.memberships.clone().into_iter();
        for (old, _) in members.filter(|(_, membership)| membership == "invite") {
            let around = self.around();
            let by = planner::inviter(&self.state, &self.memberships, &old, around);
            let Some(by) = by.filter(|_| around.comes(&old)) else {
                continue;
            };
            let new = ids.new_id(&old);
            let what = subject(&new, self.room);
            if ledger.is_done(Step::Enter, &what)? || !ledger.is_done(Step::Account, &new)? {
                continue;
            }
            if self.is_gone(&old, &new).await? {
                continue;
            }
            ledger.record(Step::Enter, &what, &Outcome::Begun)?;
            let invited = self.invited(&new, by).await;
            if self.note("membership", &what, invited)? {
                ledger.record(Step::Enter, &what, &Outcome::Done(how::INVITED))?;
            }
        }
        Ok(())
    }

    async fn invited(&self, new: &OwnedUserId, by: OwnedUserId) -> Result<()> {
        let last = self.last.as_deref();
        let bringing = self.import.state_keys.bring([(MEMBER, new.as_str())]);
        let bringing = bringing.await;
        enter::invite(self.import, self.room, (new, last), &[by]).await?;
        if let Some(witness) = last {
            enter::heard(self.import, self.room, new, witness).await?;
            bringing.met();
        }
        Ok(())
    }

    /// Whoever has power gets it again, from the mightiest of ours.
    async fn powers(&mut self) -> Result<()> {
        let (ids, ledger) = (&self.import.plan.ids, &self.import.ledger);
        let Some(old_accounts) = self
            .import
            .old_accounts
            .as_ref()
            .filter(|_| !ids.are_same())
        else {
            return Ok(());
        };
        let ours = self.ours();
        let usual = self.state.powers.usual();
        let mut mighty = Vec::new();
        for old in ours
            .iter()
            .filter(|user| self.state.powers.of(user) > usual)
        {
            let new = ids.new_id(old);
            if ledger.is_done(Step::Enter, &subject(&new, self.room))?
                && self
                    .import
                    .target
                    .joined_rooms(&new)
                    .await?
                    .iter()
                    .any(|it| it == self.room)
            {
                mighty.push(old.clone());
            }
        }
        if mighty.is_empty() {
            return Ok(());
        }
        let what = self.room.to_string();
        let Some(giver) = self.state.powers.mightiest(ours.iter(), Powers::may_give) else {
            let people: Vec<_> = mighty
                .iter()
                .map(|old| ids.new_id(old).to_string())
                .collect();
            let reason = format!(
                "{} had power by their old accounts, and nobody of the old server may give it: ask one of the room's admins",
                people.join(", ")
            );
            self.note("power", &what, Err(Error::Target(reason)))?;
            return Ok(());
        };
        let done = self.give(old_accounts, &giver, &mighty).await;
        self.note("power", &what, done)?;
        Ok(())
    }

    async fn give(
        &self,
        old_accounts: &crate::source::admin_api::OldAccounts,
        giver: &OwnedUserId,
        mighty: &[OwnedUserId],
    ) -> Result<()> {
        self.import.job.turn().await?;
        let ids = &self.import.plan.ids;
        enter::quiet(self.import, self.room, giver, self.last.as_deref()).await?;
        // As they are today: somebody may have changed them since the export.
        let today = old_accounts.levels(giver, self.room).await?;
        if today.is_null() && !self.state.powers.levels.is_null() {
            return Err(Error::Target(
                "the old server shows none of the room's power levels, which it has had: look at the room, and import again"
                    .to_owned(),
            ));
        }
        let now = self.state.powers.with(today);
        let gift = levels::gift(&now, giver, mighty.iter(), ids);
        let Some(levels) = gift.levels else {
            return Ok(());
        };
        old_accounts.set_levels(giver, self.room, &levels).await?;
        let Some(reader) = mighty.first().map(|old| ids.new_id(old)) else {
            return Ok(());
        };
        for _ in 0..LOOKS {
            let there = self.import.target.whole_state(&reader, self.room).await?;
            let mut there = there.into_iter().flatten();
            if there.any(|event| {
                event.kind == "m.room.power_levels" && event.content["users"] == levels["users"]
            }) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::Target(
            "the power levels were set on the old server, but have not arrived on the target: look whether other servers reach it, and import again"
                .to_owned(),
        ))
    }
}

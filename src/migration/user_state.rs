//! What became of one user, from the bundle and the ledger alone.

use ruma::{OwnedUserId, UserId};
use serde::Serialize;

use super::{
    outcome::RoomLeft,
    plan::{UserAction, UserPlan},
    planner,
};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::Problem,
    ledger::{Ledger, Step, Taken},
    model::room::Room,
};

/// One user's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserState {
    /// Who.
    pub user_id: OwnedUserId,
    /// The bundle's file name.
    pub bundle: String,
    /// What happens to the account, by plan.
    pub action: UserAction,
    /// The steps that were taken for them, in their order.
    pub steps: Vec<Taken>,
    /// Rooms that they are joined to and that are there; before any import, all that they are joined to.
    pub rooms: u64,
    /// Rooms that they are joined to and that are not, or differ: why.
    pub rooms_left: Vec<RoomLeft>,
    /// What could not be done.
    pub problems: Vec<Problem>,
}

impl UserState {
    /// Reads it. `ledger` is the import's of this bundle, if there was one; `own` as for the plan.
    pub fn read(
        bundle: &Bundle,
        ledger: Option<&Ledger>,
        own: &[OwnedUserId],
        user: &UserId,
    ) -> Result<Self> {
        let known = bundle.users()?;
        let Some(known) = known.iter().find(|known| known.user_id == user) else {
            return Err(Error::Usage(format!(
                "{} has no user {user}: look for the right spelling in the plan's report",
                bundle.name()
            )));
        };
        let UserPlan { action, .. } = planner::plan_user(known, bundle.server_name(), own);
        let mut state = Self {
            user_id: user.to_owned(),
            bundle: bundle.name(),
            action,
            steps: ledger.map_or_else(|| Ok(Vec::new()), |ledger| ledger.taken_for(user))?,
            rooms: 0,
            rooms_left: Vec::new(),
            problems: Vec::new(),
        };
        for room in bundle.rooms()? {
            let members = bundle.memberships(&room.room_id)?;
            if members
                .get(user)
                .is_some_and(|membership| membership == "join")
            {
                state.room(ledger, room)?;
            }
        }
        if let Some(ledger) = ledger {
            let is_theirs = |problem: &Problem| {
                let rest = problem.subject.strip_prefix(user.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
            };
            state.problems = ledger.problems()?.into_iter().filter(is_theirs).collect();
        }
        Ok(state)
    }

    fn room(&mut self, ledger: Option<&Ledger>, room: Room) -> Result<()> {
        let Some(ledger) = ledger else {
            self.rooms += 1;
            return Ok(());
        };
        let reason = match ledger.entry(Step::Settle, &room.room_id)? {
            Some(entry) if entry.is_done() => {
                self.rooms += 1;
                return Ok(());
            }
            Some(entry) => entry.detail,
            None => "not carried over, or not yet: the plan says which".to_owned(),
        };
        self.rooms_left.push(RoomLeft {
            name: room
                .name
                .unwrap_or_else(|| room.room_id.as_str().to_owned()),
            room_id: room.room_id,
            reason,
        });
        Ok(())
    }
}

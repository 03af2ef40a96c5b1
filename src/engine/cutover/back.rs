//! The way back: where the move really is, and what going back would cost.

use serde::Serialize;

use super::{Cutover, file, switch::Serves};
use crate::{
    Error, Result,
    engine::Engine,
    ledger::Step as Taken,
    model::cutover::Step,
    outside::{Doors, Outside},
};

/// Where the move is, by what is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// Synapse serves everybody, and takes what they write.
    Synapse,
    /// Synapse serves everybody, but takes nothing.
    Frozen,
    /// Tuwunel serves everybody.
    Tuwunel,
    /// Nobody can tell.
    Unclear,
}

/// What was said on the target that Synapse doesn't have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Since {
    /// The time of the switch, in milliseconds since the Unix epoch.
    pub since_ts: u64,
    /// Events, in carried rooms.
    pub events: u64,
    /// Rooms that have had any.
    pub rooms: u64,
    /// Rooms that could not be read.
    pub unread: u64,
}

/// The way back from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Back {
    /// Where the move is.
    pub place: Where,
    /// The address at which that was seen.
    pub url: String,
    /// What the doors are.
    pub doors: Doors,
    /// Whether a freeze and what comes after it were noted, which are forgotten now that Synapse is open again.
    pub forgotten: bool,
    /// What would be lost, if everybody is on the target.
    pub since: Option<Since>,
}

impl Engine {
    /// Looks where the move is. Where Synapse serves everybody again, the next cutover begins at its first step.
    pub async fn back(&self) -> Result<Back> {
        let cutover = self.cutover()?;
        let outside = Outside::find(&self.config).await?;
        let doors = outside.doors().await;
        let serves = self
            .serves_clients(&outside)
            .await
            .unwrap_or(Serves::Unclear);
        let place = match serves {
            Serves::Source if doors.are_open() => Where::Synapse,
            Serves::Source if doors.are_closed() => Where::Frozen,
            Serves::Target => Where::Tuwunel,
            Serves::Source | Serves::Unclear => Where::Unclear,
        };
        let forgotten = place == Where::Synapse && cutover.steps.contains_key(&Step::Freeze);
        if forgotten {
            let path = file(&self.config.data_dir);
            std::fs::remove_file(&path).map_err(Error::file(&path))?;
        }
        let since = match place {
            Where::Tuwunel => Some(self.since(&cutover).await?),
            _ => None,
        };
        Ok(Back {
            place,
            url: outside.clients_url().to_owned(),
            doors,
            forgotten,
            since,
        })
    }

    /// Counts what was said in each carried room since the switch, or since the last sync if that was not noted.
    async fn since(&self, cutover: &Cutover) -> Result<Since> {
        let target = self.target()?;
        let (bundle, ledger) = self.last_import().await?;
        let exported_ts = bundle.schema().exported_ts.unwrap_or_default();
        let mut since = Since {
            since_ts: cutover.switched_ts().unwrap_or(exported_ts),
            ..Since::default()
        };
        let made = ledger.made()?;
        for room in bundle.rooms()? {
            if !ledger.is_done(Taken::Settle, &room.room_id)? {
                continue;
            }
            let joined = bundle.memberships(&room.room_id)?.into_iter();
            let reader = joined
                .filter(|(_, membership)| membership == "join")
                .find_map(|(user, _)| {
                    let is_ours = user.server_name() == bundle.server_name();
                    (is_ours && ledger.is_done(Taken::Account, &user).unwrap_or(false))
                        .then_some(user)
                });
            let Some(reader) = reader else { continue };
            let there = made.get(room.room_id.as_str()).unwrap_or(&room.room_id);
            let said = target.said_since(&reader, there, since.since_ts);
            match said.await {
                Ok(0) => {}
                Ok(events) => {
                    since.events += events;
                    since.rooms += 1;
                }
                Err(Error::Answer { .. }) => since.unread += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(since)
    }
}

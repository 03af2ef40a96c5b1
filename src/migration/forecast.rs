//! How long an import will take, stage by stage: from what earlier ones on this installation took, else from what was
//! measured on another machine (docs/speed.md has both the runs and the figures). No I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::{JoinPoint, Plan, RoomAction, RoomPlan, UserAction};
use crate::{job::Phase, model::stage::Stage as Name};

/// What one stage did in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Worked {
    /// Units: accounts, rooms, files.
    pub units: u64,
    /// Events of rooms.
    pub events: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Milliseconds, without those in which it waited.
    pub ms: u64,
}

/// What this installation's stages took until now, by [`Phase::word`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Paces(pub BTreeMap<String, Worked>);

/// Where a rate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// From this installation's own runs.
    Here,
    /// From a run on another machine.
    Elsewhere,
}

/// One stage to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Which.
    pub phase: Phase,
    /// How many units.
    pub units: u64,
    /// Whether that is the most that it can be, because the plan doesn't count them.
    pub at_most: bool,
    /// Milliseconds.
    pub ms: u64,
    /// Whose rate that is.
    pub measured: Measured,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Forecast {
    /// In their order; none in which nothing is to be done.
    pub stages: Vec<Stage>,
    /// Whether an earlier run has done part of it: then this is too long.
    pub begun: bool,
}

/// What the plan alone doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Room aliases.
    pub aliases: u64,
    /// Rooms in the directory.
    pub listed: u64,
    /// Whether the bundle has encryption keys and settings of users.
    pub own: bool,
}

/// Microseconds on the machine of docs/speed.md.
#[derive(Debug, Clone, Copy)]
struct Cost {
    unit: u64,
    event: u64,
    mebibyte: u64,
}

const MEBIBYTE: u64 = 1024 * 1024;

/// For each local member of its room, a replayed event takes longer: Tuwunel reads everybody's push rules.
const MEMBER: u64 = 60;

/// What is not replayed comes in large pieces.
const BACKFILLED: u64 = 400;

/// Work below this says nothing about a rate.
const TOO_SHORT_MS: u64 = 500;

impl Paces {
    /// Takes a run in: what earlier ones took counts half as much.
    pub fn learn(&mut self, phase: Phase, worked: Worked) {
        if worked.units == 0 || worked.ms < TOO_SHORT_MS {
            return;
        }
        let known = self.0.entry(phase.word()).or_default();
        *known = Worked {
            units: known.units / 2 + worked.units,
            events: known.events / 2 + worked.events,
            bytes: known.bytes / 2 + worked.bytes,
            ms: known.ms / 2 + worked.ms,
        };
    }
}

/// A plan's stages.
#[must_use]
pub fn forecast(plan: &Plan, counted: Counted, paces: &Paces) -> Forecast {
    let stages = work(plan, counted)
        .into_iter()
        .filter(|(_, name, work)| work.units > 0 && plan.stages().has(*name))
        .map(|(phase, name, work)| {
            let known = paces
                .0
                .get(&phase.word())
                .and_then(|known| here(phase, work, *known));
            let elsewhere = || match phase {
                Phase::Rooms if plan.target.replay => {
                    carried(plan).map(room_us).sum::<u64>() / 1_000
                }
                phase => cost_us(phase, work) / 1_000,
            };
            Stage {
                phase,
                units: work.units,
                // The plan doesn't say who has a thing of their own.
                at_most: matches!(name, Name::Identities | Name::KeyBackups | Name::Settings),
                ms: known.unwrap_or_else(elsewhere),
                measured: known.map_or(Measured::Elsewhere, |_| Measured::Here),
            }
        })
        .collect();
    Forecast {
        stages,
        begun: false,
    }
}

fn carried(plan: &Plan) -> impl Iterator<Item = &RoomPlan> {
    plan.rooms.iter().filter(|room| goes(room))
}

/// How much is to be done in each.
fn work(plan: &Plan, counted: Counted) -> [(Phase, Name, Worked); 11] {
    let users = |wanted: fn(&UserAction) -> bool| {
        let users = plan.users.iter().filter(|user| wanted(&user.action));
        users.count() as u64
    };
    let whole = users(|action| *action == UserAction::Carry);
    let made = users(|action| !matches!(action, UserAction::Skip { .. }));
    let own = if counted.own { whole } else { 0 };
    let admins = if plan.admins {
        plan.people.admins.len() as u64
    } else {
        0
    };
    let addresses = if plan.target.holds_addresses() {
        plan.people.with_email
    } else {
        0
    };
    let events = if plan.target.replay {
        carried(plan).map(|room| room.events).sum()
    } else {
        0
    };
    let work = |units| Worked {
        units,
        ..Worked::default()
    };
    let rooms = Worked {
        events,
        ..work(carried(plan).count() as u64)
    };
    let media = Worked {
        bytes: plan.media.bytes,
        ..work(plan.media.files)
    };
    [
        (Phase::Accounts, Name::Accounts, work(made)),
        (Phase::Admins, Name::AdminRights, work(admins)),
        (Phase::Addresses, Name::Addresses, work(addresses)),
        (Phase::Profiles, Name::NamesAndPictures, work(whole)),
        (Phase::Rooms, Name::Rooms, rooms),
        (Phase::Aliases, Name::Aliases, work(counted.aliases)),
        (Phase::Identities, Name::Identities, work(own)),
        (Phase::KeyBackups, Name::KeyBackups, work(own)),
        (Phase::Listings, Name::RoomDirectory, work(counted.listed)),
        (Phase::UserData, Name::Settings, work(own)),
        (Phase::Media, Name::Media, media),
    ]
}

impl Forecast {
    /// Milliseconds of the whole.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.stages.iter().map(|stage| stage.ms).sum()
    }
}

/// Carried, or at whose door people wait.
fn goes(room: &RoomPlan) -> bool {
    room.action.goes()
}

/// As much longer than on the other machine as it was before.
fn here(phase: Phase, work: Worked, known: Worked) -> Option<u64> {
    let product = u128::from(cost_us(phase, work)) * u128::from(known.ms);
    let ms = product.checked_div(u128::from(cost_us(phase, known)))?;
    u64::try_from(ms).ok()
}

fn cost_us(phase: Phase, work: Worked) -> u64 {
    let cost = cost(phase);
    work.units
        .saturating_mul(cost.unit)
        .saturating_add(work.events.saturating_mul(cost.event))
        .saturating_add(work.bytes / 1024 * cost.mebibyte / (MEBIBYTE / 1024))
}

fn room_us(room: &RoomPlan) -> u64 {
    let cost = cost(Phase::Rooms);
    let (replayed, older) = match &room.action {
        RoomAction::Carry {
            join: JoinPoint::Recent { older, .. },
            ..
        } => (room.events.saturating_sub(*older), *older),
        RoomAction::Carry { .. } => (room.events, 0),
        // Each of its members is an event.
        RoomAction::Recreate(how) => (how.members.joined, 0),
        RoomAction::Join(way) => (way.members.joined, 0),
        _ => (0, 0),
    };
    let event = cost.event + room.members.saturating_mul(MEMBER);
    cost.unit
        .saturating_add(replayed.saturating_mul(event))
        .saturating_add(older.saturating_mul(BACKFILLED))
}

fn cost(phase: Phase) -> Cost {
    let unit = |unit| Cost {
        unit,
        event: 0,
        mebibyte: 0,
    };
    match phase {
        Phase::Accounts => unit(10_000),
        Phase::Rooms => Cost {
            event: 1_700,
            ..unit(60_000)
        },
        Phase::Media => Cost {
            mebibyte: 8_000,
            ..unit(4_000)
        },
        _ => unit(5_000),
    }
}

#[cfg(test)]
mod tests;

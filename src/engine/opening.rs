//! Finding a bundle, and turning it into a plan.

mod joining;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId};

use crate::{
    Error, Result,
    bundle::{Bundle, Schema, SourceKind},
    ledger::{Ledger, Place},
    migration::{
        facts::RoomFacts,
        local,
        media::planner::Terms,
        pending::{read, waiting::Found},
        people::{Counting, People},
        plan::{
            Abilities, JoinPoint, MediaPlan, Mode, NewIds, Plan, Replayed, RoomAction, RoomPlan,
            Shared,
        },
        planner, shared,
    },
    model::{media_wish::MediaWish, room::Room, stage::Stages, wanted::Wanted},
};

/// Runs what blocks for as long as a bundle is big: unpacking, checksums, a pass over all events.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::Target(format!(
            "the bundle's reader stopped ({error}): report this as a bug"
        ))
    })?
}

/// What is settled before a plan is made.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The target's name.
    pub(super) name: OwnedServerName,
    /// Servers through which rooms are joined first.
    pub(super) via: Vec<OwnedServerName>,
    /// Whether old accounts leave.
    pub(super) leave_old: bool,
    /// How much of each room's history is replayed.
    pub(super) history: Replayed,
    /// Which media are carried.
    pub(super) media: MediaWish,
    /// The most bytes that somebody can upload to the target, if it says so.
    pub(super) upload_limit: Option<u64>,
    /// Whether admins stay admins.
    pub(super) admins: bool,
    /// Stages that are not done.
    pub(super) left_out: Stages,
    /// Accounts by whose names nobody can come over.
    pub(super) own: Vec<OwnedUserId>,
    /// Rooms that are joined already: by whom, and where in their history.
    pub(super) joined: BTreeMap<OwnedRoomId, (OwnedUserId, JoinPoint)>,
    /// Which rooms are made anew.
    pub(super) mode: Mode,
    /// Whether messages of these are sent again.
    pub(super) replay_messages: bool,
    /// Rooms that an import has begun to make anew.
    pub(super) made: BTreeSet<String>,
}

/// Plans a bundle.
pub(super) async fn plan(bundle: &Arc<Bundle>, target: Abilities, choice: Choice) -> Result<Plan> {
    let bundle = Arc::clone(bundle);
    blocking(move || plan_of(&bundle, target, &choice)).await
}

fn plan_of(bundle: &Bundle, target: Abilities, choice: &Choice) -> Result<Plan> {
    if choice.mode == Mode::Federation {
        return joining::plan(bundle, target, choice);
    }
    if *bundle.server_name() != *choice.name {
        return Err(Error::Usage(format!(
            "the bundle is of {}, and users become those of {}: only --mode federation can do that",
            bundle.server_name(),
            choice.name
        )));
    }
    let history = choice.history;
    let known = bundle.users()?;
    let users: Vec<_> = known
        .iter()
        .map(|user| planner::plan_user(user, bundle.server_name(), &choice.own))
        .collect();
    let mut people = Counting::new(&known, &users);
    let able = planner::able_users(&users);
    let mut others = Shared::default();
    let mut could_be_made = 0;
    let mut waiting = read::all(bundle, &able)?;
    let mut rooms: Vec<_> = bundle
        .rooms()?
        .into_iter()
        .map(|room| {
            let place = waiting.remove(&room.room_id);
            let found = place.map(|place| place.found).unwrap_or_default();
            facts(bundle, room.clone(), found, &able).map_or_else(
                |error| planner::unreadable(&room, &error),
                |facts| {
                    people.room(facts.joined());
                    let mut plan = planner::plan_room(&facts, &target, history, &able);
                    if let Some((joiner, join)) = choice.joined.get(&plan.room_id).cloned() {
                        plan.action = RoomAction::Carry { joiner, join };
                    } else {
                        make_anew(bundle, &facts, &mut plan, (&target, choice, &able));
                        could_be_made +=
                            u64::from(local::planner::could_be(&facts, &plan, &target, &able));
                    }
                    shared::count(&mut others, &facts, &plan, bundle.server_name());
                    plan
                },
            )
        })
        .collect();
    // Rooms that Synapse was never in.
    rooms.extend(waiting.into_values().map(|place| {
        let mut facts = RoomFacts::empty(place.room, BTreeMap::new());
        facts.waiting = place.found;
        planner::plan_room(&facts, &target, history, &able)
    }));
    let media = media(
        bundle,
        Terms::of(bundle, &target, choice.media, choice.upload_limit),
    )?;
    Ok(Plan {
        server_name: bundle.server_name().to_owned(),
        bundle: bundle.name(),
        complete: bundle.schema().complete,
        target,
        history,
        users,
        rooms,
        shared: others,
        people: People {
            lacks_own: lacks_own(bundle.schema()),
            ..people.end(bundle.aliases()?.keys())
        },
        admins: choice.admins,
        left_out: choice.left_out,
        mode: choice.mode,
        replay_messages: choice.replay_messages,
        ids: NewIds::between(bundle.server_name(), bundle.server_name()),
        leave_old: false,
        could_be_made,
        media,
    })
}

/// Has a room made anew that is to be: by choice, or because an import has begun with it.
fn make_anew(
    bundle: &Bundle,
    facts: &RoomFacts,
    plan: &mut RoomPlan,
    (target, choice, able): (&Abilities, &Choice, &BTreeSet<OwnedUserId>),
) {
    let is_made = choice.made.contains(plan.room_id.as_str());
    let Some(reason) = local::planner::reason(plan, target, choice.mode, is_made) else {
        return;
    };
    let around = (bundle.server_name(), able);
    let is_filled = choice.replay_messages;
    let planned = local::wanted::levels_of(bundle, &facts.room).and_then(|levels| {
        let how = local::planner::plan(facts, &levels, target, around, reason, is_filled);
        let Some(mut how) = how else {
            return Ok(None);
        };
        if is_filled {
            let counted = local::messages::count(bundle, &facts.room, able, how.keeps_id)?;
            how.messages = Some(counted);
        }
        Ok(Some(how))
    });
    match planned {
        Ok(Some(how)) => plan.action = RoomAction::Recreate(how),
        Ok(None) => {}
        Err(error) => {
            plan.action = RoomAction::Unreadable {
                reason: error.to_string(),
            };
        }
    }
}

fn media(bundle: &Bundle, terms: Terms) -> Result<MediaPlan> {
    let files = bundle.media()?.into_iter().map(|item| {
        let file = bundle.media_file(&item.media_id)?;
        Ok((item, file.map(|file| file.bytes)))
    });
    let files: Vec<_> = files.collect::<Result<_>>()?;
    Ok(terms.plan(files.into_iter()))
}

/// Whether it was exported by API, and not as the users: Synapse shows nobody else what belongs to them alone.
fn lacks_own(schema: &Schema) -> bool {
    let as_users = |wanted: &Wanted| wanted.act_as_users;
    schema.source != Some(SourceKind::Database) && !schema.wanted.as_ref().is_some_and(as_users)
}

/// Where rooms were joined, as a ledger has it.
pub(super) fn joined(ledger: &Ledger) -> Result<BTreeMap<OwnedRoomId, (OwnedUserId, JoinPoint)>> {
    let mut joined = BTreeMap::new();
    for Place {
        room,
        joiner,
        point,
    } in ledger.places()?
    {
        let read = || {
            let point = serde_json::from_str(&point).ok()?;
            Some((room.try_into().ok()?, (joiner.try_into().ok()?, point)))
        };
        joined.extend(read());
    }
    Ok(joined)
}

/// A room's facts, with everybody who waits at its door.
fn facts(
    bundle: &Bundle,
    room: Room,
    found: Vec<Found>,
    able: &BTreeSet<OwnedUserId>,
) -> Result<RoomFacts> {
    let mut facts = RoomFacts::read(bundle, room)?;
    let rest = read::rest(bundle, &facts, &found, able)?;
    facts.waiting = found.into_iter().chain(rest).collect();
    Ok(facts)
}

/// The newest bundle of a folder, by modification time.
pub(super) fn newest(dir: &Path) -> Result<PathBuf> {
    let none = || {
        Error::Usage(format!(
            "there is no bundle in {}: run `export` first, or name one with --bundle",
            dir.display()
        ))
    };
    let entries = fs::read_dir(dir).map_err(|_| none())?;
    entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| is_bundle(&entry.path()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .max()
        .map(|(_, path)| path)
        .ok_or_else(none)
}

/// What the name of an inventory begins with, if nobody chose another: no newest bundle to carry anything from.
pub(super) const INVENTORY: &str = "synapse-inventory-";

/// An archive by its name, or a directory by its manifest; a half-written one has neither.
fn is_bundle(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(INVENTORY) {
        return false;
    }
    let archive = [".tar.zst", ".tar"]
        .iter()
        .any(|ending| name.ends_with(ending));
    archive || path.join("manifest.json").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_no_newest_bundle() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str| fs::write(dir.path().join(name), "").unwrap();
        put("synapse-inventory-20260101T000000Z.tar.zst");
        insta::assert_snapshot!(
            newest(dir.path()).unwrap_err().to_string().replace(&*dir.path().to_string_lossy(), "DIR"),
            @"there is no bundle in DIR: run `export` first, or name one with --bundle"
        );
        put("synapse-export-20250101T000000Z.tar.zst");
        put("synapse-inventory-20260102T000000Z.tar.zst");
        let newest = newest(dir.path()).unwrap();
        assert!(newest.ends_with("synapse-export-20250101T000000Z.tar.zst"));
    }
}

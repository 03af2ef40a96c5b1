//! The state before the events at which a timeline begins or has a gap.
//!
//! Synapse keeps the state after each event as a group: the differences from another group, and so on down to one that
//! is whole. Source: `_get_state_groups_from_groups_txn` in Synapse's `storage/databases/state/bg_updates.py`.

use std::collections::{BTreeSet, HashMap};

use ruma::OwnedEventId;

use super::room::Room;
use crate::{
    Result,
    source::{
        database::{Database, quote},
        intake::Record,
        room::snapshot,
    },
};

/// State entries that are in memory at the same time, if every event of the stretch were one.
const ENTRIES: u64 = 200_000;
/// Events whose states are read together, at most.
const TOGETHER: u64 = 100;

type Key = (String, String);
/// What a state group changes.
type Changes = HashMap<Key, OwnedEventId>;

/// What is known of an event at a gap.
#[derive(Default)]
struct Gap {
    /// Its group and those that this one rests on, in this order.
    groups: Vec<i64>,
    /// What it replaced, as Synapse noted it.
    replaced: Option<OwnedEventId>,
    key: Option<Key>,
}

/// Hands over a snapshot for each gap of each room; `events` is how many events the rooms have together.
pub(super) fn read(database: &mut Database, rooms: &mut [Room], events: u64) -> Result<()> {
    let gaps: Vec<(usize, OwnedEventId)> = rooms
        .iter()
        .enumerate()
        .flat_map(|(room, facts)| facts.findings.gaps.iter().map(move |id| (room, id.clone())))
        .collect();
    let together = (ENTRIES / events.max(1)).clamp(1, TOGETHER);
    for some in gaps.chunks(usize::try_from(together).unwrap_or(1)) {
        let known = gaps_of(database, some)?;
        let groups: BTreeSet<i64> = known
            .values()
            .flat_map(|gap| &gap.groups)
            .copied()
            .collect();
        let changes = changes(database, &groups)?;
        for (room, id) in some {
            let room = &mut rooms[*room];
            let room_id = room.facts.room_id.clone();
            let Some(gap) = known.get(id).filter(|gap| !gap.groups.is_empty()) else {
                room.fail("state snapshot", id, "Synapse has not kept it")?;
                continue;
            };
            let after = resolved(&gap.groups, &changes);
            let former = gap.replaced.clone().or_else(|| {
                // Synapse forgets its note when an outlier becomes part of the timeline; but if the group differs from
                // the one before only in this event, that one has the former.
                let own = changes.get(gap.groups.first()?)?;
                let key = gap.key.as_ref()?;
                if own.len() != 1 || own.get(key) != Some(id) {
                    return None;
                }
                resolved(&gap.groups[1..], &changes).remove(key)
            });
            let snapshot =
                snapshot::before(room_id, id.clone(), after.into_values().collect(), former);
            let missing = snapshot.state_before.iter();
            let missing: Vec<_> = missing.filter(|id| !room.known.has(id)).cloned().collect();
            room.needed.extend(missing);
            room.put(Record::Snapshot(snapshot))?;
        }
    }
    Ok(())
}

/// The state after an event; empty if Synapse has not kept it.
pub(super) fn state_after(
    database: &mut Database,
    event: &OwnedEventId,
) -> Result<BTreeSet<OwnedEventId>> {
    let known = gaps_of(database, &[(0, event.clone())])?;
    let groups = known.get(event).map_or(&[][..], |gap| &gap.groups);
    let changes = changes(database, &groups.iter().copied().collect())?;
    Ok(resolved(groups, &changes).into_values().collect())
}

/// The state of a group, given with those that it rests on.
fn resolved(groups: &[i64], changes: &HashMap<i64, Changes>) -> Changes {
    let mut state = Changes::new();
    for group in groups.iter().rev() {
        for (key, event) in changes.get(group).into_iter().flatten() {
            state.insert(key.clone(), event.clone());
        }
    }
    state
}

fn gaps_of(
    database: &mut Database,
    gaps: &[(usize, OwnedEventId)],
) -> Result<HashMap<OwnedEventId, Gap>> {
    let ids = list(gaps.iter().map(|(_, id)| quote(id.as_str())));
    let mut known = HashMap::<OwnedEventId, Gap>::new();
    database.each(
        &format!(
            "SELECT e.event_id, j.json, e.type, e.state_key FROM events e \
             JOIN event_json j ON j.event_id = e.event_id WHERE e.event_id IN ({ids})"
        ),
        &mut |row| {
            if let Some(id) = row.text(0).and_then(|id| id.try_into().ok()) {
                let gap: &mut Gap = known.entry(id).or_default();
                gap.replaced = row.text(1).and_then(snapshot::replaced);
                gap.key = row
                    .text(2)
                    .zip(row.text(3))
                    .map(|(kind, key)| (kind.to_owned(), key.to_owned()));
            }
            Ok(())
        },
    )?;
    let mut chains = HashMap::<OwnedEventId, Vec<(i64, i64)>>::new();
    database.each(
        &format!(
            "WITH RECURSIVE chain(event_id, state_group, hop) AS (\
             SELECT event_id, state_group, 0 FROM event_to_state_groups WHERE event_id IN ({ids}) \
             UNION ALL SELECT c.event_id, e.prev_state_group, c.hop + 1 FROM chain c \
             JOIN state_group_edges e ON e.state_group = c.state_group) \
             SELECT event_id, state_group, hop FROM chain"
        ),
        &mut |row| {
            if let Some(id) = row.text(0).and_then(|id| id.try_into().ok())
                && let (Some(group), Some(hop)) = (row.int(1), row.int(2))
            {
                chains.entry(id).or_default().push((hop, group));
            }
            Ok(())
        },
    )?;
    for (id, mut chain) in chains {
        chain.sort_unstable();
        known.entry(id).or_default().groups = chain.into_iter().map(|(_, group)| group).collect();
    }
    Ok(known)
}

fn changes(database: &mut Database, groups: &BTreeSet<i64>) -> Result<HashMap<i64, Changes>> {
    let mut changes = HashMap::<i64, Changes>::new();
    if groups.is_empty() {
        return Ok(changes);
    }
    let groups = list(groups.iter().map(ToString::to_string));
    database.each(
        &format!(
            "SELECT state_group, type, state_key, event_id FROM state_groups_state WHERE state_group IN ({groups})"
        ),
        &mut |row| {
            if let (Some(group), Some(kind), Some(key), Some(event)) =
                (row.int(0), row.text(1), row.text(2), row.text(3))
                && let Ok(event) = event.try_into()
            {
                let group = changes.entry(group).or_default();
                group.insert((kind.to_owned(), key.to_owned()), event);
            }
            Ok(())
        },
    )?;
    Ok(changes)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

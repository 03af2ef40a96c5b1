//! Making the rooms, empty but for what their creators need: each once, whatever becomes of the answer.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Map, Value, json};

use super::{
    MADE_FROM,
    anew::Anew,
    levels,
    planner::{Recreation, localpart},
    wanted::{Around, Wanted},
};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    migration::{
        context::Import,
        plan::{RoomAction, RoomPlan},
    },
    model::stage::Stage,
    target::making::ROOM_ID,
};

/// Members in whose lists of rooms a room is looked for.
const WITNESSES: usize = 2;

/// Rooms of the target that were made anew, by those who know of them: new IDs by old ones.
#[derive(Debug, Default)]
struct Marks(BTreeMap<OwnedUserId, BTreeMap<String, OwnedRoomId>>);

/// Why rooms could not be made, each its own problem.
pub(in crate::migration) type Failures = BTreeMap<OwnedRoomId, Error>;

/// Makes all rooms that are not there yet.
pub(in crate::migration) async fn run(import: &Import) -> Result<(Anew, Failures)> {
    let mut anew = Anew::of(&import.plan, &import.ledger)?;
    let mut marks = Marks::default();
    let mut failures = Failures::new();
    for (room, how) in in_order(import) {
        if !import.is_about_room(&room.room_id) || anew.id(&room.room_id).is_some() {
            continue;
        }
        import.job.turn().await?;
        match one(import, room, how, &anew, &mut marks).await {
            Ok(id) => {
                import.ledger.make(&room.room_id, &id)?;
                anew.add(&room.room_id, id);
            }
            Err(
                error @ (Error::Answer { .. }
                | Error::Target(_)
                | Error::Bundle { .. }
                | Error::Malformed { .. }
                | Error::Slow { .. }),
            ) => {
                failures.insert(room.room_id.clone(), error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((anew, failures))
}

/// Each room after the one that it replaced, which it names in its first event.
fn in_order(import: &Import) -> Vec<(&RoomPlan, &Recreation)> {
    let rooms = import.plan.rooms.iter();
    let mut left: Vec<_> = rooms
        .filter_map(|room| match &room.action {
            RoomAction::Recreate(how) => Some((room, how)),
            _ => None,
        })
        .collect();
    let before = |room: &RoomId| import.rooms.get(room)?.predecessor.clone();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: BTreeSet<&RoomId> = left.iter().map(|(room, _)| &*room.room_id).collect();
        let (later, now): (Vec<_>, Vec<_>) = left.iter().copied().partition(|(room, _)| {
            before(&room.room_id).is_some_and(|before| waiting.contains(&*before))
        });
        // In a circle nobody is first.
        if now.is_empty() {
            order.extend(later);
            break;
        }
        order.extend(now);
        left = later;
    }
    order
}

async fn one(
    import: &Import,
    room: &RoomPlan,
    how: &Recreation,
    anew: &Anew,
    marks: &mut Marks,
) -> Result<OwnedRoomId> {
    let wanted = tokio::task::block_in_place(|| read(import, room, how, anew))?;
    let (ledger, old) = (&import.ledger, &room.room_id);
    let others = wanted.members.iter();
    let others = others
        .filter(|(user, member)| member.membership == "join" && **user != how.creator)
        .map(|(user, _)| user);
    for witness in [&how.creator].into_iter().chain(others.take(WITNESSES)) {
        if let Some(there) = marks.find(import, witness, old).await? {
            return Ok(there);
        }
    }
    let is_begun = ledger.entry(Step::Make, old)?.is_some();
    ledger.record(Step::Make, old, &Outcome::Begun)?;
    let mut body = body(old, how, &wanted);
    if how.keeps_id {
        body[ROOM_ID] = json!(localpart(old));
        match import.target.create_room(&how.creator, &body).await {
            Err(Error::Answer { errcode, .. }) if errcode == "M_ROOM_IN_USE" => {
                if !is_begun {
                    ledger.forget(Step::Make, old)?;
                    return Err(Error::Target(
                        "the target has a room of this ID already, which was not made from this one: nothing was changed; remove it there, or leave it"
                            .to_owned(),
                    ));
                }
                // The target was stopped while it made the room: nobody is in it, and nobody can be.
                body.as_object_mut().map(|body| body.remove(ROOM_ID));
            }
            other => return other,
        }
    }
    import.target.create_room(&how.creator, &body).await
}

/// What the room must look like, with the new IDs that are known.
pub(super) fn read(
    import: &Import,
    room: &RoomPlan,
    how: &Recreation,
    anew: &Anew,
) -> Result<Wanted> {
    let known = import
        .rooms
        .get(&room.room_id)
        .ok_or_else(|| Error::Target("the bundle does not list it: export again".to_owned()))?;
    let aliases = aliases(import, &room.room_id)?;
    let around = Around {
        server_name: &import.plan.server_name,
        able: import.able(),
        aliases: aliases.as_ref(),
        anew,
    };
    Wanted::read(&import.bundle, known, how, around)
}

/// A room's aliases by the bundle; nothing where they are left out.
pub(super) fn aliases(import: &Import, room: &RoomId) -> Result<Option<BTreeSet<String>>> {
    if import.plan.left_out.has(Stage::Aliases) {
        return Ok(None);
    }
    let all = import.bundle.aliases()?.into_iter();
    let its = all.filter(|(_, of)| of == room);
    Ok(Some(its.map(|(alias, _)| alias.to_string()).collect()))
}

/// The body of the request, but for the ID.
fn body(old: &RoomId, how: &Recreation, wanted: &Wanted) -> Value {
    let mut create: Map<String, Value> = wanted.create.clone();
    create.insert(MADE_FROM.to_owned(), json!(old));
    let own = wanted.state.keys().filter(|(_, key)| key.starts_with('@'));
    let own = own.map(|(kind, _)| kind.as_str());
    let levels = levels::to_begin_with(wanted.levels.as_ref(), &how.version, &how.creator, own);
    json!({
        // Its members come in by themselves; its own join rule comes when they are in.
        "preset": "public_chat",
        "visibility": "private",
        "room_version": how.version,
        "creation_content": create,
        "power_level_content_override": levels,
    })
}

impl Marks {
    /// The room that was made anew of this one, if somebody is in it.
    async fn find(
        &mut self,
        import: &Import,
        witness: &OwnedUserId,
        old: &RoomId,
    ) -> Result<Option<OwnedRoomId>> {
        if !self.0.contains_key(witness) {
            let mut found = BTreeMap::new();
            for room in import.target.joined_rooms(witness).await? {
                let create = match import.target.create_content(witness, &room).await {
                    // They may have left it meanwhile.
                    Err(Error::Answer {
                        status: 400..=499, ..
                    }) => None,
                    other => other?,
                };
                if let Some(from) = create.as_ref().and_then(|it| it[MADE_FROM].as_str()) {
                    found.insert(from.to_owned(), room);
                }
            }
            self.0.insert(witness.clone(), found);
        }
        Ok(self
            .0
            .get(witness)
            .and_then(|found| found.get(old.as_str()))
            .cloned())
    }
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, owned_user_id, room_id};

    use super::*;
    use crate::migration::local::planner::Members;

    #[test]
    fn a_room_is_made_with_open_doors_and_the_mark_of_the_old_one() {
        let mut wanted = Wanted {
            levels: Some(json!({ "users": { "@a:x": 100, "@b:x": 120 } })),
            ..Wanted::default()
        };
        wanted.create.insert("type".to_owned(), json!("m.space"));
        let own = ("m.call.member".to_owned(), "@b:x".to_owned());
        wanted.state.insert(own, json!({}));
        let how = Recreation {
            reason: "why".to_owned(),
            creator: owned_user_id!("@a:x"),
            keeps_id: true,
            version: RoomVersionId::V10,
            members: Members::default(),
            messages: None,
        };
        insta::assert_snapshot!(body(room_id!("!r:x"), &how, &wanted), @r#"{"creation_content":{"org.ferryman.made_from":"!r:x","type":"m.space"},"power_level_content_override":{"events":{"m.call.member":0},"users":{"@a:x":120}},"preset":"public_chat","room_version":"10","visibility":"private"}"#);
    }
}

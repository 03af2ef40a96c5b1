//! What was taken away on the source between two exports, and is taken away on the target, too: only what an import has
//! brought there.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::Changes;
use crate::{
    Error, Result,
    bundle::{Bundle, OfUser},
    ledger::Step,
    migration::{context::Import, local::anew::Anew, planner},
    model::{account_data::AccountData, push_rules::PushRules},
};

/// A room's tags, in its account data.
const TAGS: &str = "m.tag";

/// What is not there any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Aliases that name nothing any more, or another room, and the room that they have named.
    pub aliases: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    /// Rooms that are not in the directory any more.
    pub listed: BTreeSet<OwnedRoomId>,
    /// Tags by user and room.
    pub tags: BTreeMap<OwnedUserId, BTreeMap<OwnedRoomId, BTreeSet<String>>>,
    /// Push rules by user: kind and ID.
    pub rules: BTreeMap<OwnedUserId, BTreeSet<(String, String)>>,
    /// Accounts that were open; they are closed once their rooms are up to date ([`late`](super::super::late)).
    pub closed: BTreeSet<OwnedUserId>,
    /// Rooms that were deleted on the source; they stay on the target.
    pub rooms: BTreeSet<OwnedRoomId>,
}

#[derive(Debug, Default, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: BTreeMap<String, Box<RawValue>>,
}

fn tags(content: Option<&RawValue>) -> BTreeMap<String, Box<RawValue>> {
    let read = content.and_then(|content| serde_json::from_str::<Tags>(content.get()).ok());
    read.unwrap_or_default().tags
}

impl Gone {
    pub(super) fn between(old: &Bundle, new: &Bundle, changes: &Changes) -> Result<Self> {
        let now = new.aliases()?;
        let aliases = old.aliases()?.into_iter();
        let mut gone = Self {
            aliases: aliases
                .filter(|(alias, room)| now.get(alias) != Some(room))
                .collect(),
            listed: old
                .directory()?
                .difference(&new.directory()?)
                .cloned()
                .collect(),
            ..Self::default()
        };
        for user in &changes.settings {
            gone.of_user(old, new, user);
        }
        let shut = |bundle: &Bundle| -> Result<BTreeSet<OwnedUserId>> {
            let users = bundle.users()?.into_iter();
            let shut = users.filter(|user| planner::closed(user).is_some());
            Ok(shut.map(|user| user.user_id).collect())
        };
        let before = shut(old)?;
        let closed = shut(new)?.into_iter();
        gone.closed = closed
            .filter(|user| changes.users.contains(user) && !before.contains(user))
            .collect();
        let now: BTreeSet<_> = new.rooms()?.into_iter().map(|it| it.room_id).collect();
        let rooms = old.rooms()?.into_iter().map(|it| it.room_id);
        gone.rooms = rooms.filter(|room| !now.contains(room)).collect();
        Ok(gone)
    }

    fn of_user(&mut self, old: &Bundle, new: &Bundle, user: &UserId) {
        let data = |bundle: &Bundle| bundle.of_user::<AccountData>(OfUser::AccountData, user);
        let rules = |bundle: &Bundle| bundle.of_user::<PushRules>(OfUser::PushRules, user);
        // What could not be exported of somebody is told with the export.
        let (Ok(before), Ok(now)) = (data(old), data(new)) else {
            return;
        };
        for (room, data) in &before.rooms {
            let of_now = now.rooms.get(room).and_then(|data| data.get(TAGS));
            let now = tags(of_now.map(|it| &**it));
            let before = tags(data.get(TAGS).map(|it| &**it)).into_keys();
            let gone: BTreeSet<_> = before.filter(|tag| !now.contains_key(tag)).collect();
            if !gone.is_empty() {
                let of_user = self.tags.entry(user.to_owned()).or_default();
                of_user.insert(room.clone(), gone);
            }
        }
        let (Ok(before), Ok(now)) = (rules(old), rules(new)) else {
            return;
        };
        let now = own_rules(&now);
        let gone: BTreeSet<_> = own_rules(&before).difference(&now).cloned().collect();
        if !gone.is_empty() {
            self.rules.insert(user.to_owned(), gone);
        }
    }

    /// Takes it away on the target, before what is new comes: an alias may name another room now. What can't be taken away
    /// is a problem each.
    pub async fn run(&self, import: &Import) -> Result<()> {
        let anew = &Anew::of(&import.plan, &import.ledger)?;
        for (alias, room) in &self.aliases {
            import.job.turn().await?;
            let taken = self
                .alias(import, alias, (room, anew.id(room).unwrap_or(room)))
                .await;
            import.outcome("alias", Step::Alias, alias, taken)?;
        }
        for room in &self.listed {
            import.job.turn().await?;
            let taken = listing(import, (room, anew.id(room).unwrap_or(room))).await;
            import.outcome("listing", Step::Listing, room, taken)?;
        }
        for (user, rooms) in &self.tags {
            import.job.turn().await?;
            if !import.can_act(user) {
                continue;
            }
            let taken = untag(import, user, rooms, anew).await;
            import.outcome("settings", Step::UserData, user, taken)?;
        }
        for (user, rules) in &self.rules {
            import.job.turn().await?;
            if !import.can_act(user) {
                continue;
            }
            let taken = unrule(import, user, rules).await;
            import.outcome("settings", Step::UserData, user, taken)?;
        }
        Ok(())
    }

    async fn alias(
        &self,
        import: &Import,
        alias: &OwnedRoomAliasId,
        (room, there): (&OwnedRoomId, &RoomId),
    ) -> Result<()> {
        if import.target.resolve(alias).await?.as_deref() != Some(there) {
            return Ok(());
        }
        let joiner = joiner(import, room)?;
        import.target.delete_alias(joiner, alias).await?;
        if import.target.resolve(alias).await?.as_deref() == Some(there) {
            return Err(Error::Target(
                "it is not there on Synapse any more, and the target keeps it: remove it there"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// Rules that a user has made; changes of the default ones are set back with the others.
fn own_rules(rules: &PushRules) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (kind, rules) in rules.kinds() {
        for rule in rules {
            let id = rule.get("rule_id").and_then(Value::as_str);
            let is_own = rule.get("default") != Some(&Value::Bool(true));
            if let Some(id) = id.filter(|id| is_own && !id.starts_with('.')) {
                all.insert((kind.to_owned(), id.to_owned()));
            }
        }
    }
    all
}

fn joiner<'a>(import: &'a Import, room: &OwnedRoomId) -> Result<&'a UserId> {
    let plan = import.plan.rooms.iter().find(|it| it.room_id == *room);
    plan.and_then(|plan| plan.action.maker()).ok_or_else(|| {
        Error::Target(format!(
            "its room {room} is not carried over any more, so nobody can take it away: remove it on the target"
        ))
    })
}

async fn listing(import: &Import, (room, there): (&OwnedRoomId, &RoomId)) -> Result<()> {
    if !import.target.is_listed(there).await? {
        return Ok(());
    }
    let hidden = import
        .target
        .unlist_room(joiner(import, room)?, there)
        .await;
    match (hidden, &import.admin) {
        (Err(Error::Answer { status: 403, .. }), Some(admin)) => {
            let command = format!("rooms directory unpublish {there}");
            admin.run(&command).await?;
        }
        (hidden, _) => hidden?,
    }
    if import.target.is_listed(there).await? {
        return Err(Error::Target(
            "it is not listed on Synapse any more, and the target still lists it: take it out there"
                .to_owned(),
        ));
    }
    Ok(())
}

async fn untag(
    import: &Import,
    user: &UserId,
    rooms: &BTreeMap<OwnedRoomId, BTreeSet<String>>,
    anew: &Anew,
) -> Result<()> {
    for (room, gone) in rooms {
        let room = anew.id(room).unwrap_or(room);
        if !import.plan.target.replay {
            for tag in gone {
                import.target.delete_tag(user, room, tag).await?;
            }
            continue;
        }
        let there = import.target.account_data(user, Some(room), TAGS).await?;
        let mut left = tags(there.as_deref());
        let before = left.len();
        left.retain(|tag, _| !gone.contains(tag));
        if left.len() < before {
            let content = to_raw_value(&BTreeMap::from([("tags", left)])).map_err(|error| {
                Error::Target(format!(
                    "the tags of {room} can't be written ({error}): report this as a bug"
                ))
            })?;
            import
                .target
                .set_account_data(user, Some(room), TAGS, &content)
                .await?;
        }
    }
    Ok(())
}

async fn unrule(import: &Import, user: &UserId, rules: &BTreeSet<(String, String)>) -> Result<()> {
    let there = own_rules(&import.target.push_rules(user).await?);
    for (kind, rule) in rules.intersection(&there) {
        import.target.delete_push_rule(user, (kind, rule)).await?;
    }
    Ok(())
}

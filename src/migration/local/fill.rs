//! Filling a room that was made anew: what differs from the bundle is changed, in an order in which each may be.

mod messages;

use std::fmt::Display;

use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::{Value, json};

use super::{
    DONE,
    anew::Anew,
    compare, make,
    messages::verify::Expected,
    planner::Recreation,
    there::There,
    wanted::{JOIN_RULES, LEVELS, MEMBER, VISIBILITY, Wanted, rank},
};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    migration::{aliases, context::Import, outcome::Comparison, plan::RoomPlan},
    target::Target,
};

/// Members who are asked what a room looks like.
const WITNESSES: usize = 5;

/// Differences that a failure names.
const FEW: usize = 3;

/// A room at work.
struct Work<'a> {
    import: &'a Import,
    how: &'a Recreation,
    /// Its ID in the bundle, by which it is told.
    old: &'a RoomId,
    /// For people.
    name: &'a str,
    id: OwnedRoomId,
    wanted: Wanted,
    there: There,
    /// Whether anything could not be done.
    has_failed: bool,
}

/// Fills a room, and reads it back; does nothing where the ledger says that it is done.
pub(in crate::migration) async fn run(
    import: &Import,
    room: &RoomPlan,
    how: &Recreation,
    anew: &Anew,
) -> Result<()> {
    let (ledger, old) = (&import.ledger, &room.room_id);
    let Some(id) = anew.id(old) else {
        return Err(Error::Target(
            "it is not there yet: import again".to_owned(),
        ));
    };
    if import.is_done(Step::Settle, old, |things| things.has_room(old))? {
        return Ok(());
    }
    import.job.turn().await?;
    let wanted = tokio::task::block_in_place(|| make::read(import, room, how, anew))?;
    let mut state = wanted.state.iter();
    let unmade = state
        .find_map(|((_, key), content)| anew.is_unmade(key).or_else(|| anew.unmade(content)))
        .map(str::to_owned);
    ledger.solved_all("room", &format!("{old}: "))?;
    let mut work = Work {
        there: now(&import.target, id, &wanted, how).await?,
        import,
        how,
        old,
        name: &room.name,
        id: id.to_owned(),
        wanted,
        has_failed: false,
    };
    work.all().await?;
    let there = now(&import.target, id, &work.wanted, how).await?;
    let (members, state) = compare::room(&work.wanted, &there, how);
    let said = work.said(&there).await?;
    let differences: Vec<_> = [members, state, said]
        .into_iter()
        .flat_map(|compared| compared.differences)
        .collect();
    if let Some(unmade) = unmade {
        return Err(Error::Target(format!(
            "it names {unmade}, which is not there yet: import again once it is"
        )));
    }
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(FEW);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let first: Vec<_> = differences.into_iter().take(FEW).collect();
        return Err(Error::Target(format!("{}{more}", first.join("; "))));
    }
    ledger.record(Step::Settle, old, &Outcome::Done(DONE))
}

/// What the room looks like now, to somebody who is in it.
pub(super) async fn now(
    target: &Target,
    room: &RoomId,
    wanted: &Wanted,
    how: &Recreation,
) -> Result<There> {
    let joined = wanted.members.iter();
    let joined = joined
        .filter(|(user, member)| member.membership == "join" && **user != how.creator)
        .map(|(user, _)| user)
        .take(WITNESSES);
    for reader in [&how.creator].into_iter().chain(joined) {
        // Who has left may see what the room was by then.
        if !target
            .joined_rooms(reader)
            .await?
            .iter()
            .any(|it| it == room)
        {
            continue;
        }
        if let Some(state) = target.whole_state(reader, room).await? {
            return Ok(There::of(state));
        }
    }
    Err(Error::Target(format!(
        "nobody of this server is in {room} on the target any more: let its creator {} join it there, and import again",
        how.creator
    )))
}

impl Work<'_> {
    async fn all(&mut self) -> Result<()> {
        self.aliases().await?;
        self.joins().await?;
        if self.how.messages.is_some() {
            // Who is out, or comes later, must not read more of them than before.
            self.state(|kind| kind == VISIBILITY).await?;
            self.others(&["ban"]).await?;
            // Until the levels are set nobody but the mightiest may do what is left.
            let has_levels = self.there.get(LEVELS, "") == self.wanted.levels.as_ref();
            let mightiest = self.by().filter(|_| !has_levels);
            self.goings(mightiest).await?;
            self.messages().await?;
        }
        self.state(|kind| rank(kind) < rank(JOIN_RULES)).await?;
        self.others(&["ban", "invite"]).await?;
        self.state(|kind| kind == JOIN_RULES).await?;
        self.others(&["knock"]).await?;
        self.goings(None).await?;
        self.levels().await?;
        self.creator_leaves().await
    }

    /// Which of its messages are there, if they are to be.
    async fn said(&self, there: &There) -> Result<Comparison> {
        let room = self.import.rooms.get(self.old);
        let (Some(_), Some(room)) = (&self.how.messages, room) else {
            return Ok(Comparison::default());
        };
        let Some(reader) = there.mightiest(&self.wanted, self.how) else {
            return Ok(Comparison::default());
        };
        let (bundle, able) = (&self.import.bundle, self.import.able());
        let keeps_id = self.id == *self.old;
        let expected =
            tokio::task::block_in_place(|| Expected::read(bundle, room, able, keeps_id))?;
        expected
            .compare(&self.import.target, &self.id, &reader)
            .await
    }

    /// Notes what could not be done, but for what concerns everything.
    fn note(&mut self, what: &(impl Display + ?Sized), done: Result<()>) -> Result<bool> {
        match done {
            Ok(()) => Ok(true),
            Err(
                error @ (Error::Answer {
                    status: 400..=499, ..
                }
                | Error::Target(_)),
            ) => {
                self.has_failed = true;
                let subject = format!("{}: {what}", self.old);
                self.import.problem("room", &subject, &error.to_string())?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Before the state that names them.
    async fn aliases(&mut self) -> Result<()> {
        let all = make::aliases(self.import, self.old)?.unwrap_or_default();
        for alias in all {
            let Ok(alias) = ruma::OwnedRoomAliasId::try_from(alias) else {
                continue;
            };
            let creator = &self.how.creator;
            let place = aliases::Place {
                room: self.old,
                there: &self.id,
                user: creator,
            };
            let set = aliases::one(self.import, &alias, place).await;
            self.import.outcome("alias", Step::Alias, &alias, set)?;
        }
        Ok(())
    }

    /// Everybody joins by themselves, with the name and the picture that they had here.
    async fn joins(&mut self) -> Result<()> {
        let joined: Vec<_> = self
            .wanted
            .members
            .iter()
            .filter(|(_, member)| member.membership == "join")
            .map(|(user, member)| (user.clone(), member.clone()))
            .collect();
        for (user, member) in joined {
            let is_in = self.there.membership(&user) == Some("join");
            if is_in && compare::same_person(&user, &member, &self.there) {
                continue;
            }
            let mut content = member.content.clone();
            if member.is_known {
                // What is not there is said, so that no server fills it in.
                for field in ["displayname", "avatar_url"] {
                    if content.get(field).is_none() {
                        content[field] = Value::Null;
                    }
                }
            } else if let Some(known) = self.import.users.get(&user) {
                content["displayname"] = json!(known.displayname);
                content["avatar_url"] = json!(known.avatar_url);
            }
            without_nothing(&mut content, self.import.plan.target.replay);
            if !is_in && !self.is_open() {
                self.invite(&user).await?;
            }
            self.member(&user, &user, &content).await?;
        }
        Ok(())
    }

    /// Whether anybody may join.
    fn is_open(&self) -> bool {
        let rule = self.there.get(JOIN_RULES, "");
        rule.is_some_and(|rule| rule["join_rule"] == "public")
    }

    async fn invite(&mut self, user: &UserId) -> Result<()> {
        if self.there.membership(user) == Some("invite") {
            return Ok(());
        }
        let Some(by) = self.by() else {
            return Ok(());
        };
        let content = json!({ "membership": "invite" });
        self.member(&by, user, &content).await
    }

    /// Whoever can do most there.
    fn by(&self) -> Option<OwnedUserId> {
        self.there.mightiest(&self.wanted, self.how)
    }

    async fn member(&mut self, by: &UserId, user: &UserId, content: &Value) -> Result<()> {
        self.put(by, (MEMBER, user.as_str()), content).await
    }

    async fn put(&mut self, by: &UserId, (kind, key): (&str, &str), content: &Value) -> Result<()> {
        self.import.job.turn().await?;
        let target = &self.import.target;
        let bringing = self.import.state_keys.bring([(kind, key)]).await;
        let put = target.put_state(by, &self.id, (kind, key), content).await;
        if put.is_ok() {
            bringing.met();
        }
        let what = format!("{kind} {key}");
        if self.note(what.trim_end(), put)? {
            self.there.put(kind, key, content.clone());
        }
        Ok(())
    }

    /// State that differs, of these types: by whoever it belongs to, else by whoever may.
    async fn state(&mut self, which: impl Fn(&str) -> bool) -> Result<()> {
        let mut due: Vec<_> = self
            .wanted
            .state
            .iter()
            .filter(|((kind, key), content)| {
                let there = self.there.get(kind, key);
                let is_nothing = there.is_none() && compare::is_empty(content);
                which(kind) && there != Some(content) && !is_nothing
            })
            .map(|((kind, key), content)| (kind.clone(), key.clone(), content.clone()))
            .collect();
        due.sort_by_key(|(kind, ..)| rank(kind));
        for (kind, key, content) in due {
            let own = OwnedUserId::try_from(key.as_str()).ok();
            let own = own.filter(|_| self.wanted.is_joined(&key));
            if let Some(by) = own.or_else(|| self.by()) {
                self.put(&by, (&kind, &key), &content).await?;
            }
        }
        Ok(())
    }

    /// Who is banned, is invited, or knocks.
    async fn others(&mut self, memberships: &[&str]) -> Result<()> {
        let due: Vec<_> = self
            .wanted
            .members
            .iter()
            .filter(|(_, member)| memberships.contains(&member.membership.as_str()))
            .filter(|(user, member)| self.there.membership(user) != Some(&member.membership))
            .map(|(user, member)| (user.clone(), member.clone()))
            .collect();
        for (user, member) in due {
            let by = if member.membership == "knock" {
                Some(user.clone())
            } else {
                self.by()
            };
            if let Some(by) = by {
                self.member(&by, &user, &member.content).await?;
            }
        }
        Ok(())
    }

    /// Whoever has left since an earlier import leaves here, too, but for one.
    async fn goings(&mut self, but_for: Option<OwnedUserId>) -> Result<()> {
        let memberships = tokio::task::block_in_place(|| self.import.bundle.memberships(self.old))?;
        for (user, membership) in memberships {
            let is_in = matches!(self.there.membership(&user), Some("join" | "invite"));
            let is_due = membership == "leave" && is_in && self.import.can_act(&user);
            if is_due && user != self.how.creator && but_for.as_ref() != Some(&user) {
                self.leaves(&user).await?;
            }
        }
        Ok(())
    }

    async fn leaves(&mut self, user: &UserId) -> Result<()> {
        self.import.job.turn().await?;
        let left = self.import.target.leave(user, &self.id).await;
        if self.note(&format!("{user} leaves"), left)? {
            let content = json!({ "membership": "leave" });
            self.there.put(MEMBER, user.as_str(), content);
        }
        Ok(())
    }

    /// Last: whoever made the room may be nobody in it from now on.
    async fn levels(&mut self) -> Result<()> {
        let Some(levels) = self.wanted.levels.clone() else {
            return Ok(());
        };
        if self.there.get(LEVELS, "") == Some(&levels) {
            return Ok(());
        }
        match self.by() {
            Some(by) => self.put(&by, (LEVELS, ""), &levels).await,
            None => Ok(()),
        }
    }

    async fn creator_leaves(&mut self) -> Result<()> {
        let creator = self.how.creator.clone();
        let is_to_stay = self.wanted.is_joined(creator.as_str());
        // The last one who is in it would take the room along.
        let others = self.wanted.members.iter();
        let mut others = others
            .filter(|(user, _)| self.there.membership(user) == Some("join") && **user != creator);
        let has_others = others.next().is_some();
        // While anything is left, nobody else may be able to do it.
        let is_due = !is_to_stay && has_others && !self.has_failed;
        if is_due && self.there.membership(&creator) == Some("join") {
            self.leaves(&creator).await?;
        }
        Ok(())
    }
}

/// Tuwunel takes no nothing for a name; a Synapse would fill in what isn't said.
fn without_nothing(content: &mut Value, is_tuwunel: bool) {
    if let Some(fields) = content.as_object_mut().filter(|_| is_tuwunel) {
        fields.retain(|_, value| !value.is_null());
    }
}

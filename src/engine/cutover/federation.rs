//! The rooms that other servers share: each of these hears of the new server early, for the first event in a room comes with
//! a join that nobody else knows. Whether it has arrived, the other server is asked itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ruma::{EventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId};

use super::{Cutover, bad, good, warning};
use crate::{
    Error, Result,
    bundle::Bundle,
    engine::Engine,
    job::Job,
    ledger::{Ledger, Step as Taken},
    migration::outcome::Finding,
    target::{
        Target,
        admin_room::{AdminRoom, failure},
    },
};

/// Members who are tried as the one who says hello: the first ones may lack the power.
const SPEAKERS: usize = 10;
/// How often another server is asked for an event, and the pause in between.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(3);
/// What the command says of an event that the other server has.
const ARRIVED: &str = "Got PDU from specified server";
/// Servers of one room that are asked at the most, once it is known that anybody hears.
const ASKED: usize = 20;
/// Rooms that are named one by one.
const NAMED: usize = 20;

/// A room that others share.
#[derive(Debug)]
struct Shared {
    id: OwnedRoomId,
    name: String,
    /// Local members who are joined.
    ours: Vec<OwnedUserId>,
    /// The other servers, that with the most members first.
    others: Vec<OwnedServerName>,
}

/// The other servers, as far as they are known by now.
#[derive(Debug, Default)]
struct Others {
    /// Those that have had something of ours.
    heard: BTreeSet<OwnedServerName>,
    /// Those that don't answer.
    silent: BTreeSet<OwnedServerName>,
}

/// What became of a hello.
enum Heard {
    BySomebody,
    /// None of the room's servers answers at all.
    Nobody,
}

impl Engine {
    /// Says hello in each room that other servers share, in a way that no client shows, and asks one of them whether it has
    /// arrived.
    pub async fn says_hello(&self, job: &Job) -> Result<Vec<Finding>> {
        let target = self.target()?;
        let admin = target.admin_room().await?;
        let (bundle, ledger) = self.last_import().await?;
        let rooms = tokio::task::block_in_place(|| shared(&bundle, &ledger))?;
        let (mut others, mut arrived, mut unheard) = (Others::default(), 0, 0);
        let mut bads = Vec::new();
        for room in &rooms {
            job.turn().await?;
            match self.hello(job, (&target, &admin), room, &mut others).await {
                Ok(Heard::BySomebody) => arrived += 1,
                Ok(Heard::Nobody) => unheard += 1,
                Err(
                    error @ (Error::Answer { .. }
                    | Error::Target(_)
                    | Error::Malformed { .. }
                    | Error::Slow { .. }),
                ) => bads.push(bad(&room.name, error.to_string())),
                // The target is away, or nothing can be noted: that is so in every room.
                Err(error) => return Err(error),
            }
        }
        let mut all = vec![arrival(arrived, rooms.len(), others.heard.len())];
        if !others.silent.is_empty() {
            let names: Vec<_> = others
                .silent
                .iter()
                .take(NAMED)
                .map(|server| server.as_str())
                .collect();
            all.push(warning(
                "silent servers",
                format!(
                    "{} of them do not answer, so that in {unheard} rooms nobody could be asked: {}",
                    others.silent.len(),
                    names.join(", ")
                ),
            ));
        }
        let more = bads.len().saturating_sub(NAMED);
        all.extend(bads.into_iter().take(NAMED));
        if more > 0 {
            all.push(bad("other rooms", format!("{more} more failed")));
        }
        Ok(all)
    }

    async fn hello(
        &self,
        job: &Job,
        (target, admin): (&Target, &AdminRoom),
        room: &Shared,
        others: &mut Others,
    ) -> Result<Heard> {
        let mut cutover = Cutover::load(&self.config.data_dir)?;
        let event = if let Some(event) = cutover.hellos.get(&room.id) {
            event.clone()
        } else {
            // The same one again if it was cut off before it was noted.
            let name = format!("ferryman-{}", cutover.switched_ts().unwrap_or_default());
            let event = say(target, room, &name).await?;
            cutover.hellos.insert(room.id.clone(), event.clone());
            cutover.save(&self.config.data_dir)?;
            event
        };
        let mut asked = 0;
        for server in &room.others {
            if others.silent.contains(server) {
                continue;
            }
            if asked >= ASKED && !others.heard.is_empty() {
                break;
            }
            asked += 1;
            match (
                arrives(job, admin, &event, server).await?,
                others.heard.contains(server),
            ) {
                (Arrives::Yes, _) => {
                    others.heard.insert(server.clone());
                    return Ok(Heard::BySomebody);
                }
                (Arrives::Silent, _) | (Arrives::Unclear(_), false) => {
                    others.silent.insert(server.clone());
                }
                (Arrives::No(why), _) | (Arrives::Unclear(why), true) => {
                    return Err(Error::Target(format!(
                        "what was said there has not arrived at {server} ({why}): say something in a client, and look there; `cutover federation` asks again"
                    )));
                }
            }
        }
        Ok(Heard::Nobody)
    }
}

/// In how many rooms what was said has arrived. In none is no chance: nothing leaves this server.
fn arrival(arrived: usize, rooms: usize, servers: usize) -> Finding {
    if arrived == 0 && rooms > 0 {
        return bad(
            "rooms",
            format!(
                "what we say arrives with nobody: in none of {rooms} rooms that others share; look whether the filter and the hosts file of the migration are lifted and the target reaches other servers"
            ),
        );
    }
    good(
        "rooms",
        format!(
            "what we say in a room that others share arrives with one of them: in {arrived} of {rooms} rooms, with {servers} different servers"
        ),
    )
}

async fn say(target: &Target, room: &Shared, name: &str) -> Result<ruma::OwnedEventId> {
    let mut refused = None;
    for user in room.ours.iter().take(SPEAKERS) {
        match target.hello(user, &room.id, name).await {
            Err(error @ Error::Answer { status: 403, .. }) => refused = Some(error),
            other => return other,
        }
    }
    Err(refused.unwrap_or_else(|| Error::Target("nobody of ours is in it".to_owned())))
}

/// What another server says of an event of ours.
#[derive(Debug, PartialEq, Eq)]
enum Arrives {
    Yes,
    /// It answers, and doesn't have it.
    No(String),
    /// There is no way to it.
    Silent,
    /// One of the two: Tuwunel 1.9 doesn't say which.
    Unclear(String),
}

/// Asks another server for an event of ours, as often as it takes to get there.
async fn arrives(
    job: &Job,
    admin: &AdminRoom,
    event: &EventId,
    server: &OwnedServerName,
) -> Result<Arrives> {
    let command = format!("debug get-remote-pdu {event} {server}");
    let mut arrives = Arrives::Silent;
    for look in 0..LOOKS {
        job.turn().await?;
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        arrives = understood(&admin.run(&command).await?);
        if matches!(arrives, Arrives::Yes | Arrives::Silent) {
            break;
        }
    }
    Ok(arrives)
}

/// The target's reply to the question for an event of another server.
fn understood(reply: &str) -> Arrives {
    if reply.contains(ARRIVED) {
        return Arrives::Yes;
    }
    let why = failure(reply);
    if why.contains("not found on any of") {
        Arrives::Unclear(why)
    } else if ["responded with", "M_NOT_FOUND", "M_FORBIDDEN"]
        .iter()
        .any(|sign| why.contains(sign))
    {
        Arrives::No(why)
    } else {
        Arrives::Silent
    }
}

/// Rooms that were carried over and that other servers share, by the bundle.
fn shared(bundle: &Bundle, ledger: &Ledger) -> Result<Vec<Shared>> {
    let own = bundle.server_name();
    // A room that was made anew is another one: nobody of another server is in it.
    let made = ledger.made()?;
    let mut all = Vec::new();
    for room in bundle.rooms()? {
        let is_carried = ledger.is_done(Taken::Settle, &room.room_id)?;
        if !is_carried || made.contains_key(room.room_id.as_str()) {
            continue;
        }
        let mut others: BTreeMap<OwnedServerName, u64> = BTreeMap::new();
        let mut ours = Vec::new();
        for (user, membership) in bundle.memberships(&room.room_id)? {
            if membership != "join" {
                continue;
            }
            if user.server_name() != own {
                *others.entry(user.server_name().to_owned()).or_default() += 1;
            } else if ledger.is_done(Taken::Account, &user)? {
                ours.push(user);
            }
        }
        if others.is_empty() || ours.is_empty() {
            continue;
        }
        // Who has made the room has the power to speak in it, most of the time.
        ours.sort_by_key(|user| room.creator.as_ref() != Some(user));
        let mut others: Vec<_> = others.into_iter().collect();
        others.sort_by_key(|(_, members)| std::cmp::Reverse(*members));
        all.push(Shared {
            name: name(&room.room_id, room.name.as_deref()),
            id: room.room_id,
            ours,
            others: others.into_iter().map(|(server, _)| server).collect(),
        });
    }
    Ok(all)
}

fn name(id: &RoomId, name: Option<&str>) -> String {
    name.map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_nowhere_is_no_end() {
        let told = [(0, 0, 0), (0, 40, 0), (38, 40, 7)]
            .map(|(arrived, rooms, servers)| arrival(arrived, rooms, servers))
            .map(|it| format!("{:?}: {}", it.state, it.text));
        insta::assert_snapshot!(told.join("\n"), @r"
        Good: what we say in a room that others share arrives with one of them: in 0 of 0 rooms, with 0 different servers
        Bad: what we say arrives with nobody: in none of 40 rooms that others share; look whether the filter and the hosts file of the migration are lifted and the target reaches other servers
        Good: what we say in a room that others share arrives with one of them: in 38 of 40 rooms, with 7 different servers
        ");
    }

    #[test]
    fn a_server_that_lacks_an_event_is_not_a_silent_one() {
        let failed = |why: &str| {
            understood(&format!(
                "Command failed with error:\n```\nRemote server did not have PDU or failed sending request to remote server: {why}\n```"
            ))
        };
        assert_eq!(
            understood("Got PDU from specified server and handled as backfilled. Event body:\n…"),
            Arrives::Yes
        );
        // Of 1.4.6.
        assert!(matches!(
            failed("Remote server localhost:25708 responded with: [404] \"\""),
            Arrives::No(_)
        ));
        assert_eq!(
            failed("Request error: error sending request"),
            Arrives::Silent
        );
        // Of 1.9.0, for both.
        assert!(matches!(
            failed("M_NOT_FOUND: event not found on any of 1 servers"),
            Arrives::Unclear(_)
        ));
    }
}

//! Two towns with a ferry between them: rooms that two Synapses share, with all that can happen between servers.
//!
//! Not part of the other fills: it needs a second Synapse of another name, and both must federate
//! ([`SynapseOptions::federates`](crate::lab::synapse::SynapseOptions)).

mod apart;
mod shared;

use std::{collections::BTreeMap, time::Duration};

use super::password;
use crate::lab::{
    LabError, Result,
    client::{Client, v3},
    synapse::Synapse,
};

/// How long an event may be on its way to the other server.
const HEARD: Duration = Duration::from_secs(30);

/// Local users of the source, and of the other server. The first of each is its server's admin.
const OURS: [&str; 4] = ["anna", "bert", "cora", "dora"];
const THEIRS: [&str; 3] = ["rita", "rolf", "remo"];

/// What was made between two servers.
#[derive(Debug)]
pub struct Neighbours {
    /// Everybody of both servers, by localpart.
    people: BTreeMap<&'static str, Client>,
    /// Room IDs by key: `ours`, `theirs`, …
    pub rooms: BTreeMap<String, String>,
    source: String,
    other: String,
}

/// A room's key and its ID.
type Made = Result<(String, String)>;

impl Neighbours {
    /// Somebody's session.
    ///
    /// # Panics
    ///
    /// If nobody has that localpart.
    #[must_use]
    pub fn who(&self, localpart: &str) -> &Client {
        &self.people[localpart]
    }

    /// A room's ID.
    ///
    /// # Panics
    ///
    /// If no room has that key.
    #[must_use]
    pub fn room(&self, key: &str) -> &str {
        &self.rooms[key]
    }

    fn id(&self, localpart: &str) -> &str {
        self.who(localpart).user_id()
    }

    /// Invites somebody, and lets them join when the invitation has arrived.
    async fn take_in(&self, room: &str, host: &str, guests: &[&str]) -> Result<()> {
        let via = if OURS.contains(&host) {
            &self.source
        } else {
            &self.other
        };
        for guest in guests {
            self.who(host).invite(room, self.id(guest)).await?;
            self.who(guest).join(room, Some(via)).await?;
            self.joined(room, host, guest).await?;
        }
        Ok(())
    }

    /// Waits until somebody knows that somebody else is joined.
    async fn joined(&self, room: &str, who: &str, joined: &str) -> Result<()> {
        let member = v3(&["rooms", room, "state", "m.room.member", self.id(joined)]);
        self.until(&format!("{joined}'s join"), || async {
            let found = self.who(who).get(&member).await;
            found.is_ok_and(|content| content["membership"] == "join")
        })
        .await
    }

    /// Says something, and waits until everybody in a list has heard it.
    async fn say(&self, room: &str, who: &str, text: &str, heard_by: &[&str]) -> Result<String> {
        let event = self.who(who).say(room, text).await?;
        self.heard(room, &event, heard_by).await?;
        Ok(event)
    }

    /// A conversation in turns: each has heard what was said before.
    async fn talk(&self, room: &str, speakers: &[&str], count: usize) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for number in 0..count {
            let who = speakers[number % speakers.len()];
            said.push(self.say(room, who, super::line(number), speakers).await?);
        }
        Ok(said)
    }

    /// Waits until an event has arrived with all of these.
    async fn heard(&self, room: &str, event: &str, by: &[&str]) -> Result<()> {
        let path = v3(&["rooms", room, "event", event]);
        for who in by {
            self.until(&format!("{event}, for {who},"), || async {
                self.who(who).get(&path).await.is_ok()
            })
            .await?;
        }
        Ok(())
    }

    async fn until<F: Future<Output = bool>>(&self, what: &str, is: impl Fn() -> F) -> Result<()> {
        for _ in 0..HEARD.as_millis() / 50 {
            if is().await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(LabError::Late {
            what: what.to_owned(),
            seconds: HEARD.as_secs(),
        })
    }
}

/// Fills an empty source and an empty other server with the rooms that they share.
pub async fn fill(source: &Synapse, other: &Synapse) -> Result<Neighbours> {
    let mut people = BTreeMap::new();
    for (server, names) in [(source, &OURS[..]), (other, &THEIRS[..])] {
        let admin = server.register(names[0], &password(names[0]), true).await?;
        for name in &names[1..] {
            let client = server.create_user(&admin, name, &password(name)).await?;
            people.insert(*name, client);
        }
        people.insert(names[0], admin);
    }
    let mut town = Neighbours {
        people,
        rooms: BTreeMap::new(),
        source: source.server_name().to_string(),
        other: other.server_name().to_string(),
    };
    let shared = shared::make(&town).await?;
    town.rooms.extend(shared);
    let forked = apart::make(&town, &Ferry { source, other }).await?;
    town.rooms.extend(forked);
    Ok(town)
}

/// The way between the two servers.
struct Ferry<'a> {
    source: &'a Synapse,
    other: &'a Synapse,
}

impl Ferry<'_> {
    /// Neither hears of the other.
    fn stop(&self) {
        for server in [self.source, self.other] {
            if let Some(gate) = server.gate() {
                gate.shut();
            }
        }
    }

    /// Both hear what the other has said meanwhile.
    fn run(&self) {
        for server in [self.source, self.other] {
            if let Some(gate) = server.gate() {
                gate.open();
            }
        }
    }
}

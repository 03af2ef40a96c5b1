//! A small town on the source, made through its real API: users, rooms of every kind, what they said, and every other
//! thing that a server keeps for them ([`Things`]).
//!
//! The content is the same in every run; IDs and times are the server's, and keys are new ones.

pub mod account_data;
pub mod accounts;
mod archive;
pub mod backups;
mod comings;
pub mod cross_signing;
pub mod devices;
pub mod diary;
mod encrypted;
pub mod federated;
pub mod media;
mod open;
mod outskirts;
pub mod pending;
mod people;
pub mod plaza;
mod private;
pub mod push;
pub mod receipts;
mod signing_key;
mod spaces;
mod talk;
pub mod things;
mod upgrade;
mod versions;
mod voices;

use std::{collections::BTreeMap, pin::Pin};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use self::{diary::SentEvent, outskirts::Outskirts};
use super::{Result, client::Client, synapse::Synapse};

pub(in crate::lab) use self::{
    encrypted::envelope,
    talk::{edit, in_thread, reaction, reply},
    voices::{emoji, line},
};
pub use accounts::{GUEST, source_options};
pub use people::{FilledUser, ODD, PIXEL, password};
pub use things::Things;

/// Requests of so many rooms at once: more only queue in a single Synapse process.
const PARALLEL: usize = 5;

/// What was made.
#[derive(Debug)]
pub struct Filled {
    /// By localpart.
    pub users: BTreeMap<&'static str, FilledUser>,
    /// Room IDs by key: `lobby`, `dm`, …
    pub rooms: BTreeMap<&'static str, String>,
    /// What Synapse itself then counts.
    pub counts: Counts,
    /// Everything else that was made.
    pub things: Things,
}

/// Numbers from the Admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Accounts, closed ones included.
    pub users: usize,
    /// Closed ones.
    pub deactivated: usize,
    /// Rooms.
    pub rooms: usize,
    /// Timeline events of all rooms.
    pub events: usize,
    /// Local aliases of all rooms.
    pub aliases: usize,
    /// Joined members, summed over the rooms.
    pub joined: u64,
}

impl Filled {
    /// The source's admin.
    #[must_use]
    pub fn admin(&self) -> &Client {
        &self.users["alice"].client
    }

    /// Somebody's session.
    ///
    /// # Panics
    ///
    /// If nobody has that localpart.
    #[must_use]
    pub fn user(&self, localpart: &str) -> &Client {
        &self.users[localpart].client
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
}

/// A room in the making.
type Making<'a> = Pin<Box<dyn Future<Output = Result<Vec<(&'static str, String)>>> + Send + 'a>>;

/// The people while the rooms are made.
struct Town {
    server_name: String,
    clients: BTreeMap<&'static str, Client>,
}

impl Town {
    async fn settle(synapse: &Synapse) -> Result<(Self, BTreeMap<&'static str, FilledUser>)> {
        let users = people::settle(synapse).await?;
        let clients = users.iter();
        let town = Self {
            server_name: synapse.server_name().to_string(),
            clients: clients
                .map(|(name, user)| (*name, user.client.clone()))
                .collect(),
        };
        Ok((town, users))
    }

    fn who(&self, localpart: &str) -> &Client {
        &self.clients[localpart]
    }

    fn id(&self, localpart: &str) -> &str {
        self.who(localpart).user_id()
    }

    fn all(&self, localparts: &[&str]) -> Vec<&Client> {
        localparts.iter().map(|name| self.who(name)).collect()
    }

    fn alias(&self, localpart: &str) -> String {
        format!("#{localpart}:{}", self.server_name)
    }

    /// Invites and joins, one after the other.
    async fn gather(&self, room: &str, host: &str, guests: &[&str]) -> Result<()> {
        for guest in guests {
            self.who(host).invite(room, self.id(guest)).await?;
            self.who(guest).join(room, None).await?;
        }
        Ok(())
    }
}

/// Fills an empty Synapse with what today's import carries, beside all that hangs on accounts.
pub async fn fill(synapse: &Synapse) -> Result<Filled> {
    let (town, users) = Town::settle(synapse).await?;
    let (rooms, events) = tokio::try_join!(town_rooms(&town), archive::archive(&town))?;
    finish(synapse, town, users, rooms, Outskirts::default(), events).await
}

/// The same, and the outskirts: rooms of old versions, rooms that everybody has left, a purged one, an erased user's.
/// All of it an export should hold, and some of it no import can carry.
pub async fn fill_wholly(synapse: &Synapse) -> Result<Filled> {
    let (town, users) = Town::settle(synapse).await?;
    let (rooms, outskirts, events) = tokio::try_join!(
        town_rooms(&town),
        outskirts::make(&town),
        archive::archive(&town)
    )?;
    finish(synapse, town, users, rooms, outskirts, events).await
}

async fn town_rooms(town: &Town) -> Result<BTreeMap<&'static str, String>> {
    // The longest first, so that none of them is waited for alone at the end.
    let makings: Vec<Making<'_>> = vec![
        Box::pin(open::lobby(town)),
        Box::pin(open::harbour(town)),
        Box::pin(spaces::space(town)),
        Box::pin(open::babel(town)),
        Box::pin(open::threads(town)),
        Box::pin(versions::middle_aged(town)),
        Box::pin(upgrade::hall(town)),
        Box::pin(encrypted::vault(town)),
        Box::pin(plaza::plaza(town)),
        Box::pin(open::council(town)),
        Box::pin(private::cellar(town)),
        Box::pin(private::dm(town)),
        Box::pin(private::since(town)),
        Box::pin(open::notices(town)),
        Box::pin(comings::gate(town)),
        Box::pin(comings::revolving(town)),
        Box::pin(comings::orphan(town)),
        Box::pin(comings::late(town)),
        Box::pin(comings::waiting(town)),
        Box::pin(comings::knock(town)),
        Box::pin(plaza::sealed(town)),
        Box::pin(pending::asked(town)),
    ];
    let rooms = stream::iter(makings)
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(rooms.into_iter().flatten().collect())
}

/// Everything beside the rooms, and the counting.
async fn finish(
    synapse: &Synapse,
    town: Town,
    users: BTreeMap<&'static str, FilledUser>,
    mut rooms: BTreeMap<&'static str, String>,
    outskirts: Outskirts,
    (archive, mut events): (String, BTreeMap<&'static str, SentEvent>),
) -> Result<Filled> {
    rooms.insert("archive", archive);
    rooms.extend(outskirts.rooms);
    events.extend(outskirts.events);
    let things = things::make(synapse, &town, &users, &rooms, events, outskirts.purged).await?;
    let counts = count(synapse, town.who("alice")).await?;
    Ok(Filled {
        users,
        rooms,
        counts,
        things,
    })
}

/// What Synapse has now.
pub async fn count(synapse: &Synapse, admin: &Client) -> Result<Counts> {
    let users = synapse.users(admin).await?;
    let rooms = synapse.rooms(admin).await?;
    let closed = |user: &&serde_json::Value| user["deactivated"] == json!(true);
    let ids: Vec<&str> = rooms
        .iter()
        .filter_map(|room| room["room_id"].as_str())
        .collect();
    let (mut events, mut aliases) = (0, 0);
    let mut of_rooms = stream::iter(ids)
        .map(|room| async move {
            let events = synapse.timeline(admin, room).await?;
            let aliases = admin.aliases(room).await?;
            Result::Ok((events.len(), aliases.len()))
        })
        .buffer_unordered(PARALLEL);
    while let Some(counted) = of_rooms.next().await {
        let (of_events, of_aliases) = counted?;
        events += of_events;
        aliases += of_aliases;
    }
    Ok(Counts {
        users: users.len(),
        deactivated: users.iter().filter(closed).count(),
        rooms: rooms.len(),
        events,
        aliases,
        joined: rooms
            .iter()
            .filter_map(|room| room["joined_members"].as_u64())
            .sum(),
    })
}

//! A small town on the source, made through its real API: users, rooms of every kind, and what they said.
//!
//! The content is the same in every run; IDs, keys and times are the server's.

mod comings;
mod encrypted;
mod open;
mod people;
mod private;
mod spaces;
mod talk;
mod upgrade;
mod voices;

use std::{collections::BTreeMap, pin::Pin};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::{Result, client::Client, synapse::Synapse};

pub(in crate::lab) use self::{
    encrypted::envelope,
    people::PIXEL,
    talk::{edit, in_thread, reaction, reply},
    voices::{emoji, line},
};
pub use people::{FilledUser, ODD, password};

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

/// Fills an empty Synapse.
pub async fn fill(synapse: &Synapse) -> Result<Filled> {
    let users = people::settle(synapse).await?;
    let town = Town {
        server_name: synapse.server_name().to_string(),
        clients: users
            .iter()
            .map(|(name, user)| (*name, user.client.clone()))
            .collect(),
    };
    // The longest first, so that none of them is waited for alone at the end.
    let makings: Vec<Making<'_>> = vec![
        Box::pin(open::lobby(&town)),
        Box::pin(open::harbour(&town)),
        Box::pin(spaces::space(&town)),
        Box::pin(open::babel(&town)),
        Box::pin(open::threads(&town)),
        Box::pin(upgrade::hall(&town)),
        Box::pin(encrypted::vault(&town)),
        Box::pin(open::council(&town)),
        Box::pin(private::cellar(&town)),
        Box::pin(private::dm(&town)),
        Box::pin(private::since(&town)),
        Box::pin(open::notices(&town)),
        Box::pin(comings::gate(&town)),
        Box::pin(comings::revolving(&town)),
        Box::pin(comings::orphan(&town)),
        Box::pin(comings::late(&town)),
        Box::pin(comings::waiting(&town)),
        Box::pin(comings::knock(&town)),
    ];
    let rooms: BTreeMap<&'static str, String> = stream::iter(makings)
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?
        .into_iter()
        .flatten()
        .collect();
    synapse
        .deactivate(town.who("alice"), town.id("mallory"))
        .await?;
    let counts = count(synapse, town.who("alice")).await?;
    Ok(Filled {
        users,
        rooms,
        counts,
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

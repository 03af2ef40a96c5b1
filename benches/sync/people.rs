//! People who go on writing on Synapse.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use ferryman::lab::client::{Client, v3};
use futures::{StreamExt, stream};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How many write.
const WRITERS: usize = 30;

/// Rooms that are tried.
const TRIES: usize = 10;

/// Requests in flight.
const PARALLEL: usize = 8;

/// Who is in each room, of those who write.
pub(crate) struct People(Vec<(String, Vec<Arc<Client>>)>);

impl People {
    /// Some of a server's users, logged in by its admin.
    pub(crate) async fn of(admin: &Client) -> Result<Self> {
        let listed = admin
            .get("/_synapse/admin/v2/users?limit=200&deactivated=false&guests=false")
            .await?;
        let mut people = 0;
        let mut by_room: BTreeMap<String, Vec<Arc<Client>>> = BTreeMap::new();
        for user in listed["users"].as_array().into_iter().flatten() {
            let name = user["name"].as_str().context("no name")?;
            let path = format!("/_synapse/admin/v1/users/{name}/login");
            let Ok(session) = admin.post(&path, &json!({})).await else {
                continue;
            };
            let token = session["access_token"].as_str().context("no token")?;
            let client = Arc::new(admin.with_token(name, token));
            let Ok(rooms) = client.joined_rooms().await else {
                continue;
            };
            people += usize::from(!rooms.is_empty());
            for room in rooms {
                by_room.entry(room).or_default().push(Arc::clone(&client));
            }
            if people == WRITERS {
                break;
            }
        }
        Ok(Self(by_room.into_iter().collect()))
    }

    /// So many events a second, for so long; how many there were.
    pub(crate) async fn write(&self, rate: u64, time: Duration) -> Result<u32> {
        let mut ticks = interval(Duration::from_micros(1_000_000 / rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (until, said) = (Instant::now() + time, AtomicU32::new(0));
        let numbers = stream::unfold((ticks, 0_u64), |(mut ticks, number)| async move {
            if Instant::now() >= until {
                return None;
            }
            ticks.tick().await;
            Some((number, (ticks, number + 1)))
        });
        let said = &said;
        numbers
            .map(|number| async move {
                let events = self.once(number).await.unwrap_or_default();
                said.fetch_add(events, Ordering::Relaxed);
            })
            .buffer_unordered(PARALLEL)
            .collect::<()>()
            .await;
        Ok(said.load(Ordering::Relaxed))
    }

    /// Something that somebody does; how many events it makes.
    async fn once(&self, number: u64) -> Result<u32> {
        let mut random = SmallRng::seed_from_u64(number);
        let text = format!("Number {number}, while we move");
        // Some may only read in some of their rooms.
        let mut said = None;
        for _ in 0..TRIES {
            let (room, members) = self.0.choose(&mut random).context("no room")?;
            let client = members.choose(&mut random).context("nobody")?;
            if let Ok(event) = client.say(room, &text).await {
                said = Some((client, room, event));
                break;
            }
        }
        let (client, room, event) = said.context("nobody may say anything")?;
        match random.random_range(0..20) {
            0 => {
                let relates = json!({ "rel_type": "m.annotation", "event_id": event, "key": "+" });
                let content: Value = json!({ "m.relates_to": relates });
                client.send(room, "m.reaction", &content).await?;
                return Ok(2);
            }
            1 => {
                client.redact(room, &event, "wrong").await?;
                return Ok(2);
            }
            2 | 3 => {
                let path = v3(&["rooms", room, "receipt", "m.read", &event]);
                client.post(&path, &json!({})).await?;
            }
            _ => {}
        }
        Ok(1)
    }
}

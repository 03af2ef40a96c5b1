//! The making: the plan is carried out through Synapse's own APIs, many rooms at once.

mod account;
mod files;
mod personal;
mod room;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};

use super::plan::{Fate, Kind, PEOPLE, Plan};
use crate::lab::{Result, client::Client, synapse::Synapse};

pub(super) use account::password;

/// Requests in flight: one Synapse process answers no faster with more.
const PARALLEL: usize = 8;

/// The work in progress.
struct Making<'a> {
    synapse: &'a Synapse,
    plan: &'a Plan,
    admin: &'a Client,
    /// In the plan's order.
    clients: Vec<Client>,
    /// IDs of the rooms that are there, by their place in the plan.
    rooms: Mutex<BTreeMap<usize, String>>,
    done: AtomicUsize,
}

impl Making<'_> {
    fn who(&self, person: usize) -> &Client {
        &self.clients[person]
    }

    fn id(&self, person: usize) -> &str {
        self.who(person).user_id()
    }

    /// A room that is there.
    fn room(&self, room: usize) -> Option<String> {
        self.rooms.lock().ok()?.get(&room).cloned()
    }

    fn step(&self, what: &str, of: usize) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(100) || done == of {
            tracing::info!("{what}: {done} of {of}");
        }
    }
}

/// Fills an empty Synapse; its admin is the one that is given.
pub(super) async fn make(synapse: &Synapse, admin: &Client, plan: &Plan) -> Result<()> {
    let done = AtomicUsize::new(0);
    let clients = stream::iter(0..PEOPLE)
        .map(|person| {
            let (done, plan) = (&done, plan);
            async move {
                let client = account::make(synapse, admin, &plan.people[person]).await;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(100) {
                    tracing::info!("accounts: {done} of {PEOPLE}");
                }
                client
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let making = Making {
        synapse,
        plan,
        admin,
        clients,
        rooms: Mutex::default(),
        done: AtomicUsize::new(0),
    };
    let (spaces, others): (Vec<usize>, Vec<usize>) =
        (0..plan.rooms.len()).partition(|&room| plan.rooms[room].kind == Kind::Space);
    // A space's children come before it.
    for rooms in [others, spaces] {
        each(&rooms, async |room| {
            room::make(&making, room).await?;
            making.step("rooms", plan.rooms.len());
            Ok(())
        })
        .await?;
    }
    making.done.store(0, Ordering::Relaxed);
    let people: Vec<usize> = (0..PEOPLE).collect();
    each(&people, async |person| {
        personal::make(&making, person).await?;
        making.step("personal data", PEOPLE);
        Ok(())
    })
    .await?;
    let ending: Vec<usize> = people
        .into_iter()
        .filter(|&person| plan.people[person].fate != Fate::Stays)
        .collect();
    each(&ending, async |person| account::end(&making, person).await).await
}

/// Several at once, in about this order.
async fn each(places: &[usize], work: impl AsyncFn(usize) -> Result<()>) -> Result<()> {
    stream::iter(places)
        .map(|&place| work(place))
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

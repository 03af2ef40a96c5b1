//! Rooms that are joined and opened on the target, so that nothing is left but to send their events.

use std::{ops::Range, sync::Arc};

use anyhow::{Context as _, Result, bail};
use ferryman::{
    bundle::Bundle,
    clock::SystemClock,
    config::Config,
    demo::installation::Installation,
    engine::{Engine, ExportOptions, Joiner, Residence},
    job::Job,
    lab::{client::Client, synapse::Synapse},
    ledger::Ledger,
    migration::{
        context::{Import, Parts},
        past,
        plan::{RoomAction, RoomPlan},
        unpack,
    },
    report::page::page,
    resident::{OpenRoom, RoomGuard, Sender},
    secret::random_token,
    target::Target,
};
use futures::{StreamExt, TryStreamExt, stream};
use ruma::{OwnedEventId, OwnedUserId};
use serde_json::json;
use tempfile::TempDir;

/// Members of each room, all of them local.
const MEMBERS: usize = 10;
/// Messages in each room.
const MESSAGES: usize = 100;
/// Rooms that are filled at once.
const AT_ONCE: usize = 8;

/// Rooms that wait for their events.
pub(crate) struct Ready {
    pub(crate) rooms: Vec<Room>,
    pub(crate) import: Import,
    _residence: Residence,
    _work: TempDir,
}

/// One of them.
pub(crate) struct Room {
    pub(crate) open: Arc<OpenRoom>,
    pub(crate) plan: RoomPlan,
    _served: RoomGuard,
}

impl Room {
    /// The events that are sent, in their order.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &OwnedEventId> {
        let imported = past::openers(&self.open);
        self.open
            .timeline()
            .filter(move |id| !imported.contains(id) && !past::comes_with_the_join(&self.open, id))
    }
}

impl Ready {
    pub(crate) fn events(&self, rooms: Range<usize>) -> usize {
        let rooms = self.rooms[rooms].iter();
        rooms.map(|room| room.sent().count()).sum()
    }
}

/// People who talk in rooms; the admin, and everybody.
pub(crate) async fn fill(source: &Synapse, rooms: usize) -> Result<(Client, Vec<OwnedUserId>)> {
    let admin = source.register("admin", "an admin's", true).await?;
    let mut people = Vec::new();
    for number in 0..MEMBERS {
        people.push(
            source
                .register(&format!("user{number}"), "a user's", false)
                .await?,
        );
    }
    let people = &people;
    stream::iter(0..rooms)
        .map(|number| async move { room(number, people).await })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    let ids = people.iter().map(|person| person.user_id().parse());
    Ok((admin, ids.collect::<Result<_, _>>()?))
}

async fn room(number: usize, people: &[Client]) -> Result<()> {
    let (creator, others) = people.split_first().context("nobody is there")?;
    let options = json!({ "preset": "public_chat", "name": format!("Room {number}") });
    let room = creator.create_room(&options).await?;
    for person in others {
        person.join(&room, None).await?;
    }
    for message in 0..MESSAGES {
        let person = &people[message % people.len()];
        person.say(&room, &format!("message {message}")).await?;
    }
    Ok(())
}

/// Exports, makes the accounts, joins each room and opens its past.
pub(crate) async fn open(installation: &Installation, people: &[OwnedUserId]) -> Result<Ready> {
    let engine = Engine::new(
        Arc::new(installation.config.clone()),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    );
    let config: &Config = &engine.config;
    let job = Job::new().0;
    let options = ExportOptions::default();
    let exported = engine.export(&job, &options, Box::new(page)).await?;
    let plan = engine.plan(None, None).await?;
    let work = tempfile::tempdir()?;
    let bundle = Bundle::open(&exported.bundle, work.path())?;
    let target = Target::new(config, &engine.tokens)?;
    for person in people {
        target.register(person, Some(&random_token())).await?;
    }
    let joiner = Joiner {
        name: config.server_name.clone(),
        url: target.url().to_owned(),
        keys: target.server_keys().await?,
        wants_signed_keys: false,
    };
    let residence = engine.reside(&bundle, joiner).await?;
    let resident = Arc::clone(&residence.resident);
    let import = Import::new(Parts {
        old_server: None,
        old_accounts: None,
        sender: Sender::new(Arc::clone(&resident), Arc::new(SystemClock), target.url())?,
        ledger: Ledger::open(&work.path().join("ledger"), "bench")?,
        passwords_for_nobody: false,
        things: None,
        passwords: &work.path().join("passwords.csv"),
        admin: Some(target.admin_room().await?),
        job,
        bundle: Arc::new(bundle),
        plan,
        target,
        resident,
    })?;
    let mut rooms = Vec::new();
    for plan in &import.plan.rooms {
        rooms.push(enter(&import, plan).await?);
    }
    Ok(Ready {
        rooms,
        import,
        _residence: residence,
        _work: work,
    })
}

async fn enter(import: &Import, plan: &RoomPlan) -> Result<Room> {
    let RoomAction::Carry { joiner, join } = &plan.action else {
        bail!("{} is not carried: {:?}", plan.name, plan.action);
    };
    let (room, unreadable) =
        unpack::room(&import.bundle, &import.rooms[&plan.room_id], joiner, join)?;
    if !unreadable.is_empty() {
        bail!("{unreadable:?}");
    }
    let room = Arc::new(room);
    let served = import.resident.open(Arc::clone(&room));
    let via = &import.resident.identity.name;
    import
        .target
        .join(joiner, plan.room_id.as_str(), via)
        .await?;
    let admin = import.admin.as_ref().context("no admin room")?;
    let refused = past::open(admin, &import.target, &import.resident, &room, &import.job).await?;
    if !refused.is_empty() {
        bail!("{refused:?}");
    }
    Ok(Room {
        open: room,
        plan: plan.clone(),
        _served: served,
    })
}

//! Live traffic: what Synapse takes in goes to the target as another server's transactions would.
//!
//! Nothing here is the last word. What can't go alone waits for the next sync, which reads everything and compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, ServerName, UserId};

use super::lags::Lags;
use crate::{
    Error, Result,
    bundle::Bundle,
    clock::Clock,
    engine::{Engine, Joiner, Residence, ledger_id},
    job::{Event, Job, Lag, Phase},
    ledger::Step,
    migration::settle,
    model::pdu::PduHeader,
    resident::Sender,
    source::database::{
        DatabaseReader,
        news::{Followed, Fresh, Kind},
    },
    target::state_keys::StateKeys,
};

/// How often Synapse's database is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Milliseconds for which somebody may well look on.
const FRESH: u64 = 600_000;

/// How often it is told how far it is: then, and afterwards; in milliseconds.
const OFTEN: u64 = 2_000;
const SELDOM: u64 = 60_000;

/// Rooms under way at once, as in an import.
const ROOMS_IN_FLIGHT: usize = 4;

/// From one sync to the next.
pub(super) struct Live {
    reader: DatabaseReader,
    followed: Followed,
    passing: Passing,
    _residence: Residence,
}

/// The way to the target.
struct Passing {
    clock: Arc<dyn Clock>,
    sender: Sender,
    state_keys: StateKeys,
    wise: Wise,
    told_ms: Option<u64>,
}

/// What has come over without a sync.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Events that the next sync need not send.
    pub(super) events: BTreeSet<OwnedEventId>,
    /// How long all of them took.
    pub(super) lags: Lags,
    /// Bundles that were made on the way and are still there.
    pub(super) made: BTreeSet<PathBuf>,
    /// What the ledger knows the last sync's bundle by.
    pub(super) known: Option<String>,
    /// When the first of it was told.
    begun_ms: Option<u64>,
}

/// Which events may go.
struct Wise {
    server_name: OwnedServerName,
    /// Rooms that the target has as Synapse had them.
    rooms: BTreeSet<OwnedRoomId>,
    /// Rooms that it has otherwise, or not at all: the next sync, which comes anyhow, does for them what can be done.
    others: BTreeSet<OwnedRoomId>,
    /// Accounts that are there.
    users: BTreeSet<OwnedUserId>,
    /// Rooms of which an event could not go: whatever comes after it waits, too.
    waiting: BTreeSet<OwnedRoomId>,
}

/// What became of some events of one room.
struct Through {
    room: OwnedRoomId,
    events: Vec<(OwnedEventId, u64)>,
    is_waiting: bool,
}

impl Live {
    /// Begins where a bundle ends that has just been carried over.
    pub(super) async fn begin(engine: &Engine, bundle: &Bundle) -> Result<Self> {
        let target = engine.target()?;
        let keys = target.server_keys().await?;
        let ledger = engine.ledger(&ledger_id(bundle, &keys))?;
        let rooms = ledger.done_as(Step::Settle, settle::EQUAL)?.into_iter();
        let rooms: BTreeSet<OwnedRoomId> = rooms.filter_map(|it| it.try_into().ok()).collect();
        let others = bundle.rooms()?.into_iter().map(|room| room.room_id);
        let others = others.filter(|room| !rooms.contains(room)).collect();
        let joiner = Joiner {
            name: engine.config.server_name.clone(),
            url: target.url().to_owned(),
            keys,
            wants_signed_keys: false,
        };
        let residence = engine.reside(bundle, joiner).await?;
        let resident = Arc::clone(&residence.resident);
        let clock = Arc::clone(&engine.clock);
        let server_name = engine.config.server_name.clone();
        let position = bundle.schema().stream_position.unwrap_or_default();
        Ok(Self {
            reader: DatabaseReader::new(&engine.config.synapse, server_name.clone())?,
            followed: Followed::from(position),
            passing: Passing {
                sender: Sender::new(resident, Arc::clone(&clock), target.url())?,
                clock,
                state_keys: StateKeys::default(),
                wise: Wise {
                    server_name,
                    rooms,
                    others,
                    users: bundle.users()?.into_iter().map(|it| it.user_id).collect(),
                    waiting: BTreeSet::new(),
                },
                told_ms: None,
            },
            _residence: residence,
        })
    }

    /// Passes on what comes, until the next sync is due: at `latest`, or from `soonest` on if anything waits for it.
    pub(super) async fn run(
        &mut self,
        job: &Job,
        carried: &mut Carried,
        (soonest, latest): (u64, u64),
    ) -> Result<()> {
        loop {
            job.turn().await?;
            let fresh = self.reader.news(&mut self.followed).await?;
            let is_quiet = fresh.is_empty();
            let passed = self.passing.pass_on(job, fresh, carried).await;
            self.passing.tell(job, carried, latest);
            passed?;
            let now = self.passing.clock.now_ms();
            if now >= latest || now >= soonest && !self.passing.wise.waiting.is_empty() {
                return Ok(());
            }
            if is_quiet {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

impl Passing {
    /// Now and then: it may go on for days, and each time edits a message.
    fn tell(&mut self, job: &Job, carried: &mut Carried, latest: u64) {
        let now = self.clock.now_ms();
        let begun_ms = *carried.begun_ms.get_or_insert(now);
        let pause = if now < begun_ms + FRESH {
            OFTEN
        } else {
            SELDOM
        };
        if self.told_ms.is_some_and(|told| now < told + pause) {
            return;
        }
        self.told_ms = Some(now);
        let phase = Phase::Follow;
        job.emit(Event::Phase { phase, total: 0 });
        job.emit(Event::Done {
            phase,
            done: carried.lags.count(),
        });
        job.emit(Event::Lag(Lag {
            median_ms: carried.lags.recent_ms(),
            rooms_waiting: self.wise.waiting.len() as u64,
            next_sync_ms: latest.saturating_sub(now),
        }));
    }

    async fn pass_on(&mut self, job: &Job, fresh: Vec<Fresh>, carried: &mut Carried) -> Result<()> {
        let mut rooms = BTreeMap::<OwnedRoomId, Vec<Fresh>>::new();
        for event in fresh {
            rooms.entry(event.room_id.clone()).or_default().push(event);
        }
        let this = &*self;
        let work = rooms
            .into_iter()
            .map(|(room, events)| this.room(job, room, events));
        let mut through = stream::iter(work).buffer_unordered(ROOMS_IN_FLIGHT);
        let mut waiting = Vec::new();
        let ended = loop {
            match through.try_next().await {
                Ok(Some(Through {
                    room,
                    events,
                    is_waiting,
                })) => {
                    for (event, lag_ms) in events {
                        carried.lags.add(lag_ms);
                        carried.events.insert(event);
                    }
                    waiting.extend(is_waiting.then_some(room));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(through);
        self.wise.waiting.extend(waiting);
        ended
    }

    /// A room's events, one after the other as they came. One that can't go, or that the target does not take, keeps those
    /// behind it back.
    async fn room(&self, job: &Job, room: OwnedRoomId, fresh: Vec<Fresh>) -> Result<Through> {
        let mut events = Vec::new();
        if self.wise.others.contains(&room) {
            return Ok(Through {
                room,
                events,
                is_waiting: false,
            });
        }
        let mut is_waiting = self.wise.waiting.contains(&room) || !self.wise.rooms.contains(&room);
        for Fresh {
            kind, received_ts, ..
        } in fresh
        {
            if is_waiting {
                break;
            }
            let (line, header) = match kind {
                Kind::Hidden => continue,
                Kind::Live(live) if self.wise.knows(&live.1) => *live,
                Kind::Live(live) => {
                    tracing::info!(%room, event = %live.0.event_id, "somebody is new: the next sync carries it");
                    is_waiting = true;
                    continue;
                }
                Kind::Odd(reason) => {
                    tracing::info!(%room, reason, "an event can't go alone: the next sync carries it");
                    is_waiting = true;
                    continue;
                }
            };
            job.check()?;
            let pdus = [(&*line.event_id, &*line.pdu)];
            let brought = header.state_key.as_deref();
            let brought = brought.map(|key| (&*header.kind, key));
            let bringing = self.state_keys.bring(brought).await;
            match self
                .sender
                .send(&pdus)
                .await
                .map(|mut answers| answers.pop())
            {
                Ok(Some(None)) => {
                    bringing.met();
                    let lag_ms = self.clock.now_ms().saturating_sub(received_ts);
                    events.push((line.event_id, lag_ms));
                }
                Ok(refusal) => {
                    let reason = refusal.flatten().unwrap_or_default();
                    tracing::info!(%room, event = %line.event_id, reason, "not taken: the next sync carries it");
                    is_waiting = true;
                }
                Err(Error::Answer {
                    status: 400 | 413, ..
                }) => is_waiting = true,
                Err(error) => return Err(error),
            }
        }
        Ok(Through {
            room,
            events,
            is_waiting,
        })
    }
}

impl Wise {
    /// Whether the target has the account of everybody of ours whom an event is of or about.
    fn knows(&self, header: &PduHeader) -> bool {
        let is_known = |user: &UserId| !is_of(user, &self.server_name) || self.users.contains(user);
        let about = header.membership.as_ref().and(header.state_key.as_deref());
        let about = about.and_then(|key| <&UserId>::try_from(key).ok());
        is_known(&header.sender) && about.is_none_or(is_known)
    }
}

fn is_of(user: &UserId, server: &ServerName) -> bool {
    user.server_name() == server
}

#[cfg(test)]
mod tests {
    use ruma::{server_name, user_id};
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn header(more: &Value) -> PduHeader {
        let mut event = json!({
            "type": "m.room.message", "sender": "@alice:x", "origin_server_ts": 1, "depth": 1, "prev_events": [],
            "auth_events": [], "content": {},
        });
        let all = event.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        PduHeader::of(&to_raw_value(&event).unwrap()).unwrap()
    }

    #[test]
    fn who_is_new_waits_for_the_next_sync() {
        let wise = Wise {
            server_name: server_name!("x").to_owned(),
            rooms: BTreeSet::new(),
            others: BTreeSet::new(),
            users: BTreeSet::from([user_id!("@alice:x").to_owned()]),
            waiting: BTreeSet::new(),
        };
        let member = |who: &str| {
            header(
                &json!({ "type": "m.room.member", "state_key": who, "content": { "membership": "join" } }),
            )
        };
        for known in [
            header(&json!({})),
            header(&json!({ "sender": "@somebody:elsewhere" })),
            header(&json!({ "state_key": "@nina:x", "type": "org.example.note" })),
            member("@alice:x"),
            member("@somebody:elsewhere"),
        ] {
            assert!(wise.knows(&known), "{known:?}");
        }
        for unknown in [header(&json!({ "sender": "@nina:x" })), member("@nina:x")] {
            assert!(!wise.knows(&unknown), "{unknown:?}");
        }
    }
}

//! `sync --follow`: what is said on Synapse is on the target while it still goes on there.

use std::time::Duration;

use ferryman::{
    bundle::Page,
    demo::stage::Stage,
    engine::{Engine, FollowedUp, Following},
    job::{Event, Job, Phase},
    lab::{client::Client, fill::password},
    report::{self, page::page},
};
use serde_json::json;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use super::{MOMENT, synced};
use crate::{
    counter::Counter,
    journey::{assert_good, on_the_target},
};

/// How long anything may take before the test gives up.
const LONG: Duration = Duration::from_mins(2);

/// Follows until it is stopped.
struct Running {
    job: Job,
    events: UnboundedReceiver<Event>,
    task: JoinHandle<FollowedUp>,
}

impl Running {
    fn begin(engine: &Engine) -> Self {
        let (job, events) = Job::new();
        let (engine, watched) = (engine.clone(), job.clone());
        let following = Following {
            passwords_for_nobody: false,
            every_ms: 600_000,
        };
        let task = tokio::spawn(async move {
            let page = || -> Box<Page> { Box::new(page) };
            engine.follow(&watched, following, page).await.unwrap()
        });
        Self { job, events, task }
    }

    /// Waits for the end of the next whole sync.
    async fn follows(&mut self) {
        let begins = async {
            while let Some(event) = self.events.recv().await {
                if matches!(
                    event,
                    Event::Phase {
                        phase: Phase::Follow,
                        ..
                    }
                ) {
                    return;
                }
            }
        };
        tokio::time::timeout(LONG, begins).await.unwrap();
    }

    /// How many whole syncs have begun since somebody looked.
    fn syncs(&mut self) -> usize {
        let mut last = None;
        let mut begun = 0;
        while let Ok(event) = self.events.try_recv() {
            if let Event::Phase { phase, .. } = event {
                begun += usize::from(phase == Phase::ExportUsers && last != Some(phase));
                last = Some(phase);
            }
        }
        begun
    }

    async fn stop(self) -> FollowedUp {
        self.job.stop();
        self.task.await.unwrap()
    }
}

/// Until the room has the event there, for this user.
async fn has(user: &Client, room: &str, event: &str) {
    let comes = async {
        while user.event(room, event).await.is_err() {
            tokio::time::sleep(MOMENT).await;
        }
    };
    let came = tokio::time::timeout(LONG, comes).await;
    assert!(came.is_ok(), "{event} does not come over");
}

fn sent(counter: &Counter) -> usize {
    let changes = counter.changes();
    changes
        .iter()
        .filter(|it| it.contains("/federation/v1/send/"))
        .count()
}

pub(super) async fn events_come_over_as_they_are_said(
    stage: &Stage,
    engine: &Engine,
    counter: &Counter,
) {
    let filled = &stage.filled;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| filled.user(name));
    let (lobby, harbour) = (filled.room("lobby"), filled.room("harbour"));
    let there = on_the_target(stage, "alice").await;
    let mut running = Running::begin(engine);
    running.follows().await;
    counter.refuse(&[]);

    let mut last = String::new();
    for number in 0..25 {
        last = alice
            .say(lobby, &format!("While it goes on {number}"))
            .await
            .unwrap();
        carol
            .say(harbour, &format!("Here, too {number}"))
            .await
            .unwrap();
    }
    let wrong = bob.say(lobby, "Is it?").await.unwrap();
    let redaction = bob.redact(lobby, &wrong, "it is").await.unwrap();
    has(&there, lobby, &last).await;
    has(&there, lobby, &redaction).await;
    let emptied = there.event(lobby, &wrong).await.unwrap();
    assert_eq!(emptied["content"], json!({}));
    assert_eq!(running.syncs(), 0, "no whole sync was needed");

    // Somebody who is new there, in a room that is new: that takes one, and it comes by itself.
    let name = "latecomer";
    let newcomer = stage
        .source
        .create_user(filled.admin(), name, &password(name))
        .await
        .unwrap();
    newcomer.join(lobby, None).await.unwrap();
    let hello = newcomer.say(lobby, "Hello").await.unwrap();
    let public = json!({ "preset": "public_chat", "room_version": "11" });
    let room = newcomer.create_room(&public).await.unwrap();
    alice.join(&room, None).await.unwrap();
    has(&there, lobby, &hello).await;
    running.follows().await;
    let said = alice.say(&room, "And so on").await.unwrap();
    has(&there, &room, &said).await;
    let followed = running.stop().await;
    let full = report::follow::full(&followed);
    assert!(
        followed.is_live && followed.is_good() && !followed.is_cut_off,
        "{full}"
    );
    assert_eq!((followed.syncs, &followed.failures[..]), (2, &[][..]));
    // Those before the newcomer, and one in the new room.
    assert_eq!(followed.events, 53);
    assert!(followed.median_ms.is_some());
    let last = followed.last.unwrap();
    assert!(!last.caught_up.before.as_os_str().is_empty() && last.bundle.exists());
    let brought = usize::try_from(last.caught_up.changes.events).unwrap();

    // What came alone is not sent again, neither then nor at the end; but the room is made and joined once.
    let later = bob.say(lobby, "The last word").await.unwrap();
    let end = synced(engine).await;
    assert_eq!(end.caught_up.changes.events, 2);
    has(&there, lobby, &later).await;
    let is_known = |count: usize| (brought - 5..=brought + 3).contains(&count);
    assert!(
        is_known(sent(counter)),
        "{} transactions, {brought} events",
        sent(counter)
    );
    assert_good(&engine.verify(&crate::journey::job(), None).await.unwrap());
}

/// Nothing is said to it meanwhile, and everything afterwards, without a failure.
pub(super) async fn a_target_that_is_restarted_is_waited_for(stage: &mut Stage, engine: &Engine) {
    let there = on_the_target(stage, "alice").await;
    let mut running = Running::begin(engine);
    running.follows().await;
    let before = say(stage, "Before it goes away").await;
    has(&there, &before.0, &before.1).await;
    stage.target.server().kill();
    let while_away = say(stage, "While it is away").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.target.server().start().await.unwrap();
    has(&there, &while_away.0, &while_away.1).await;
    let after = say(stage, "Afterwards").await;
    has(&there, &after.0, &after.1).await;
    let followed = running.stop().await;
    assert!(followed.is_good(), "{}", report::follow::full(&followed));
    assert_eq!(
        (followed.syncs, followed.failed, followed.events),
        (1, 0, 3)
    );
    synced(engine).await;
    assert_good(&engine.verify(&crate::journey::job(), None).await.unwrap());
}

/// The room and the event.
async fn say(stage: &Stage, text: &str) -> (String, String) {
    let lobby = stage.filled.room("lobby").to_owned();
    let event = stage.filled.user("bob").say(&lobby, text).await.unwrap();
    (lobby, event)
}

/// A target that takes no history has each room as it was when it was joined.
pub(super) async fn without_history_there_are_only_whole_syncs(engine: &Engine) {
    let mut running = Running::begin(engine);
    running.follows().await;
    let followed = running.stop().await;
    assert!(!followed.is_live && followed.is_good());
    assert_eq!((followed.syncs, followed.events), (1, 0));
    let text = report::follow::short(&followed);
    assert!(
        text.contains("that takes Synapse's database and a Tuwunel"),
        "{text}"
    );
}

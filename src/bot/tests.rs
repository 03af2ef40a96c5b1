//! The worker with a homeserver that only remembers what it was sent, and with commands that only pretend.

mod answers;
mod details;
mod encrypted;
mod health;
mod orders;
mod unwanted;

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path_regex};

use super::*;
use crate::{
    clock::Clock,
    command::{Command, import::Import},
    config::sample,
    job::{Event, Job, Phase},
    operation::{Answer, Board, Preview, Runner},
};

const ROOM: &str = "!c:ferry.test";
const NOW: u64 = 50_000_000;

/// Commands that only pretend.
#[derive(Clone, Default)]
struct Pretend {
    board: Board,
    ran: Arc<Mutex<Vec<&'static str>>>,
    /// The plans of imports that were confirmed.
    confirmed: Arc<Mutex<Vec<Option<[u8; 32]>>>>,
}

impl Runner for Pretend {
    async fn run(&self, command: Command, job: Job) -> Result<Answer> {
        self.ran.lock().unwrap().push(command.name());
        if let Command::Import(import) = &command {
            self.confirmed.lock().unwrap().push(import.confirmed);
        }
        match command.name() {
            "import" => {
                job.emit(Event::Phase {
                    phase: Phase::Rooms,
                    total: 2,
                });
                for done in 1..=2 {
                    tokio::time::sleep(Duration::from_millis(60)).await;
                    job.emit(Event::Done {
                        phase: Phase::Rooms,
                        done,
                    });
                }
                tokio::time::sleep(Duration::from_millis(60)).await;
                Ok(Answer::of("**Carried** all".into()))
            }
            "verify" => loop {
                job.check()?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            },
            "export" => Err(Error::Busy("import".into())),
            "report" => panic!("a fault"),
            name => Ok(Answer::of(format!("answer to {name}"))),
        }
    }

    async fn preview(&self, command: Command) -> Result<Preview> {
        let command = command.confined(Path::new("/bundles"))?;
        if let Command::Import(Import {
            bundle: Some(_), ..
        }) = &command
        {
            return Err(Error::Usage(
                "there is nothing of this name: check the path".into(),
            ));
        }
        Ok(Preview {
            markdown: format!("**Plan** of {}", command.name()),
            files: Vec::new(),
            digest: Some([7; 32]),
        })
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

/// A clock whose hands are moved.
#[derive(Debug)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Stage<R = Pretend> {
    server: MockServer,
    store: Store,
    runner: R,
    stopping: watch::Sender<bool>,
    work: tokio::task::JoinHandle<Result<()>>,
    news: Arc<Notify>,
    hands: Arc<Hands>,
    health: Arc<Health>,
    pretended: Arc<encrypted::Pretended>,
}

/// A bot that works, on the data of this folder.
async fn stage(dir: &Path) -> Stage {
    later_stage(dir, NOW).await
}

/// The same, at another time.
async fn later_stage(dir: &Path, now_ms: u64) -> Stage {
    stage_of(dir, now_ms, |_| Pretend::default()).await
}

/// The same with other commands.
async fn stage_of<R: Runner>(
    dir: &Path,
    now_ms: u64,
    runner: impl FnOnce(&Arc<Hands>) -> R,
) -> Stage<R> {
    stage_with(dir, now_ms, Arc::default(), runner).await
}

/// The same with a device that only pretends, for a room that is or becomes encrypted.
async fn stage_with<R: Runner>(
    dir: &Path,
    now_ms: u64,
    pretended: Arc<encrypted::Pretended>,
    runner: impl FnOnce(&Arc<Hands>) -> R,
) -> Stage<R> {
    let server = MockServer::start().await;
    Mock::given(path_regex("/send/m.room.message/"))
        .respond_with(|request: &Request| {
            let txn = request.url.path().rsplit('/').next().unwrap_or_default();
            ResponseTemplate::new(200).set_body_json(json!({"event_id": format!("${txn}")}))
        })
        .mount(&server)
        .await;
    Mock::given(path_regex("/send/m.reaction/"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"event_id": "$reaction"})))
        .mount(&server)
        .await;
    let nothing = json!({"errcode": "M_NOT_FOUND", "error": "no such event"});
    Mock::given(path_regex("/state/"))
        .respond_with(ResponseTemplate::new(404).set_body_json(nothing))
        .with_priority(9)
        .mount(&server)
        .await;
    Mock::given(path_regex("/state/m.room.member/%40(anna|ben)"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"membership": "join"})))
        .with_priority(6)
        .mount(&server)
        .await;
    let mut config = sample(dir);
    config.operators.push("@ben:ferry.test".try_into().unwrap());
    let hands = Arc::new(Hands(AtomicU64::new(now_ms)));
    let clock: Arc<dyn Clock> = Arc::clone(&hands) as Arc<dyn Clock>;
    let store = Store::open(dir).unwrap();
    let news = Arc::new(Notify::new());
    let runner = runner(&hands);
    let (stopping, stopped) = watch::channel(false);
    let health = Arc::<Health>::default();
    let client = Client::new(&server.uri(), "AS".into(), &config.bot_id(), Duration::ZERO).unwrap();
    let device = Arc::clone(&pretended);
    let open = move || device.opened();
    let voice = Voice::new(&client, ROOM, dir, Arc::new(open)).unwrap();
    if voice.is_encrypted() {
        // As at the start.
        voice.follow().await.unwrap();
    }
    let worker = Arc::new(Worker {
        client,
        voice,
        store: store.clone(),
        runner: runner.clone(),
        config: Arc::new(config),
        clock,
        room: ROOM.into(),
        news: Arc::clone(&news),
        pace: Pace {
            first: Duration::from_millis(20),
            every: Duration::from_millis(40),
            quiet: Duration::from_mins(1),
        },
        running: Mutex::default(),
        health: Arc::clone(&health),
        stopping: watch::Sender::default(),
        again: Duration::from_millis(10),
    });
    let work = tokio::spawn(worker.work(stopped));
    Stage {
        server,
        store,
        runner,
        stopping,
        work,
        news,
        hands,
        health,
        pretended,
    }
}

impl<R> Stage<R> {
    fn hears(&self, id: &str, sender: &str, body: &str) {
        let content = json!({"msgtype": "m.text", "body": body});
        self.hears_event(
            id,
            sender,
            &json!({"type": "m.room.message", "content": content}),
        );
    }

    fn hears_event(&self, id: &str, sender: &str, event: &Value) {
        let mut event = event.clone();
        event["room_id"] = json!(ROOM);
        event["sender"] = json!(sender);
        event["event_id"] = json!(id);
        let now = self.hands.now_ms();
        event["origin_server_ts"] = json!(now);
        self.store
            .accept(id, &[(id.to_owned(), event.to_string())], now)
            .unwrap();
        self.news.notify_one();
    }

    /// What was said, once at least so many messages were.
    async fn said(&self, at_least: usize) -> Vec<Value> {
        for _ in 0..200 {
            let requests = self.server.received_requests().await.unwrap();
            let messages: Vec<Value> = requests
                .iter()
                .filter(|request| request.url.path().contains("/send/m.room.message/"))
                .map(|request| request.body_json().unwrap())
                .collect();
            if messages.len() >= at_least {
                return messages;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("fewer than {at_least} messages");
    }

    async fn stop(self) {
        self.stopping.send(true).unwrap();
        self.work.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_operators_command_is_answered_once_as_a_reply() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.hears("$1", "@anna:ferry.test", "!ferry status");
    stage.hears("$1", "@anna:ferry.test", "!ferry status");
    stage.hears("$2", "@anna:ferry.test", "!ferry dance");
    let said = stage.said(2).await;
    assert_eq!(said.len(), 2);
    let answer = said
        .iter()
        .find(|it| it["body"] == "answer to status")
        .unwrap();
    assert_eq!(answer["msgtype"], "m.notice");
    assert_eq!(answer["m.relates_to"]["m.in_reply_to"]["event_id"], "$1");
    assert!(
        said.iter()
            .any(|it| it["body"].as_str().unwrap().contains("no command dance"))
    );
    stage.stop().await;
}

#[tokio::test]
async fn a_stranger_is_refused_once_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    first.hears("$1", "@eva:ferry.test", "!ferry import");
    first.hears("$2", "@eva:ferry.test", "!ferry import");
    assert!(
        first.said(1).await[0]["body"]
            .as_str()
            .unwrap()
            .starts_with("Sorry, `@eva:ferry.test`")
    );
    first.stop().await;
    let second = stage(dir.path()).await;
    second.hears("$3", "@eva:ferry.test", "!ferry import");
    second.hears("$4", "@anna:ferry.test", "!ferry plan");
    let said = second.said(1).await;
    assert_eq!(
        (said.len(), &said[0]["body"]),
        (1, &json!("answer to plan"))
    );
    assert_eq!(*second.runner.ran.lock().unwrap(), ["plan"]);
    second.stop().await;
}

#[tokio::test]
async fn a_job_is_one_message_that_is_edited_and_a_new_one_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.hears("$0", "@anna:ferry.test", "!ferry import");
    let code = stage.said(1).await[0]["ferryman.code"].clone();
    while stage
        .store
        .waiting_as(code.as_str().unwrap())
        .unwrap()
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let confirm = format!("!ferry confirm {}", code.as_str().unwrap());
    stage.hears("$1", "@anna:ferry.test", &confirm);
    let said = loop {
        let mut said = stage.said(5).await;
        said.remove(0);
        if said.iter().any(|it| it["body"] == "Carried all") {
            break said;
        }
    };
    assert!(
        said[0]["body"]
            .as_str()
            .unwrap()
            .starts_with("import: rooms, 0 of 2")
    );
    let edits: Vec<&Value> = said
        .iter()
        .filter(|it| it.get("m.new_content").is_some())
        .collect();
    assert!(edits.len() >= 2, "{said:?}");
    for edit in &edits {
        assert_eq!(edit["m.relates_to"]["event_id"], "$ferryman-%241-progress");
    }
    let last = edits.last().unwrap()["m.new_content"]["body"]
        .as_str()
        .unwrap();
    assert!(last.starts_with("import has ended"), "{last}");
    assert_eq!(said.last().unwrap()["body"], "Carried all");
    stage.stop().await;
}

#[tokio::test]
async fn what_ends_at_once_shows_no_progress() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.hears("$1", "@anna:ferry.test", "!ferry export");
    let said = stage.said(1).await;
    assert!(
        said[0]["body"]
            .as_str()
            .unwrap()
            .contains("another job is running (import)")
    );
    stage.hears("$2", "@anna:ferry.test", "!ferry report");
    let said = stage.said(2).await;
    assert!(
        said[1]["body"]
            .as_str()
            .unwrap()
            .contains("broke off by a fault")
    );
    stage.stop().await;
}

#[tokio::test]
async fn a_stop_reaches_the_job_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage(dir.path()).await;
    stage.hears("$1", "@anna:ferry.test", "!ferry verify");
    stage.said(1).await;
    stage.stopping.send(true).unwrap();
    let said = stage.said(3).await;
    assert!(said[2]["body"].as_str().unwrap().starts_with("Stopped."));
    stage.work.await.unwrap().unwrap();
    assert!(stage.store.cut_off().unwrap().is_empty());
}

#[tokio::test]
async fn a_command_that_was_cut_off_is_told_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let first = stage(dir.path()).await;
    first.hears("$1", "@anna:ferry.test", "!ferry verify");
    first.said(1).await;
    first.work.abort();
    let second = stage(dir.path()).await;
    second.hears("$1", "@anna:ferry.test", "!ferry verify");
    let said = second.said(1).await;
    assert!(
        said[0]["body"]
            .as_str()
            .unwrap()
            .contains("restarted in the middle of this `verify`")
    );
    assert_eq!(said[0]["m.relates_to"]["m.in_reply_to"]["event_id"], "$1");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(second.runner.ran.lock().unwrap().is_empty());
    second.stop().await;
}

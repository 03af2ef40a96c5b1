//! What a job tells beside its answer: threads, stages, the picture; also when ten thousand things fail.

use super::*;
use crate::{
    job::Problem,
    migration::outcome::ImportSummary,
    operation::reports,
    report::import::{full, short},
};

/// A verification that takes two minutes by the clock, and of which so many things fail for three reasons.
#[derive(Clone)]
struct Fails {
    board: Board,
    hands: Arc<Hands>,
    failures: u64,
    dir: std::path::PathBuf,
}

impl Fails {
    fn problem(number: u64) -> Problem {
        let room = format!("!r{number}:ferry.test");
        let reason = match number % 5 {
            0 => "nobody can join: see the plan".to_owned(),
            1 => format!(
                "the target answered 500 to PUT /_matrix/client/v3/rooms/%21r{number}%3Aferry.test/send: M_UNKNOWN {}",
                "the database is locked and can't be written, ".repeat(40)
            ),
            _ => format!("the target refuses {room}: look at its log"),
        };
        Problem::new("room", &room, &reason)
    }
}

impl Runner for Fails {
    async fn run(&self, _command: Command, job: Job) -> Result<Answer> {
        let phase = |phase, total| job.emit(Event::Phase { phase, total });
        let pass = |seconds: u64| self.hands.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
        phase(Phase::VerifyUsers, 3);
        tokio::time::sleep(Duration::from_millis(60)).await;
        pass(2);
        phase(Phase::VerifyRooms, self.failures);
        let mut problems = Vec::new();
        for number in 0..self.failures {
            let problem = Self::problem(number);
            job.emit(Event::Problem(problem.clone()));
            problems.push(problem);
            job.emit(Event::Done {
                phase: Phase::VerifyRooms,
                done: number + 1,
            });
            if number % (self.failures / 10).max(1) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                pass(10);
            }
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        phase(Phase::VerifyMedia, 1);
        tokio::time::sleep(Duration::from_millis(60)).await;
        let summary = ImportSummary {
            rooms_failed: self.failures,
            problems,
            ..ImportSummary::default()
        };
        Ok(Answer {
            files: reports::write(&self.dir, NOW, "import", &full(&summary), &summary)?,
            good: false,
            ..Answer::of(short(&summary))
        })
    }

    async fn preview(&self, _command: Command) -> Result<Preview> {
        Err(Error::Usage("nothing".into()))
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

/// The peak of this process's memory in KiB, as the system has it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_failures_are_told_in_small_messages() {
    let failures = std::env::var("FERRYMAN_LAB_FAILURES").map_or(10_000, |it| it.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let before = peak();
    let stage = stage_of(dir.path(), NOW, |hands| Fails {
        board: Board::default(),
        hands: Arc::clone(hands),
        failures,
        dir: dir.path().to_owned(),
    })
    .await;
    Mock::given(path_regex("/media/v3/upload"))
        .respond_with(|request: &Request| {
            let kind = request.headers["content-type"].to_str().unwrap();
            let uri = format!("mxc://ferry.test/{}", kind.replace('/', "-"));
            ResponseTemplate::new(200).set_body_json(json!({ "content_uri": uri }))
        })
        .mount(&stage.server)
        .await;
    stage.hears("$1", "@anna:ferry.test", "!ferry verify");
    let said = loop {
        let said = stage.said(6).await;
        if said.iter().filter(|it| it["msgtype"] == "m.file").count() == 2 {
            break said;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let biggest = said.iter().map(|it| it.to_string().len()).max().unwrap();
    assert!(biggest < 40 * 1024, "{biggest}");

    let root = "$ferryman-%241-progress";
    let in_thread: Vec<_> = said
        .iter()
        .filter(|it| it["m.relates_to"]["rel_type"] == "m.thread")
        .collect();
    assert!((1..=3).contains(&in_thread.len()), "{}", in_thread.len());
    for message in &in_thread {
        let relation = &message["m.relates_to"];
        assert_eq!(relation["event_id"], root);
        assert_eq!(relation["is_falling_back"], true);
        assert_eq!(relation["m.in_reply_to"]["event_id"], root);
    }
    let details: String = in_thread
        .iter()
        .map(|it| it["body"].as_str().unwrap())
        .collect();
    assert_eq!(details.matches("nobody can join").count(), 1, "{details}");

    // The long stage is told to everybody; the short ones are not.
    let part = |it: &&Value| it["ferryman.part"].as_str().unwrap().to_owned();
    let stages: Vec<_> = said
        .iter()
        .filter(|it| part(it).starts_with("stage-"))
        .map(|it| it["body"].as_str().unwrap())
        .collect();
    assert_eq!(stages.len(), 1, "{stages:?}");
    assert!(
        stages[0].starts_with("verify: comparing rooms: all "),
        "{stages:?}"
    );

    let picture = said.iter().find(|it| it["msgtype"] == "m.image").unwrap();
    assert_eq!(picture["url"], "mxc://ferry.test/image-png");
    assert_eq!(picture["info"]["mimetype"], "image/png");
    assert!(picture["info"]["size"].as_u64().unwrap() > 1_000);
    let words = picture["body"].as_str().unwrap();
    assert!(
        words.starts_with("Chart of the verify, which took"),
        "{words}"
    );

    let answer = said.iter().find(|it| part(it) == "answer").unwrap();
    let body = answer["body"].as_str().unwrap();
    assert!(body.contains("things could not be done"), "{body}");
    let groups: Vec<_> = body
        .lines()
        .filter(|line| line.contains(" × room"))
        .collect();
    assert_eq!(groups.len(), 3, "{body}");
    assert!(body.len() < 4_000, "{} bytes", body.len());
    println!(
        "{failures} failures: {} messages, the largest of {biggest} bytes; memory from {before} to {} KiB",
        said.len(),
        peak()
    );
    stage.stop().await;
}

#[tokio::test]
async fn details_that_the_target_does_not_take_come_with_the_next_ones() {
    let dir = tempfile::tempdir().unwrap();
    let stage = stage_of(dir.path(), NOW, |hands| Fails {
        board: Board::default(),
        hands: Arc::clone(hands),
        failures: 20,
        dir: dir.path().to_owned(),
    })
    .await;
    let no = json!({"errcode": "M_FORBIDDEN", "error": "no"});
    Mock::given(path_regex("/send/m.room.message/ferryman-%241-detail-"))
        .respond_with(ResponseTemplate::new(403).set_body_json(no))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&stage.server)
        .await;
    stage.hears("$1", "@anna:ferry.test", "!ferry verify");
    let said = loop {
        let said = stage.said(4).await;
        if said.iter().any(|it| it["ferryman.part"] == "answer") {
            break said;
        }
    };
    let details: Vec<_> = said
        .iter()
        .filter(|it| it["m.relates_to"]["rel_type"] == "m.thread")
        .collect();
    // The one that was refused comes first again, as the same message.
    assert!(details.len() >= 3, "{details:?}");
    assert_eq!(details[0], details[1]);
    assert_ne!(details[1]["ferryman.part"], details[2]["ferryman.part"]);
    stage.stop().await;
}

//! `ferryman run` as a service that is looked after by machines, with an import in the room.

use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

use ferryman::{
    demo::{room::ControlRoom, stage::Stage},
    lab::names::free_port,
};
use serde_json::json;

use super::{
    exposition::{Samples, parse},
    lines,
    systemd::Systemd,
};
use crate::{
    shell::ferryman,
    targets::{Target, each_target},
};

/// Enough for a job in the room.
const PATIENCE: Duration = Duration::from_mins(5);

/// `ferryman run`, killed with the value.
struct Running {
    child: Child,
    base: String,
    http: reqwest::Client,
}

impl Running {
    fn start(stage: &Stage, systemd: &Systemd, room: &str) -> Self {
        let listen = format!("127.0.0.1:{}", free_port().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_ferryman"))
            .arg("--config")
            .arg(&stage.installation.file)
            .arg("run")
            .env("FERRYMAN_LOG", "error")
            .env("FERRYMAN_METRICS_LISTEN", &listen)
            .env("FERRYMAN_BOT_CONTROL_ROOM", room)
            .env("NOTIFY_SOCKET", &systemd.path)
            .env("WATCHDOG_USEC", "2000000")
            .env_remove("WATCHDOG_PID")
            .spawn()
            .unwrap();
        Self {
            child,
            base: format!("http://{listen}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// Status and text of a page; nothing while nobody listens.
    async fn page(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Waits until a page has this status.
    async fn shows(&self, path: &str, status: u16) -> String {
        let start = Instant::now();
        let mut last = None;
        while start.elapsed() < Duration::from_mins(1) {
            last = self.page(path).await;
            match last {
                Some((got, text)) if got == status => return text,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        panic!("{path} does not show {status}: {last:?}");
    }

    async fn metrics(&self) -> Samples {
        let page = self.shows("/metrics", 200).await;
        parse(&page).unwrap_or_else(|error| panic!("{error}\n{page}"))
    }

    fn end(mut self) -> i32 {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended as it should.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_look_after_a_run() {
    each_target("a run that machines look after", async |target| {
        let mut stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let systemd = Systemd::listen(stage.installation.folder());
        let operator = stage.target.operator.clone();
        let id = operator
            .create_room(&json!({ "preset": "private_chat", "name": "Ours" }))
            .await
            .unwrap();
        let running = Running::start(&stage, &systemd, &id);
        // It waits for its invite.
        let why = running.shows("/ready", 503).await;
        assert!(why.starts_with("starting: "), "{why}");
        assert_eq!(running.page("/live").await.unwrap().0, 200);
        assert_eq!(running.metrics().await["ferryman_ready"], 0);
        systemd
            .hears(|line| line.starts_with("STATUS=starting"))
            .await;
        assert!(!systemd.heard().contains(&"READY=1".to_owned()));
        let bot = stage.installation.config.bot_id();
        operator.invite(&id, &bot).await.unwrap();
        running.shows("/ready", 200).await;
        systemd.hears(|line| line == "READY=1").await;

        exported_in_the_shell(&stage);
        let mut room = ControlRoom::of(&operator, &id);
        let (seen, answer) = import(&running, &mut room).await;
        a_running_import_is_seen(&seen);
        systemd
            .hears(|line| line.starts_with("STATUS=import: "))
            .await;
        all_is_there(&running.metrics().await, &stage, target);
        assert!(answer.contains("room"), "{answer}");
        let alive = systemd
            .heard()
            .iter()
            .filter(|line| *line == "WATCHDOG=1")
            .count();
        assert!(alive >= 2, "{:?}", systemd.heard());

        looked_at_in_the_shell(&stage);
        stage.target.server().kill();
        let why = running.shows("/ready", 503).await;
        assert!(why.contains("does not answer the bot"), "{why}");
        assert_eq!(running.page("/live").await.unwrap().0, 200);
        stage.target.server().start().await.unwrap();
        running.shows("/ready", 200).await;
        assert_eq!(running.end(), 0);
        systemd.hears(|line| line == "STOPPING=1").await;
    })
    .await;
}

/// Jobs of the shell are seen, too.
fn exported_in_the_shell(stage: &Stage) {
    let told = lines::of(stage, &["export", "--json"], 0);
    let of = |event: &str| {
        told.iter()
            .filter(|line| line["event"] == event)
            .collect::<Vec<_>>()
    };
    let counts = stage.filled.counts;
    assert_eq!(told[0]["event"], "begin");
    assert_eq!(told[0]["command"], "export");
    let phases: Vec<_> = of("phase").iter().map(|line| &line["phase"]).collect();
    assert!(
        phases.len() >= 3 && phases.contains(&&json!("export_rooms")),
        "{phases:?}"
    );
    let last = of("progress").pop().unwrap();
    assert!(last["done"].is_u64() && last["problems"] == 0, "{last}");
    let answer = of("answer").pop().unwrap();
    assert_eq!(answer["data"]["rooms"], counts.rooms as u64);
    assert_eq!(answer["data"]["events"], counts.events as u64);
}

/// Imports in the room; every page of metrics that was seen meanwhile, and the answer.
async fn import(running: &Running, room: &mut ControlRoom<'_>) -> (Vec<Samples>, String) {
    let mut seen = Vec::new();
    let ask = room.ask("import", PATIENCE);
    tokio::pin!(ask);
    loop {
        tokio::select! {
            answer = &mut ask => return (seen, answer.unwrap().join("\n")),
            samples = running.metrics() => {
                seen.push(samples);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn a_running_import_is_seen(seen: &[Samples]) {
    let runs = "ferryman_job_running{job=\"import\"}";
    let running: Vec<_> = seen.iter().filter(|samples| samples[runs] > 0).collect();
    assert!(!running.is_empty(), "of {} pages", seen.len());
    let phases: Vec<_> = running
        .iter()
        .flat_map(|samples| samples.keys())
        .filter(|name| name.starts_with("ferryman_phase_units{phase="))
        .collect();
    assert!(
        phases.iter().any(|name| name.contains("\"rooms\"")),
        "{phases:?}"
    );
    let started = "ferryman_job_started_timestamp_seconds";
    assert!(
        running
            .iter()
            .any(|samples| samples.get(started) > Some(&1))
    );
}

fn all_is_there(samples: &Samples, stage: &Stage, target: Target) {
    let get = |name: &str| {
        samples
            .get(name)
            .copied()
            .unwrap_or_else(|| panic!("{name}: {samples:?}"))
    };
    assert_eq!(get("ferryman_job_running{job=\"import\"}"), 0);
    assert!(!samples.contains_key("ferryman_job_events"), "{samples:?}");
    assert_eq!(get("ferryman_rooms"), stage.filled.counts.rooms as u64);
    assert_eq!(get("ferryman_rooms_done"), get("ferryman_rooms"));
    assert_eq!(get("ferryman_accounts_done"), get("ferryman_accounts"));
    assert!(get("ferryman_transactions_total{outcome=\"kept\"}") > 0);
    assert!(get("ferryman_last_transaction_timestamp_seconds") > 1);
    assert!(get("ferryman_last_heartbeat_timestamp_seconds") > 1);
    assert!(get("ferryman_memory_bytes") > 1_000_000);
    let success = |job: &str| {
        get(&format!(
            "ferryman_job_last_success_timestamp_seconds{{job=\"{job}\"}}"
        ))
    };
    assert!(success("export") > 1);
    assert_eq!(success("verify"), 0);
    let good = get("ferryman_commands_total{outcome=\"good\"}");
    if target == Target::Tuwunel {
        assert!(get("ferryman_events_done") > 0);
        assert!(success("import") > 1);
        assert_eq!(good, 1);
    }
    // Nothing was ordered but the import and, perhaps, its confirmation.
    assert!(good + get("ferryman_commands_total{outcome=\"incomplete\"}") >= 1);
}

fn looked_at_in_the_shell(stage: &Stage) {
    let status = lines::of(stage, &["status", "--json"], 0);
    let answer = status.last().unwrap();
    assert_eq!(answer["data"]["rooms"][0], stage.filled.counts.rooms as u64);
    assert_eq!(status.len(), 2);
    // A plan is one document, wherever the word stands.
    let file = stage.installation.file.display().to_string();
    for words in [["plan", "--json"], ["--json", "plan"]] {
        let words: Vec<&str> = ["--config", &file].into_iter().chain(words).collect();
        let (code, out, err) = ferryman(stage.installation.folder(), &words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
        let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            plan["rooms"].as_array().unwrap().len(),
            stage.filled.counts.rooms
        );
    }
}

//! The pages, and the sample board.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use clap::Parser;
use tower::ServiceExt;

use super::{
    health::Tally,
    metrics::{Facts, text},
    *,
};
use crate::{
    clock::FixedClock,
    command::docs,
    config::{Tokens, sample},
    job::{Event, Phase},
    migration::outcome::Status,
    operation::post,
    report::progress::{Counts, Progress},
};

/// Everything that may be told.
fn facts() -> Facts {
    Facts {
        live: true,
        ready: true,
        job: Some("import".into()),
        counts: Some(Counts {
            phase: Some(Phase::Rooms),
            done: 3,
            total: 12,
            events: 1_200,
            events_total: Some(48_000),
            problems: 1,
            started_ts: 5_000,
            ..Counts::default()
        }),
        status: Some(Status {
            bundle: Some("b.tar.zst".into()),
            accounts: (22, 23),
            rooms: (3, 12),
            media: (4, 5),
            events: 1_199,
            failed: 2,
            running: None,
        }),
        successes: BTreeMap::from([("export", 4_000)]),
        tally: Tally {
            good: 1,
            refused: 2,
            transactions: 3,
            transaction_ts: 9_999,
            ..Tally::default()
        },
        memory: Some(50_000_000),
    }
}

/// With each type behind its help, so that the page is shorter.
fn beside_the_help(page: &str) -> String {
    let mut lines = Vec::<String>::new();
    for line in page.lines() {
        let kind = line
            .strip_prefix("# TYPE ")
            .and_then(|it| it.split_once(' '));
        match (kind, lines.last_mut()) {
            (Some((_, kind)), Some(help)) => *help = format!("{help} ({kind})"),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

#[test]
fn everything_that_is_told() {
    let text = text(&facts()).unwrap();
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let text = beside_the_help(&text);
    insta::assert_snapshot!(text, @r#"
    # HELP ferryman_accounts Accounts of the bundle that are to be carried over. (gauge)
    ferryman_accounts 23
    # HELP ferryman_accounts_done Accounts that are carried over. (gauge)
    ferryman_accounts_done 22
    # HELP ferryman_build_info The program's version. (gauge)
    ferryman_build_info{version="VERSION"} 1
    # HELP ferryman_commands_total Commands of the control room by how they ended, since the start. (counter)
    ferryman_commands_total{outcome="failed"} 0
    ferryman_commands_total{outcome="good"} 1
    ferryman_commands_total{outcome="incomplete"} 0
    ferryman_commands_total{outcome="refused"} 2
    # HELP ferryman_events_done Events that are carried over. (gauge)
    ferryman_events_done 1199
    # HELP ferryman_job_bytes Bytes of media that it has carried in this run. (gauge)
    ferryman_job_bytes 0
    # HELP ferryman_job_bytes_expected Bytes of media that were left when it began. (gauge)
    ferryman_job_bytes_expected 0
    # HELP ferryman_job_events Events of the running job that are through, those of earlier runs included. (gauge)
    ferryman_job_events 1200
    # HELP ferryman_job_events_expected Events that its phase works through in all; 0 where that is not known. (gauge)
    ferryman_job_events_expected 48000
    # HELP ferryman_job_last_success_timestamp_seconds When the job last ended with nothing undone, also in the shell; 0 if never. (gauge)
    ferryman_job_last_success_timestamp_seconds{job="export"} 4
    ferryman_job_last_success_timestamp_seconds{job="import"} 0
    ferryman_job_last_success_timestamp_seconds{job="sync"} 0
    ferryman_job_last_success_timestamp_seconds{job="verify"} 0
    # HELP ferryman_job_paused Whether it waits because somebody asked it to. (gauge)
    ferryman_job_paused 0
    # HELP ferryman_job_problems What the running job could not do so far. (gauge)
    ferryman_job_problems 1
    # HELP ferryman_job_running Whether the job runs, here or in another process of this installation. (gauge)
    ferryman_job_running{job="export"} 0
    ferryman_job_running{job="import"} 1
    ferryman_job_running{job="sync"} 0
    ferryman_job_running{job="verify"} 0
    # HELP ferryman_job_started_timestamp_seconds When the running job began. (gauge)
    ferryman_job_started_timestamp_seconds 5
    # HELP ferryman_last_heartbeat_timestamp_seconds When the target last answered the bot's heartbeat; 0 before that. (gauge)
    ferryman_last_heartbeat_timestamp_seconds 0
    # HELP ferryman_last_transaction_timestamp_seconds When the target's last transaction was kept; 0 before the first. (gauge)
    ferryman_last_transaction_timestamp_seconds 9
    # HELP ferryman_ledger_readable Whether the ledger can be read. (gauge)
    ferryman_ledger_readable 1
    # HELP ferryman_live Whether the bot's loop turns. (gauge)
    ferryman_live 1
    # HELP ferryman_media_files Media files of the bundle that are to be carried over. (gauge)
    ferryman_media_files 5
    # HELP ferryman_media_files_done Media files that are carried over. (gauge)
    ferryman_media_files_done 4
    # HELP ferryman_memory_bytes Resident memory of the process. (gauge)
    ferryman_memory_bytes 50000000
    # HELP ferryman_phase_done Units of the running job's phase that are through. (gauge)
    ferryman_phase_done{phase="rooms"} 3
    # HELP ferryman_phase_units Units of the running job's phase; 0 where they are not known. (gauge)
    ferryman_phase_units{phase="rooms"} 12
    # HELP ferryman_ready Whether the bot can obey. (gauge)
    ferryman_ready 1
    # HELP ferryman_rooms Rooms of the bundle that are to be carried over. (gauge)
    ferryman_rooms 12
    # HELP ferryman_rooms_done Rooms that are carried over. (gauge)
    ferryman_rooms_done 3
    # HELP ferryman_steps_failed What could not be carried over so far. (gauge)
    ferryman_steps_failed 2
    # HELP ferryman_sync_lag_milliseconds How long the latest events took from Synapse to the target (the median), while `sync --follow` runs; else 0. (gauge)
    ferryman_sync_lag_milliseconds 0
    # HELP ferryman_sync_rooms_waiting Rooms that wait for the next whole sync, while `sync --follow` runs. (gauge)
    ferryman_sync_rooms_waiting 0
    # HELP ferryman_transactions_total Transactions of the target, since the start. (counter)
    ferryman_transactions_total{outcome="failed"} 0
    ferryman_transactions_total{outcome="kept"} 3
    "#);
}

#[test]
fn without_a_job_and_a_ledger_there_is_less() {
    let text = text(&Facts::default()).unwrap();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    insta::assert_snapshot!(samples.join("\n").replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
    ferryman_build_info{version="VERSION"} 1
    ferryman_commands_total{outcome="failed"} 0
    ferryman_commands_total{outcome="good"} 0
    ferryman_commands_total{outcome="incomplete"} 0
    ferryman_commands_total{outcome="refused"} 0
    ferryman_job_last_success_timestamp_seconds{job="export"} 0
    ferryman_job_last_success_timestamp_seconds{job="import"} 0
    ferryman_job_last_success_timestamp_seconds{job="sync"} 0
    ferryman_job_last_success_timestamp_seconds{job="verify"} 0
    ferryman_job_running{job="export"} 0
    ferryman_job_running{job="import"} 0
    ferryman_job_running{job="sync"} 0
    ferryman_job_running{job="verify"} 0
    ferryman_last_heartbeat_timestamp_seconds 0
    ferryman_last_transaction_timestamp_seconds 0
    ferryman_ledger_readable 0
    ferryman_live 0
    ferryman_ready 0
    ferryman_transactions_total{outcome="failed"} 0
    ferryman_transactions_total{outcome="kept"} 0
    "#);
}

/// Words that look like our metrics' names.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("ferryman_") && *word != "ferryman_phase_")
        .collect()
}

#[test]
fn board_and_page_know_what_is_told_and_nothing_else() {
    let board = include_str!("../../config/grafana-board.json");
    let parsed: serde_json::Value = serde_json::from_str(board).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 5);
    let text = text(&facts()).unwrap();
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert_eq!(names(board), told);
    assert_eq!(names(include_str!("../../docs/unattended.md")), told);
}

#[test]
fn the_sample_unit_starts_what_tells_systemd() {
    let unit = include_str!("../../config/ferryman.service");
    let value = |key: &str| {
        let mut lines = unit.lines().filter_map(|line| line.strip_prefix(key));
        let only = lines.next().unwrap();
        assert_eq!(lines.next(), None, "{key}");
        only
    };
    assert_eq!(value("Type="), "notify");
    let words = value("ExecStart=").split(' ');
    let cli = crate::cli::args::Cli::try_parse_from(words).unwrap();
    assert!(matches!(cli.command, crate::cli::args::Order::Run));
    for code in value("RestartPreventExitStatus=").split(' ') {
        let code: u8 = code.parse().unwrap();
        assert!(docs::EXIT_CODES.iter().any(|(known, _)| *known == code));
    }
}

fn monitor(dir: &std::path::Path) -> Monitor {
    let token = || "token".into();
    Monitor {
        health: Arc::default(),
        engine: Engine::new(
            Arc::new(sample(dir)),
            Arc::new(Tokens {
                bot_as: token(),
                bot_hs: token(),
                puppets_as: token(),
                puppets_hs: token(),
            }),
            Arc::new(FixedClock(9_000)),
        ),
        board: Board::default(),
    }
}

async fn page(monitor: &Monitor, path: &str) -> (u16, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = listener::router(monitor.clone())
        .oneshot(request)
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type");
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_pages_say_how_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let monitor = monitor(dir.path());
    assert_eq!(page(&monitor, "/live").await.0, 200);
    let (status, _, why) = page(&monitor, "/ready").await;
    assert_eq!(status, 503);
    assert!(why.starts_with("starting: "), "{why}");
    monitor.health.entered();
    let (status, _, text) = page(&monitor, "/ready").await;
    assert_eq!((status, text.as_str()), (200, "ready\n"));
    let (status, kind, text) = page(&monitor, "/metrics").await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4"));
    assert!(text.contains("\nferryman_ready 1\n"), "{text}");
    assert!(text.contains("\nferryman_ledger_readable 1\n"), "{text}");
    assert!(!text.contains("ferryman_phase_done"), "{text}");
    assert_eq!(page(&monitor, "/").await.0, 404);
}

#[tokio::test]
async fn a_job_of_this_process_is_told_with_its_phase() {
    let dir = tempfile::tempdir().unwrap();
    let monitor = monitor(dir.path());
    let mut progress = Progress::new("import", 1_000);
    let (phase, total) = (Phase::Rooms, 40);
    progress.apply(Event::Phase { phase, total }, 1_000);
    progress.apply(Event::Done { phase, done: 9 }, 2_000);
    post(&monitor.board, Some(progress));
    let (_, _, text) = page(&monitor, "/metrics").await;
    for line in [
        "ferryman_phase_done{phase=\"rooms\"} 9",
        "ferryman_phase_units{phase=\"rooms\"} 40",
        "ferryman_job_started_timestamp_seconds 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let mut monitor = monitor(dir.path());
    let mut config = sample(dir.path());
    config.metrics.listen = Some(address);
    monitor.engine.config = Arc::new(config);
    let error = monitor.begin().await.err().unwrap();
    assert_eq!(error.exit_code(), 3);
    insta::assert_snapshot!(error.to_string().replace(&address.to_string(), "ADDRESS"), @"metrics.listen: ADDRESS can't be used (Address already in use (os error 98)): stop what listens there, or choose another");
}

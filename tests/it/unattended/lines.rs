//! `--json`.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use ferryman::demo::stage::Stage;
use serde_json::Value;

use crate::{
    journey::export,
    shell::{config, ferryman},
    targets::tuwunel_or_skip,
};

/// Every line of standard output.
fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a command of a stage's installation tells, which ends with this code.
pub(crate) fn of(stage: &Stage, words: &[&str], code: i32) -> Vec<Value> {
    let file = stage.installation.file.display().to_string();
    let words: Vec<&str> = words.iter().copied().chain(["--config", &file]).collect();
    let (got, out, err) = ferryman(stage.installation.folder(), &words);
    assert_eq!((got, err.as_str()), (code, ""), "{words:?}: {out}");
    let lines = lines(&out);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["exit"]),
        (&"answer".into(), &code.into())
    );
    assert!(lines.iter().all(|line| line["ts"].is_u64()), "{out}");
    lines
}

#[test]
fn a_failure_is_the_last_line_and_has_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    for (words, code, part) in [
        (&["imprt", "--json"][..], 2, "did you mean import?"),
        (&["--json", "status", "--config", "no.toml"], 3, "no.toml"),
        (
            &["export", "--json", "--config", &path],
            4,
            "does not answer",
        ),
        (
            &["plan", "--json", "--config", &path],
            3,
            "ferryman registration",
        ),
        (&["run", "--json", "--config", &path], 2, "leave --json out"),
    ] {
        let (got, out, err) = ferryman(dir.path(), words);
        let lines = lines(&out);
        let last = lines.last().unwrap();
        assert_eq!((got, &last["event"]), (code, &"error".into()), "{words:?}");
        assert_eq!(last["exit"], code, "{words:?}");
        let message = last["message"].as_str().unwrap();
        assert!(message.contains(part), "{words:?}: {message}");
        assert!(err.contains(message), "{words:?}: {err}");
    }
}

#[test]
fn an_answer_is_the_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    for (words, data) in [
        (&["status", "--json", "--config", &path][..], "/data/events"),
        (&["--json", "audit", "--config", &path], "/data"),
        (
            &["check-config", "--json", "--config", &path],
            "/data/0/key",
        ),
        (&["help", "import", "--json"], "/markdown"),
    ] {
        let (code, out, err) = ferryman(dir.path(), words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
        let lines = lines(&out);
        let last = lines.last().unwrap();
        assert_eq!(last["event"], "answer", "{words:?}");
        assert_eq!((&last["good"], &last["exit"]), (&true.into(), &0.into()));
        assert!(
            last.pointer(data).is_some_and(|value| !value.is_null()),
            "{words:?}: {last}"
        );
        assert!(!out.contains("s3cret"));
    }
}

/// An import that is told to stop when it has the first room in hand: its code and its last line.
fn stopped(stage: &Stage) -> (i32, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .args(["--json", "import", "--config"])
        .arg(&stage.installation.file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let (mut last, mut told) = (Value::Null, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        if last["event"] == "room" && !std::mem::replace(&mut told, true) {
            let kill = Command::new("kill").args(["-TERM", &pid]).status();
            assert!(kill.unwrap().success());
        }
    }
    (child.wait().unwrap().code().unwrap(), last)
}

/// An import by machine, as it is told; then the comparison.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_tells_its_lines() {
    if !tuwunel_or_skip("lines of an import") {
        return;
    }
    let stage = Stage::set(true).await.unwrap();
    export(&stage.engine()).await;
    let (code, last) = stopped(&stage);
    assert_eq!((code, &last["event"]), (10, &"error".into()), "{last}");
    assert_eq!(last["exit"], 10);
    let told = of(&stage, &["import", "--json"], 0);
    let named = |event: &str| -> Vec<&Value> {
        told.iter().filter(|line| line["event"] == event).collect()
    };
    let phases: Vec<_> = named("phase").iter().map(|line| &line["phase"]).collect();
    assert!(phases.contains(&&"rooms".into()), "{phases:?}");
    let left = named("room_left").len();
    assert!((1..=stage.filled.counts.rooms).contains(&left), "{left}");
    assert_eq!(
        told.iter()
            .rfind(|line| line["event"] == "progress")
            .unwrap()["problems"],
        0
    );
    // Once a second, but for the last one.
    let times: Vec<u64> = named("progress")
        .iter()
        .map(|line| line["ts"].as_u64().unwrap())
        .collect();
    let [times @ .., _last] = &times[..] else {
        panic!("no progress");
    };
    assert!(
        times.windows(2).all(|two| two[1] >= two[0] + 900),
        "{times:?}"
    );
    let answer = told.last().unwrap();
    assert_eq!(answer["good"], true);
    assert!(answer["data"]["elapsed_ms"].is_u64(), "{answer}");
    let files = answer["files"].as_array().unwrap();
    assert!(
        files
            .iter()
            .all(|file| Path::new(file.as_str().unwrap()).is_file())
    );
    let verified = of(&stage, &["--json", "verify"], 0);
    assert_eq!(verified.last().unwrap()["good"], true);
}

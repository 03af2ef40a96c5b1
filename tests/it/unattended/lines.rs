//! `--json`.

use ferryman::demo::stage::Stage;
use serde_json::Value;

use crate::shell::{config, ferryman};

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

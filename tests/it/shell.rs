//! The program itself: what it prints, where, and with which exit code. No server is needed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

pub(crate) fn config(dir: &Path) -> String {
    let text = format!(
        "server_name = \"ferry.test\"\noperators = [\"@anna:ferry.test\"]\ndata_dir = \"{}\"\n\
         [synapse]\nurl = \"http://127.0.0.1:9\"\nadmin_token = \"s3cret\"\n\
         [tuwunel]\nurl = \"http://localhost:9\"\n[bot]\nregistration_dir = \"{}\"\n",
        dir.join("data").display(),
        dir.join("registration").display(),
    );
    let path = dir.join("ferryman.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

pub(crate) fn ferryman(dir: &Path, words: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .args(words)
        .current_dir(dir)
        .env_remove("FERRYMAN_CONFIG")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn failures_are_one_line_with_the_documented_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/ferryman.toml");
    for (words, code, part) in [
        (&["imprt"][..], 2, "did you mean import?"),
        (&["plan", "--jsn"], 2, "--json"),
        (&["help", "dance"], 2, "no command dance"),
        (&["check-config"], 3, "server_name is missing"),
        (&["check-config", "--config", "no.toml"], 3, "no.toml"),
        (
            &["check-config", "--config", sample],
            3,
            "the sample's value",
        ),
        (&["run", "--config", &path], 3, "ferryman registration"),
        (
            &["doctor", "--config", &path, "--config", &path],
            2,
            "--config",
        ),
    ] {
        let (got, out, err) = ferryman(dir.path(), words);
        assert_eq!(got, code, "{words:?}: {err}");
        assert!(
            err.starts_with("ferryman: ") && err.contains(part),
            "{words:?}: {err}"
        );
        assert_eq!((err.lines().count(), out.as_str()), (1, ""), "{words:?}");
    }
}

#[test]
fn answers_go_to_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    for (words, part) in [
        (&["help"][..], "Usage: ferryman"),
        (&["help", "import"], "Example: ferryman import"),
        (&["--help"], "check-config"),
        (&["--version"], "ferryman "),
        (
            &["check-config", "--config", &path],
            "synapse.admin_token      set",
        ),
        (
            &["registration", "--config", &path],
            "make-user-admin @ferryman:ferry.test",
        ),
        (&["report", "--config", &path], "There is no report yet"),
    ] {
        let (code, out, err) = ferryman(dir.path(), words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
        assert!(out.contains(part), "{words:?}: {out}");
        assert!(!out.contains("s3cret"));
    }
}

#[test]
fn a_running_job_keeps_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    assert_eq!(
        ferryman(dir.path(), &["registration", "--config", &path]).0,
        0
    );
    let _lock = ferryman::operation::lock::JobLock::take(
        &dir.path().join("data"),
        "export",
        "@anna:ferry.test",
    )
    .unwrap();
    let (code, _, err) = ferryman(dir.path(), &["import", "--config", &path]);
    assert_eq!(code, 9, "{err}");
    assert!(err.contains("another job is running (export, ordered by @anna:ferry.test)"));
}

#[test]
fn a_server_that_does_not_answer_has_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path());
    let (code, _, err) = ferryman(dir.path(), &["export", "--config", &path]);
    assert_eq!(code, 4, "{err}");
    assert!(
        err.lines().last().unwrap().contains("does not answer"),
        "{err}"
    );
}

//! The program as an operator has installed it: with the stage's configuration.

use std::process::{Command, Output};

use ferryman::demo::stage::Stage;

/// `ferryman …`, quiet but for errors.
pub(crate) fn ferryman(stage: &Stage, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferryman"));
    command
        .arg("--config")
        .arg(&stage.installation.file)
        .args(words)
        .env("FERRYMAN_LOG", "error");
    command
}

/// The same to its end, with one setting changed in the environment.
pub(crate) fn ended(stage: &Stage, words: &[&str], change: Option<(&str, &str)>) -> Output {
    ferryman(stage, words).envs(change).output().unwrap()
}

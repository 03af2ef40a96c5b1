//! A filled Synapse, and the program that reads it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use ferryman::{
    demo::installation::{Between, Installation},
    job::Problem,
    lab::{
        fill::{Filled, fill_wholly, source_options},
        names::Names,
        synapse::{Database, Synapse},
    },
};
use tempfile::TempDir;

/// Which reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Api,
    Database,
}

/// Everything that runs for an export.
pub(super) struct Source {
    pub(super) synapse: Synapse,
    pub(super) filled: Filled,
    pub(super) installation: Installation,
    /// Where the bundles go.
    pub(super) dir: TempDir,
}

/// How an export ended.
pub(super) struct Export {
    pub(super) path: PathBuf,
    pub(super) code: Option<i32>,
    /// Standard output.
    pub(super) said: String,
    /// The last line of standard error.
    pub(super) failure: String,
}

impl Source {
    pub(super) async fn fill(database: Database) -> Self {
        let names = Names::fresh().unwrap();
        let mut options = source_options(names.server_name.clone());
        options.database = database;
        let synapse = Synapse::start(options).await.unwrap();
        let filled = Box::pin(fill_wholly(&synapse)).await.unwrap();
        // Synapse notes every five seconds who was seen.
        tokio::time::sleep(Duration::from_secs(6)).await;
        let installation = Installation::make(&Between {
            names: &names,
            source: synapse.url(),
            admin_token: filled.admin().token().unwrap().clone(),
        })
        .unwrap();
        Self {
            synapse,
            filled,
            installation,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// `ferryman …` with this installation's configuration.
    pub(super) fn ferryman(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferryman"));
        command
            .arg("--config")
            .arg(&self.installation.file)
            .args(arguments)
            .env("FERRYMAN_LOG", "error")
            .env(
                "FERRYMAN_SYNAPSE_HOMESERVER_YAML",
                self.synapse.config_path(),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `ferryman export` into a folder of this name.
    pub(super) fn command(&self, name: &str, way: Way, arguments: &[&str]) -> (PathBuf, Command) {
        let path = self.dir.path().join(name);
        let way = match way {
            Way::Api => "api",
            Way::Database => "db",
        };
        let out = path.to_str().unwrap();
        let mut command = self.ferryman(&["export", "--out", out, "--source", way]);
        command.args(arguments);
        (path, command)
    }

    /// The same, to its end.
    pub(super) fn export(&self, name: &str, way: Way, arguments: &[&str]) -> Export {
        let (path, mut command) = self.command(name, way, arguments);
        Export::of(path, command.output().unwrap())
    }
}

impl Export {
    pub(super) fn of(path: PathBuf, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let failure = text(output.stderr);
        Self {
            path,
            code: output.status.code(),
            said: text(output.stdout),
            failure: failure.lines().last().unwrap_or_default().to_owned(),
        }
    }

    /// What could not be read, without what its way never shows, and what a Synapse of some seconds has not done yet.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let text = fs::read(self.path.join("problems.json"))
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.said, self.failure));
        let mut problems: Vec<Problem> = serde_json::from_slice(&text).unwrap();
        problems.retain(|problem| {
            problem.step != "not visible" && problem.step != "background updates"
        });
        problems
    }

    /// The same as lines.
    pub(super) fn problem_lines(&self) -> Vec<String> {
        let lines = self.problems().into_iter();
        lines
            .map(|problem| format!("{}: {}: {}", problem.step, problem.subject, problem.reason))
            .collect()
    }

    /// The requests it says it has made.
    pub(super) fn requests(&self) -> u64 {
        let (before, _) = self.said.split_once(" requests to Synapse").unwrap();
        let number = before.rsplit(' ').next().unwrap().replace(',', "");
        number.parse().unwrap()
    }
}

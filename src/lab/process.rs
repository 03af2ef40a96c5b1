//! A server as a child process: its log, its readiness, and its certain end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use std::os::unix::process::CommandExt;

use super::{LabError, Result};

/// How long a server may take to answer, on a busy machine.
const READY: Duration = Duration::from_mins(2);
/// How long a server may take to end when asked.
const STOP: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(25);
/// Lines of the log that an error shows.
const LOG_LINES: usize = 25;

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program that writes to a log file (appended to, so that a restart keeps the earlier lines).
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(LabError::file(log))?;
        let err = out.try_clone().map_err(LabError::file(log))?;
        let spawn_error = |program: &Path| {
            let (name, program) = (name.to_owned(), program.to_owned());
            move |source| LabError::Spawn {
                name,
                program,
                source,
            }
        };
        let program = PathBuf::from(command.get_program());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C in a terminal is for us; we end the servers ourselves.
            .process_group(0)
            .spawn()
            .map_err(spawn_error(&program))?;
        match guard(child.id()) {
            Ok(guard) => Ok(Self {
                name: name.to_owned(),
                child,
                guard,
                log: log.to_owned(),
            }),
            Err(error) => {
                end(&mut child);
                Err(spawn_error(Path::new("sh"))(error))
            }
        }
    }

    /// Process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until an address answers with 2xx.
    pub async fn ready(&mut self, url: &str) -> Result<()> {
        let http = reqwest::Client::new();
        let asked = || {
            let answer = http.get(url).timeout(Duration::from_secs(5)).send();
            async {
                answer
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            }
        };
        self.ready_when(url, asked).await
    }

    /// Waits until a question is answered with yes; `place` is where it is asked.
    pub async fn ready_when<F>(&mut self, place: &str, asked: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = bool>,
    {
        let start = Instant::now();
        while start.elapsed() < READY {
            if let Some(status) = self.ended()? {
                return Err(LabError::Ended {
                    name: self.name.clone(),
                    status,
                    log: self.last_lines(),
                });
            }
            if asked().await {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(LabError::NotReady {
            name: self.name.clone(),
            url: place.to_owned(),
            seconds: READY.as_secs(),
            log: self.last_lines(),
        })
    }

    /// Asks the server to end, and kills it if it doesn't.
    pub async fn stop(self) -> Result<()> {
        self.stop_by("TERM").await
    }

    /// Like [`Self::stop`] for a server that knows a better signal; `INT` is SIGINT.
    pub async fn stop_by(mut self, signal: &str) -> Result<()> {
        let asked = self.signal(signal);
        let start = Instant::now();
        while asked && start.elapsed() < STOP && self.ended()?.is_none() {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Like [`Self::stop_by`] where nothing can be awaited.
    pub fn end_by(mut self, signal: &str) {
        let asked = self.signal(signal);
        let start = Instant::now();
        while asked && start.elapsed() < STOP && matches!(self.ended(), Ok(None)) {
            std::thread::sleep(POLL);
        }
    }

    /// Whether the signal was sent.
    fn signal(&self, name: &str) -> bool {
        // std knows only SIGKILL.
        Command::new("sh")
            .args([
                "-c",
                "kill -\"$1\" \"$2\"",
                "sh",
                name,
                &self.id().to_string(),
            ])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Kills the server in the middle of its work (SIGKILL).
    pub fn kill(self) {
        drop(self);
    }

    /// The end of the log.
    pub fn last_lines(&self) -> String {
        fs::read(&self.log)
            .map(|log| last_lines(&String::from_utf8_lossy(&log), LOG_LINES))
            .unwrap_or_default()
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .map_err(LabError::file(self.name.as_str()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // First the guard, so that it never kills a process ID that somebody else has got by now.
        end(&mut self.guard);
        end(&mut self.child);
    }
}

/// A shell that kills the server when we end without having done so: its standard input is a pipe that only we hold.
fn guard(server: u32) -> std::io::Result<Child> {
    Command::new("sh")
        .args([
            "-c",
            "read -r _; kill -KILL \"$1\"",
            "sh",
            &server.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Kills a child and takes its status, so that it isn't left as a zombie.
fn end(child: &mut Child) {
    // Both fail only if it has ended and was waited for.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last lines of a text.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Process {
        Process::start(
            "sleeper",
            Command::new("sleep").arg("600"),
            &folder.join("log"),
        )
        .unwrap()
    }

    fn runs(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn a_server_ends_when_its_owner_panics() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let (id, guard) = (process.id(), process.guard.id());
        assert!(runs(id) && runs(guard));
        let owner = std::thread::spawn(move || {
            let _process = process;
            panic!("on purpose");
        });
        assert!(owner.join().is_err());
        assert!(!runs(id) && !runs(guard));
    }

    #[test]
    fn the_guard_kills_when_we_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        // What happens to the pipe when this process dies.
        drop(process.guard.stdin.take());
        let status = process.child.wait().unwrap();
        assert!(!status.success());
    }

    #[tokio::test]
    async fn an_early_end_is_told_with_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(
            "talker",
            Command::new("sh").args(["-c", "echo bad luck; exit 3"]),
            &folder.path().join("log"),
        )
        .unwrap();
        let error = process.ready("http://127.0.0.1:1/").await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("talker") && text.contains("bad luck"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_stop_is_a_polite_one() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = Process::start(
            "polite",
            Command::new("sh").args([
                "-c",
                "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
            ]),
            &log,
        )
        .unwrap();
        while !fs::read_to_string(&log).unwrap().contains("up") {
            tokio::time::sleep(POLL).await;
        }
        process.stop().await.unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "up\nbye\n");
    }

    #[test]
    fn the_last_lines_are_the_last() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}

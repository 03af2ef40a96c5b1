//! The process in which Sled runs: started, listened to, and ended in time.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::told::Told;
use crate::{
    Error, Result,
    report::text::duration,
    secret::{ExposeSecret, SecretString},
};

/// How long it may take, unless more is given.
const LIMIT: Duration = Duration::from_mins(10);
/// How long it may take to end once it tells nothing more.
const ENDING: Duration = Duration::from_secs(5);
/// Lines that wait to be looked up.
const WAITING: usize = 1_000;
/// More bytes than a line has: a room's ID and two keys.
const LONGEST: u64 = 64 << 10;

/// What is started, and how long it may take.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    limit: Duration,
}

impl Program {
    /// This very program, with the arguments of the command that calls [`super::serve`].
    pub fn this(arguments: &[&str]) -> Result<Self> {
        let path = std::env::current_exe().map_err(Error::file("this program"))?;
        Ok(Self::new(path, arguments))
    }

    /// Another that does the same.
    pub(in crate::bot_keys) fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            limit: LIMIT,
        }
    }

    /// With another limit than ten minutes: Sled reads some 20,000 sessions a second.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// The running process; it ends with the value.
pub(super) struct Running {
    process: Child,
    /// By its end the process sees that nobody listens any more.
    _input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    limit: Duration,
    begun: Instant,
}

impl Running {
    /// Starts it in a folder, and gives it the passphrase.
    pub(super) fn start(
        program: &Program,
        folder: &Path,
        passphrase: &SecretString,
    ) -> Result<Self> {
        let mut process = Command::new(&program.path)
            .args(&program.arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Sled's last words may have parts of the store in them.
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::file(&program.path))?;
        let mut input = process.stdin.take();
        if let Some(input) = &mut input {
            // One that does not take it has ended, which shows soon.
            let _taken = give(input, passphrase);
        }
        let lines = lines(process.stdout.take());
        Ok(Self {
            process,
            _input: input,
            lines,
            limit: program.limit,
            begun: Instant::now(),
        })
    }

    /// What it tells next, or why nothing more comes.
    pub(super) fn next(&mut self) -> Result<Told, String> {
        let left = self.limit.saturating_sub(self.begun.elapsed());
        match self.lines.recv_timeout(left) {
            Ok(line) => serde_json::from_slice(&line)
                .map_err(|_secret| "what was told of Sled's rows can't be understood".to_owned()),
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "Sled had not read all of it after {}: on some damage it never ends, and a huge store takes longer",
                duration(u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX))
            )),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> String {
        let begun = Instant::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => {
                    break format!(
                        "Sled ended before it had read all of it ({status}), as it does on some damage"
                    );
                }
                Ok(None) if begun.elapsed() < ENDING => thread::sleep(Duration::from_millis(10)),
                Ok(None) | Err(_) => break "Sled told nothing more before the end".to_owned(),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended and was waited for.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// Its length in four bytes, then its text.
pub(super) fn give(input: &mut impl Write, passphrase: &SecretString) -> io::Result<()> {
    let text = passphrase.expose_secret().as_bytes();
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    input.write_all(&length.to_le_bytes())?;
    input.write_all(text)
}

/// The whole lines of an output, as long as somebody takes them.
fn lines(output: Option<ChildStdout>) -> Receiver<Vec<u8>> {
    let (to, lines) = mpsc::sync_channel(WAITING);
    if let Some(output) = output {
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let mut line = Vec::new();
                let read = (&mut output).take(LONGEST).read_until(b'\n', &mut line);
                let is_whole = read.is_ok() && line.ends_with(b"\n");
                if !is_whole || to.send(line).is_err() {
                    break;
                }
            }
        });
    }
    lines
}

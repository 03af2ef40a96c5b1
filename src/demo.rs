//! `ferryman demo`: the whole journey on throw-away servers of this machine, driven from a control room as an operator
//! would drive it.

pub mod installation;
pub mod ordinary;
pub mod room;
pub mod stage;
pub mod verdict;

use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Error, Result,
    cli::args::{Demo, DemoTarget},
    error::EXIT_INCOMPLETE,
    lab::{LabError, fill::ODD, tuwunel::find_binary},
    operation::reports,
};

use self::{room::ControlRoom, stage::Stage};

impl From<LabError> for Error {
    fn from(error: LabError) -> Self {
        Self::Target(error.to_string())
    }
}

/// What the operator types, and how long the last answer may take.
const COMMANDS: [(&str, Duration); 8] = [
    ("help", Duration::from_secs(30)),
    ("doctor", Duration::from_mins(1)),
    ("export", Duration::from_mins(5)),
    ("plan", Duration::from_mins(2)),
    ("import", Duration::from_mins(15)),
    ("status", Duration::from_secs(30)),
    ("verify", Duration::from_mins(10)),
    ("report", Duration::from_mins(1)),
];

/// Users who log in at the end as people would.
const ORDINARY: [&str; 2] = ["bob", ODD];

/// Runs the journey and prints the room's transcript; the number is the exit code.
pub async fn run(demo: &Demo) -> Result<u8> {
    let start = Instant::now();
    let tuwunel = choose(demo.target);
    say("Starting a Synapse as source and filling it …");
    let stage = Stage::set(tuwunel).await?;
    say(&format!(
        "{:>4} s  source: {}; target: {}",
        start.elapsed().as_secs(),
        stage.describe_source(),
        stage.target.describe().await?
    ));
    let bot = stage.start_bot();
    let played = play(&stage, start).await;
    let stopped = bot.stop().await;
    let good = played?;
    stopped?;
    keep_reports(&stage.installation.config.data_dir, &demo.out)?;
    say(&format!(
        "\n{:>4} s  the reports are in {}",
        start.elapsed().as_secs(),
        demo.out.display()
    ));
    Ok(if good { 0 } else { EXIT_INCOMPLETE })
}

fn choose(wanted: Option<DemoTarget>) -> bool {
    match wanted {
        Some(target) => target == DemoTarget::Tuwunel,
        None if find_binary().is_some() => true,
        None => {
            say(
                "SKIPPED: Tuwunel. This machine has no Tuwunel binary (set TUWUNEL_BIN to one of its releases), so a \
                 second Synapse stands in for it: accounts, joins and members are shown, history is not.",
            );
            false
        }
    }
}

async fn play(stage: &Stage, start: Instant) -> Result<bool> {
    let mut room = ControlRoom::enter(&stage.target.operator).await?;
    say("\n--- the control room ---");
    for line in room.new_lines().await? {
        say(&line);
    }
    for (command, patience) in COMMANDS {
        say(&format!(
            "\n[{:>4} s] operator: !ferry {command}",
            start.elapsed().as_secs()
        ));
        for line in room.ask(command, patience).await? {
            say(&line);
        }
    }
    say("\n--- ordinary users on the new server ---");
    let mut good = verdict::of(&stage.installation.config.data_dir)?;
    for user in ORDINARY {
        let (line, same) = ordinary::look(stage, user).await?;
        say(&line);
        good &= same;
    }
    Ok(good)
}

/// Copies the newest report of each kind, under its plain name.
fn keep_reports(data_dir: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).map_err(Error::file(out))?;
    for report in reports::newest(data_dir)? {
        let Some(name) = report.file_name() else {
            continue;
        };
        let copy = out.join(name);
        fs::copy(&report, &copy).map_err(Error::file(&copy))?;
    }
    Ok(())
}

/// A line on standard output; a closed pipe is the reader's choice.
fn say(text: &str) {
    let _closed = writeln!(std::io::stdout(), "{text}");
}

//! How near Ferryman's import of media comes to a bare loop of the same commands, and that it bears being killed.
//!
//! ```sh
//! TUWUNEL_BIN=… cargo bench --bench media
//! TUWUNEL_BIN=… cargo bench --bench media -- --files 300 --mib 300
//! ```
//!
//! A bundle of so many files (2,000), of 1 KiB to 20 MiB and so many MiB in all (2,048), goes to a fresh Tuwunel by a bare
//! loop and by `ferryman import`, so many times (3) in turn, and once by an import that is killed at a third and at two
//! thirds, and goes on. Those of Ferryman are verified. Before each, what was written before is on the disk. What counts is
//! the ratio of the medians: the rates are this machine's.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

mod bare;
#[path = "../export/busy.rs"]
mod busy;
mod files;
mod watch;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ferryman::{
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    engine::Engine,
    lab::{names::Names, target::Target, tuwunel::find_binary},
};

use watch::Watch;

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// One Tuwunel and an installation beside it.
struct Stage {
    installation: Installation,
    target: Target,
}

#[tokio::main]
async fn main() -> Result<()> {
    let (mut count, mut mib, mut rounds) = (2_000, 2_048, 3);
    let given: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    for option in given.chunks(2) {
        match option {
            [name, number] if name == "--files" => count = number.parse()?,
            [name, number] if name == "--mib" => mib = number.parse()?,
            [name, number] if name == "--rounds" => rounds = number.parse()?,
            other => bail!("{other:?} is not known: give --files, --mib or --rounds with a number"),
        }
    }
    if find_binary().is_none() {
        bail!("no Tuwunel binary: set TUWUNEL_BIN");
    }
    let names = Names::fresh()?;
    let folder = tempfile::tempdir()?;
    let bundle = folder.path().join("bundle");
    let total = files::write(&bundle, &names.server_name, count, mib * 1024 * 1024)?;
    println!("{count} files, {} MiB\n", total >> 20);
    println!(
        "{:<28} {:>8} {:>8} {:>9} {:>9} {:>7}",
        "", "files/s", "MiB/s", "Tuwunel", "this", "MiB"
    );
    let goal = Goal {
        bundle: &bundle,
        count,
        total,
    };
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who comes second finds a busier machine: so they change places.
        for is_bare in [round % 2 == 0, round % 2 == 1] {
            if is_bare {
                bare.push(goal.bare(&names).await?);
            } else {
                whole.push(goal.ferryman(&names, &[]).await?);
            }
        }
    }
    goal.ferryman(&names, &[count / 3, count * 2 / 3]).await?;
    println!(
        "\nFerryman reaches {:.0} % of the bare loop",
        median(bare)? / median(whole)? * 100.0
    );
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> Result<f64> {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.get(seconds.len() / 2);
    middle.copied().context("give --rounds 1 or more")
}

/// What earlier runs wrote doesn't hold this one up.
fn written() -> Result<()> {
    ensure!(Command::new("sync").status()?.success(), "sync failed");
    Ok(())
}

/// What is to be carried.
struct Goal<'a> {
    bundle: &'a Path,
    count: usize,
    total: u64,
}

impl Goal<'_> {
    /// Seconds of the bare loop.
    async fn bare(&self, names: &Names) -> Result<f64> {
        let mut stage = stage(names).await?;
        let tuwunel = stage.tuwunel()?;
        let engine = Engine::new(
            Arc::new(stage.installation.config.clone()),
            Arc::new(stage.installation.tokens.clone()),
            Arc::new(SystemClock),
        );
        let ready = bare::ready(&engine, self.bundle, names).await?;
        let before = (busy::seconds(tuwunel)?, busy::seconds(std::process::id())?);
        let mut watch = Watch::new(stage.media());
        written()?;
        let started = Instant::now();
        bare::run(&stage.target.operator, names, &ready).await?;
        let seconds = started.elapsed().as_secs_f64();
        watch.look()?;
        ensure!(watch.files == self.count, "{} files came", watch.files);
        self.line(
            "bare loop",
            seconds,
            busy::seconds(tuwunel)? - before.0,
            busy::seconds(std::process::id())? - before.1,
            busy::peak_mib(std::process::id()),
        );
        Ok(seconds)
    }

    /// Seconds of Ferryman's import from its first file to its last, killed when so many are there.
    async fn ferryman(&self, names: &Names, kills: &[usize]) -> Result<f64> {
        let mut stage = stage(names).await?;
        written()?;
        let tuwunel = stage.tuwunel()?;
        let (mut own, mut peak, mut seconds) = (0.0, 0, 0.0);
        let mut of_tuwunel = 0.0;
        let mut watch = Watch::new(stage.media());
        for last in kills.iter().copied().chain([usize::MAX]) {
            let mut child = self.command(&stage, "import")?;
            let at_start = watch.files;
            let (mut used, mut first) = (0.0, None);
            let status = loop {
                used = busy::seconds(child.id()).map_or(used, |now| now.max(used));
                peak = busy::peak_mib(child.id()).unwrap_or_default().max(peak);
                // A look at thousands of files takes time from what is measured.
                if first.is_none() || last != usize::MAX {
                    watch.look()?;
                }
                if first.is_none() && watch.files > at_start {
                    first = Some((Instant::now(), busy::seconds(tuwunel)?, used));
                }
                if watch.files >= last {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                if let Some(status) = child.try_wait()? {
                    break Some(status);
                }
                tokio::time::sleep(LOOK).await;
            };
            ensure!(status.is_none_or(|it| it.success()), "the import failed");
            ensure!(status.is_none() == (last != usize::MAX), "killed too late");
            let (first, busy_before, used_before) = first.context("no file came")?;
            seconds += first.elapsed().as_secs_f64();
            of_tuwunel += busy::seconds(tuwunel)? - busy_before;
            own += used - used_before;
        }
        watch.look()?;
        ensure!(watch.files == self.count, "{} files came", watch.files);
        let name = if kills.is_empty() {
            "Ferryman"
        } else {
            "Ferryman, killed twice"
        };
        self.line(name, seconds, of_tuwunel, own, Some(peak));
        let started = Instant::now();
        let verified = self.command(&stage, "verify")?.wait()?;
        ensure!(verified.success(), "something is different");
        println!(
            "{:<28} {:>8.0}",
            "  verify",
            self.rate(started.elapsed().as_secs_f64()).0
        );
        Ok(seconds)
    }

    fn command(&self, stage: &Stage, order: &str) -> Result<Child> {
        Ok(Command::new(env!("CARGO_BIN_EXE_ferryman"))
            .arg("--config")
            .arg(&stage.installation.file)
            .arg(order)
            .arg("--bundle")
            .arg(self.bundle)
            .env("FERRYMAN_LOG", "error")
            .stdout(Stdio::null())
            .spawn()?)
    }

    /// Files and MiB per second.
    #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
    fn rate(&self, seconds: f64) -> (f64, f64) {
        let mib = self.total as f64 / f64::from(1 << 20);
        (self.count as f64 / seconds, mib / seconds)
    }

    fn line(&self, name: &str, seconds: f64, tuwunel: f64, own: f64, peak: Option<u64>) {
        let (files, mib) = self.rate(seconds);
        println!(
            "{name:<28} {files:>8.1} {mib:>8.1} {:>8.0}% {:>8.0}% {:>7}",
            tuwunel / seconds * 100.0,
            own / seconds * 100.0,
            peak.unwrap_or_default()
        );
    }
}

impl Stage {
    fn tuwunel(&mut self) -> Result<u32> {
        self.target.server().process_id().context("it does not run")
    }

    /// Where Tuwunel keeps its files.
    fn media(&mut self) -> PathBuf {
        self.target.server().folder().join("database/media")
    }
}

async fn stage(names: &Names) -> Result<Stage> {
    let between = Between {
        names,
        // Nothing is read from it.
        source: "http://127.0.0.1:10",
        admin_token: "none".to_owned().into(),
    };
    let (installation, target) = install(&between, names, true).await?;
    fs::create_dir_all(&installation.config.data_dir)?;
    Ok(Stage {
        installation,
        target,
    })
}

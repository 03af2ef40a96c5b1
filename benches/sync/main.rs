//! How far the target is behind Synapse while `sync --follow` runs and people go on writing there, and how long they could
//! not write at the end: from the freeze to the end of the comparison.
//!
//! ```sh
//! TUWUNEL_BIN=… cargo bench --bench sync
//! TUWUNEL_BIN=… cargo bench --bench sync -- --minutes 5 --rate 20
//! ```
//!
//! The lab's large server (`ferryman::lab::large`) is made first if it isn't there yet, which takes long, and then carried
//! over with `--history auto`. Thirty people write `--rate` events a second for `--minutes`, each in a room by chance, of all that
//! any of them are in; some of the events are reactions and redactions, and people also read.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

mod people;

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ferryman::{
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    lab::{
        large::{Large, SERVER_NAME},
        names::Names,
        tuwunel::find_binary,
    },
};
use serde_json::Value;

use self::people::People;

/// What is asked for.
struct Wanted {
    minutes: u64,
    rate: u64,
}

fn wanted() -> Result<Wanted> {
    let mut wanted = Wanted {
        minutes: 5,
        rate: 20,
    };
    let given: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    for option in given.chunks(2) {
        match option {
            [name, number] if name == "--minutes" => wanted.minutes = number.parse()?,
            [name, number] if name == "--rate" => wanted.rate = number.parse()?,
            other => bail!("{other:?} is not known: give --minutes N or --rate EVENTS-PER-SECOND"),
        }
    }
    ensure!(wanted.rate > 0, "--rate must be at least 1");
    Ok(wanted)
}

#[tokio::main]
async fn main() -> Result<()> {
    let wanted = wanted()?;
    if find_binary().is_none() {
        bail!("no Tuwunel binary: set TUWUNEL_BIN");
    }
    let large = Large::sqlite().await?;
    let mut names = Names::fresh()?;
    names.server_name = SERVER_NAME.try_into()?;
    let between = Between {
        names: &names,
        source: large.synapse.url(),
        admin_token: large.admin.token().cloned().context("no token")?,
    };
    let (installation, _target) = install(&between, &names, true).await?;
    let ferryman = Ferryman {
        installation,
        yaml: large.synapse.config_path().display().to_string(),
    };
    let people = People::of(&large.admin).await?;
    for words in [&["export"][..], &["import", "--history", "auto"]] {
        let seconds = ferryman.run(words)?;
        println!("{}: {seconds:.0} s", words.join(" "));
    }

    let mut following = ferryman.begin(&["sync", "--follow"])?;
    let mut lines = BufReader::new(following.stdout.take().context("no output")?).lines();
    let follows = lines.any(|line| line.is_ok_and(|line| line.contains(r#""phase":"follow""#)));
    ensure!(follows, "it never followed");
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).last());
    let begun = Instant::now();
    let said = people
        .write(wanted.rate, Duration::from_secs(wanted.minutes * 60))
        .await?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "\n{said} events in {seconds:.0} s: {:.1} a second",
        f64::from(said) / seconds
    );
    end(&mut following)?;
    let last = rest.join().ok().flatten().context("no last line")?;
    let last: Value = serde_json::from_str(&last)?;
    let of = |name: &str| last["data"][name].clone();
    println!(
        "between {} whole syncs {} came over; median {} ms, 95 % within {} ms, the slowest {} ms",
        of("syncs"),
        of("events"),
        of("median_ms"),
        of("most_ms"),
        of("longest_ms")
    );

    // Nobody writes any more.
    let frozen = Instant::now();
    for words in [&["sync"][..], &["verify"]] {
        let seconds = ferryman.run(words)?;
        println!("{}: {seconds:.1} s", words.join(" "));
    }
    println!(
        "from the freeze to verified: {:.1} s",
        frozen.elapsed().as_secs_f64()
    );
    let seconds = ferryman.run(&["verify", "--deep"])?;
    println!("verify --deep: {seconds:.1} s");
    Ok(())
}

/// Between the two servers.
struct Ferryman {
    installation: Installation,
    yaml: String,
}

impl Ferryman {
    fn begin(&self, words: &[&str]) -> Result<Child> {
        let command = Command::new(env!("CARGO_BIN_EXE_ferryman"))
            .arg("--config")
            .arg(&self.installation.file)
            .arg("--json")
            .args(words)
            .env("FERRYMAN_SYNAPSE_HOMESERVER_YAML", &self.yaml)
            .env("FERRYMAN_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(command)
    }

    /// Seconds that a command took; it has to end well.
    fn run(&self, words: &[&str]) -> Result<f64> {
        let started = Instant::now();
        let ended = self.begin(words)?.wait_with_output()?;
        let text = String::from_utf8_lossy(&ended.stdout);
        let last = text.lines().last().unwrap_or_default();
        ensure!(
            ended.status.success(),
            "{}: {}: {last}",
            words.join(" "),
            ended.status
        );
        Ok(started.elapsed().as_secs_f64())
    }
}

/// As Ctrl-C does.
fn end(following: &mut Child) -> Result<()> {
    let id = following.id().to_string();
    Command::new("kill").args(["-INT", &id]).status()?;
    let status = following.wait()?;
    ensure!(status.success(), "sync --follow: {status}");
    Ok(())
}

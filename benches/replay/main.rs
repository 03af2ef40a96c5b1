//! How near Ferryman's replay comes to a bare loop of transactions that were signed beforehand, on the same Tuwunel in the
//! same run; and what other ways to send would gain.
//!
//! ```sh
//! TUWUNEL_BIN=… cargo bench --bench replay
//! ```
//!
//! What counts are the ratios: the rate is this machine's.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

#[path = "../export/busy.rs"]
mod busy;
mod loops;
mod rooms;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use ferryman::{
    demo::{installation::Between, stage::install},
    lab::{fill::source_options, names::Names, synapse::Synapse, tuwunel::find_binary},
};

use rooms::{Ready, fill, open};

/// Rooms of one measurement.
const ROOMS: usize = 8;

/// A way to send the rooms' events.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Ferryman's own replay, so many rooms at a time.
    Ferryman(usize),
    /// One PDU in each transaction, all signed beforehand, so many rooms at a time.
    Bare(usize),
    /// One PDU of each of so many rooms in one transaction, two transactions at a time.
    Shared(usize),
}

/// In turn, so that the target's growing database is nobody's disadvantage.
const WAYS: [Way; 11] = [
    Way::Bare(4),
    Way::Ferryman(4),
    Way::Ferryman(4),
    Way::Bare(4),
    Way::Bare(4),
    Way::Ferryman(4),
    Way::Bare(1),
    Way::Bare(2),
    Way::Bare(8),
    Way::Shared(2),
    Way::Shared(4),
];

#[tokio::main]
async fn main() -> Result<()> {
    if find_binary().is_none() {
        bail!("no Tuwunel binary: set TUWUNEL_BIN");
    }
    let names = Names::fresh()?;
    let source = Synapse::start(source_options(names.server_name.clone())).await?;
    let (admin, people) = fill(&source, WAYS.len() * ROOMS).await?;
    let between = Between {
        names: &names,
        source: source.url(),
        admin_token: admin.token().cloned().context("no token")?,
    };
    let (installation, mut target) = install(&between, &names, true).await?;
    let tuwunel = target.server().process_id().context("it does not run")?;
    let ready = open(&installation, &people).await?;
    drop(source);
    println!(
        "{} rooms of {} members, {} events to send in each measurement\n",
        ready.rooms.len(),
        people.len(),
        ready.events(0..ROOMS)
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9}",
        "", "events/s", "Tuwunel", "this"
    );
    for (number, way) in WAYS.into_iter().enumerate() {
        measure(&ready, number * ROOMS, way, tuwunel).await?;
    }
    let peak = busy::peak_mib(std::process::id()).unwrap_or_default();
    println!("\nthis process: {peak} MiB at most");
    Ok(())
}

/// Sends the events of some rooms in one way, and tells how quickly and whose processors were busy.
async fn measure(ready: &Ready, first: usize, way: Way, tuwunel: u32) -> Result<()> {
    let rooms = &ready.rooms[first..first + ROOMS];
    let events = ready.events(first..first + ROOMS);
    let signed = match way {
        Way::Ferryman(_) => Vec::new(),
        Way::Bare(_) => loops::sign(ready, rooms, 1)?,
        Way::Shared(at_once) => loops::sign(ready, rooms, at_once)?,
    };
    let own = std::process::id();
    let before = (busy::seconds(tuwunel)?, busy::seconds(own)?);
    let started = Instant::now();
    match way {
        Way::Ferryman(at_once) => loops::ferryman(ready, rooms, at_once).await?,
        Way::Bare(at_once) => loops::bare(signed, at_once).await?,
        Way::Shared(_) => loops::bare(signed, 2).await?,
    }
    let seconds = started.elapsed().as_secs_f64();
    let share = |busy: f64| format!("{:.0} %", busy / seconds * 100.0);
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = events as f64 / seconds;
    println!(
        "{:<24} {rate:>9.0} {:>9} {:>9}",
        format!("{way:?}"),
        share(busy::seconds(tuwunel)? - before.0),
        share(busy::seconds(own)? - before.1)
    );
    Ok(())
}

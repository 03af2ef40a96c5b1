//! How quickly a large server is carried into a Tuwunel, and whose processor is the limit.
//!
//! ```sh
//! TUWUNEL_BIN=… cargo bench --bench import
//! TUWUNEL_BIN=… cargo bench --bench import -- --rooms '#big:*' --history 500
//! ```
//!
//! `--rooms` goes to the export, `--history` to the import.
//!
//! The lab's large server (`ferryman::lab::large`) is made first if it isn't there yet, which takes long. What counts are
//! the shares of processor time: the rate is this machine's.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

#[path = "../export/busy.rs"]
mod busy;

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ferryman::{
    demo::{installation::Between, stage::install},
    lab::{
        large::{Large, SERVER_NAME},
        names::Names,
        tuwunel::find_binary,
    },
};

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<()> {
    let (mut export, mut import) = (vec!["export", "--source", "db"], vec!["import"]);
    let given: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    for option in given.chunks(2) {
        match option {
            [rooms, which] if rooms == "--rooms" => export.extend([rooms.as_str(), which]),
            [history, which] if history == "--history" => import.extend([history.as_str(), which]),
            other => bail!("{other:?} is not known: give --rooms ROOM or --history HOW-MUCH"),
        }
    }
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
    let (installation, mut target) = install(&between, &names, true).await?;
    let tuwunel = target.server().process_id().context("it does not run")?;
    let yaml = large.synapse.config_path().clone();
    let from = ("FERRYMAN_SYNAPSE_HOMESERVER_YAML", yaml.as_os_str());
    run(&installation.file, &export, &[from], tuwunel)?;
    let counts = &large.counts;
    println!(
        "\n{} users, {} rooms, {} events\n",
        counts.users, counts.rooms, counts.events
    );
    // Its processor is the target's now.
    drop(large);
    for order in [&import[..], &["verify"]] {
        run(&installation.file, order, &[], tuwunel)?;
    }
    Ok(())
}

/// Runs a command of `ferryman` with some more settings, and tells what it took, beside its own answer.
fn run(config: &Path, order: &[&str], more: &[(&str, &OsStr)], tuwunel: u32) -> Result<()> {
    let (before, started) = (busy::seconds(tuwunel)?, Instant::now());
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .arg("--config")
        .arg(config)
        .args(order)
        .envs(more.iter().copied())
        .env("FERRYMAN_LOG", "error")
        .stderr(Stdio::inherit())
        .spawn()?;
    let (mut own, mut peak) = (0.0, 0);
    let status = loop {
        // A command that has ended has no processor time any more.
        own = busy::seconds(child.id()).map_or(own, |seconds| seconds.max(own));
        peak = busy::peak_mib(child.id()).unwrap_or_default().max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let seconds = started.elapsed().as_secs_f64();
    let of_tuwunel = busy::seconds(tuwunel)? - before;
    println!(
        "\n{}: {seconds:.1} s ({status}); Tuwunel's processor {:.0} %, Ferryman's {:.1} %, {peak} MiB at most\n",
        order.join(" "),
        of_tuwunel / seconds * 100.0,
        own / seconds * 100.0,
    );
    Ok(())
}

//! How fast Ferryman takes the keys out of a bot's store, and how much memory that needs.
//!
//! ```sh
//! cd tests/fixtures/sled-stores/v5 && cargo run --release -- /tmp/store 100000 500 empty
//! cargo bench --bench bot_keys -- /tmp/store
//! ```
//!
//! The store is read so many times (3), and what comes out is written as JSON and as an encrypted export. Each is timed.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

#[path = "../export/busy.rs"]
mod busy;

use std::{env, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, bail};
use ferryman::{
    bot_keys::{
        extract::{Wish, extract},
        write::{write_export, write_json},
    },
    job::Job,
    secret::SecretString,
};

/// That of the program itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let mut rounds = 3;
    let mut store = None;
    let mut given = env::args().skip(1).filter(|it| it != "--bench");
    while let Some(word) = given.next() {
        match word.as_str() {
            "--rounds" => rounds = given.next().context("--rounds needs a number")?.parse()?,
            other if other.starts_with('-') => {
                bail!("{other} is not known: give a folder, or --rounds with a number")
            }
            other => store = Some(PathBuf::from(other)),
        }
    }
    let store = store.context("give the folder of a store")?;
    let folder = tempfile::tempdir()?;
    let wish = Wish {
        store,
        user: None,
        passphrase: None,
        skip_errors: false,
        job: Job::new().0,
        work: folder.path().to_owned(),
    };
    for _ in 0..rounds {
        let (started, before) = (Instant::now(), busy::seconds(std::process::id())?);
        let extracted = extract(&wish)?;
        let (seconds, keys) = (started.elapsed().as_secs_f64(), extracted.total()?);
        let busy = busy::seconds(std::process::id())? - before;
        let keys_f = f64::from(u32::try_from(keys)?);
        println!(
            "{keys} keys in {seconds:.1} s: {:.0} keys/s with {:.1} processors, peak {} MiB",
            keys_f / seconds,
            busy / seconds,
            peak()?
        );
        let started = Instant::now();
        write_json(&extracted, &folder.path().join("extracted-keys.json"))?;
        let json = started.elapsed();
        let started = Instant::now();
        let passphrase = SecretString::from("a passphrase");
        write_export(&extracted, &folder.path().join("keys.txt"), &passphrase)?;
        println!(
            "    JSON {:.1} s, encrypted export {:.1} s, peak {} MiB",
            json.as_secs_f64(),
            started.elapsed().as_secs_f64(),
            peak()?
        );
    }
    Ok(())
}

/// The most memory so far, in MiB.
fn peak() -> Result<u64> {
    busy::peak_mib(std::process::id()).context("no memory in /proc")
}

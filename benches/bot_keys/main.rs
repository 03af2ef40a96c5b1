//! How fast Ferryman takes the keys out of a bot's store, and how much memory that needs.
//!
//! ```sh
//! cd tests/fixtures/sled-stores/v5 && cargo run --release -- /tmp/store 100000 500 empty
//! cargo bench --bench bot_keys -- --whole --beside target/release/sled-store-v5 /tmp/store
//! ```
//!
//! The store is read so many times (3), and what comes out is written as JSON and as an encrypted export. Each is timed. With
//! `--whole` a throw-away homeserver (Tuwunel, or Synapse if there is none) takes all keys into a backup afterwards, and gives
//! them back to be compared: `bot-keys all`, with the time of each stage. With `--beside` the program that wrote the store takes
//! its turn after each reading: it opens a copy with Sled and the SDK of that time, as the tools before did, and writes the
//! sessions as JSON once; the time and the memory of the whole process count, here those of reading and writing JSON.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

#[path = "../export/busy.rs"]
mod busy;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ferryman::{
    bot_keys::{
        account::Door,
        errand::Errand,
        extract::{Extracted, Wish, extract},
        key_backup::{enable::Wanted, sealing::Sealed},
        safekeeping::keep::Storage,
        write::{write_export, write_json},
    },
    clock::SystemClock,
    job::Job,
    lab::{names::Names, target::Target},
    secret::SecretString,
};
use rayon::prelude::*;
use vodozemac::{Curve25519PublicKey, Curve25519SecretKey, pk_encryption::PkEncryption};

/// Keys that are encrypted for a rate.
const SOME: usize = 20_000;

/// That of the program itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let mut rounds = 3;
    let mut store = None;
    let mut whole = false;
    let mut beside = None;
    let mut given = env::args().skip(1).filter(|it| it != "--bench");
    while let Some(word) = given.next() {
        match word.as_str() {
            "--whole" => whole = true,
            "--beside" => beside = Some(given.next().context("--beside needs a program")?),
            "--rounds" => rounds = given.next().context("--rounds needs a number")?.parse()?,
            other if other.starts_with('-') => {
                bail!(
                    "{other} is not known: give a folder, --whole, --beside with a program, or --rounds with a number"
                )
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
        if let Some(program) = &beside {
            let here = seconds + json.as_secs_f64();
            let there = original(program, &wish.store, folder.path())?;
            println!(
                "    the original crates take {:.1} times as long",
                there / here
            );
        }
    }
    encryption(&extract(&wish)?)?;
    if whole {
        tokio::runtime::Runtime::new()?.block_on(all(&wish.store, folder.path()))?;
    }
    Ok(())
}

/// The same store read by the crates that wrote it, from a copy, because Sled writes at every open. Seconds.
fn original(program: &str, store: &Path, folder: &Path) -> Result<f64> {
    let copy = folder.join("copy");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(store)
        .arg(&copy)
        .status()?;
    ensure!(copied.success(), "the store can't be copied");
    let (started, keys) = (Instant::now(), folder.join("original.json"));
    let mut runs = Command::new(program)
        .args(["export".as_ref(), copy.as_os_str(), keys.as_os_str()])
        .arg("empty")
        .spawn()?;
    let mut most = 0;
    let ended = loop {
        most = busy::peak_mib(runs.id()).unwrap_or(0).max(most);
        if let Some(ended) = runs.try_wait()? {
            break ended;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let seconds = started.elapsed().as_secs_f64();
    ensure!(ended.success(), "{program} has failed");
    println!("    the original crates {seconds:.1} s, peak {most} MiB");
    fs::remove_dir_all(copy)?;
    Ok(seconds)
}

/// Encrypting on one and on all cores, beside what vodozemac alone does with the same plaintexts.
fn encryption(extracted: &Extracted) -> Result<()> {
    let mut keys = Vec::new();
    extracted.each_key(|key| {
        if keys.len() < SOME {
            keys.push(key);
        }
        Ok(())
    })?;
    let public = Curve25519PublicKey::from(&Curve25519SecretKey::new());
    let plain: Vec<_> = keys
        .iter()
        .map(serde_json::to_vec)
        .collect::<serde_json::Result<_>>()?;
    let rate = |started: Instant| {
        let keys = f64::from(u32::try_from(keys.len()).unwrap_or(u32::MAX));
        keys / started.elapsed().as_secs_f64()
    };
    let started = Instant::now();
    for text in &plain {
        PkEncryption::from_key(public).encrypt(text)?;
    }
    let alone = rate(started);
    let started = Instant::now();
    plain
        .par_iter()
        .try_for_each(|text| PkEncryption::from_key(public).encrypt(text).map(drop))?;
    let alone_on_all = rate(started);
    let started = Instant::now();
    for key in &keys {
        Sealed::seal(public, key)?;
    }
    let one = rate(started);
    let started = Instant::now();
    keys.par_iter()
        .try_for_each(|key| Sealed::seal(public, key).map(drop))?;
    let all = rate(started);
    let cores = rayon::current_num_threads();
    println!(
        "encryption: vodozemac alone {alone:.0} keys/s on one core, {alone_on_all:.0} on {cores}; here {one:.0} ({:.0} %) and {all:.0} ({:.0} %)",
        one / alone * 100.0,
        all / alone_on_all * 100.0
    );
    Ok(())
}

/// The whole way on a homeserver of its own.
async fn all(store: &Path, folder: &Path) -> Result<()> {
    let names = Names::fresh()?;
    let server = Target::start(&names, Vec::new()).await?;
    println!("{}:", server.describe().await?);
    let bot = server.register("bot", "a bot's password").await?;
    let errand = Errand {
        user: None,
        storage: Storage {
            folder: store.to_owned(),
            store: store.to_owned(),
        },
        folder: folder.join("files"),
        passphrase: None,
        skip_errors: false,
        // The store is whosever it is.
        other_account: true,
        cross_check: false,
        extracted: None,
        failed: None,
        door: Some(Door::Token {
            homeserver: server.url().to_owned(),
            token: bot.token().context("no token")?.clone(),
        }),
        wanted: Wanted::default(),
        sample: None,
    };
    for _ in 0..2 {
        let before = busy::seconds(std::process::id())?;
        let done = errand.all(&Job::new().0, &SystemClock).await?;
        if !done.is_complete() {
            bail!("not all is there: {done:?}");
        }
        println!(
            "    {} keys, {} sent, {} compared: {:?} ms, {:.1} s of processors, peak {} MiB",
            done.found.keys,
            done.uploaded.sent,
            done.verified.compared,
            done.took_ms,
            busy::seconds(std::process::id())? - before,
            peak()?
        );
    }
    Ok(())
}

/// The most memory so far, in MiB.
fn peak() -> Result<u64> {
    busy::peak_mib(std::process::id()).context("no memory in /proc")
}

//! How quickly a large server is exported: by its API, from its database, on SQLite and on PostgreSQL.
//!
//! ```sh
//! cargo bench --bench export
//! ```
//!
//! The lab's large server (`ferryman::lab::large`) is made first if it isn't there yet, which takes long. To have another
//! exporter measured in the same run, put its command line into `FERRYMAN_LAB_BENCH_OTHER`; `URL`, `TOKEN` and `OUT` in it are
//! replaced. All times are of one run on this machine: what counts are the ratios.

#![expect(clippy::print_stdout, reason = "the measurements are what this prints")]

mod busy;
mod measured;
mod server;

use anyhow::Result;
use ferryman::lab::large::Large;

use measured::Measured;
use server::Server;

/// What is measured on each server, several times and in turn: a name, and the arguments of `ferryman export`.
const QUICK: &[(&str, &[&str])] = &[
    (
        "API, inventory: what the other one asks for, of all rooms",
        &["--source", "api", "--inventory"],
    ),
    ("database, all but media contents", &["--source", "db"]),
    ("database, all", &["--source", "db", "--media", "all"]),
];
/// What is measured once.
const LONG: &[(&str, &[&str])] = &[
    (
        "API, without what only acting shows, no history",
        &["--source", "api", "--history", "none", "--media", "none"],
    ),
    (
        "API, all but media contents",
        &["--source", "api", "--act-as-users"],
    ),
];
/// How often the quick ones are measured: their medians are told.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    // cargo hands `--bench`; a word behind `--` chooses what is measured.
    let chosen: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wants = |name: &str| chosen.is_empty() || chosen.iter().any(|word| name.contains(word));
    if wants("sqlite") {
        all("sqlite", Large::sqlite().await?)?;
    }
    if wants("postgresql") {
        all("postgresql", Large::postgres().await?)?;
    }
    Ok(())
}

fn all(database: &str, large: Large) -> Result<()> {
    let counts = &large.counts;
    println!(
        "\n{database}: {} users, {} rooms, {} memberships, {} events\n",
        counts.users,
        counts.rooms,
        counts.joined + counts.invited + counts.left + counts.banned,
        counts.events
    );
    println!("| what | seconds | against the first | Synapse busy | peak memory | bundle |");
    println!("|---|---:|---:|---:|---:|---:|");
    let server = Server::new(large)?;
    // The first export after a start finds cold caches.
    server.export(&["--source", "api", "--history", "none", "--users", "nobody"])?;
    let other = std::env::var("FERRYMAN_LAB_BENCH_OTHER").ok();
    let mut rounds: Vec<Vec<Measured>> = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        if let Some(other) = &other {
            round.push(server.other(other)?);
        }
        for (_, arguments) in QUICK {
            round.push(server.export(arguments)?);
        }
        rounds.push(round);
    }
    let mut first = None;
    let others = other.iter().map(|_| "another exporter");
    for name in others.chain(QUICK.iter().map(|(name, _)| *name)) {
        let of_all: Vec<_> = rounds.iter_mut().map(|round| round.remove(0)).collect();
        let measured = Measured::median(of_all);
        first.get_or_insert(measured.seconds);
        println!("{}", measured.row(name, first));
    }
    for (name, arguments) in LONG {
        let measured = server.export(arguments)?;
        println!("{}", measured.row(name, first));
    }
    Ok(())
}

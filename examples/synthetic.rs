//! Measures how quickly rooms come from a database into a bundle.
//!
//! ```sh
//! cargo run --release --example synthetic -- make /tmp/million.db 1000 1000000
//! cargo run --release --example synthetic -- read /tmp/million.db /tmp/million.tar.zst all
//! cargo run --release --example synthetic -- open /tmp/million.tar.zst
//! ```
//!
//! The first makes a database with that many rooms and events; the second exports it, with that much history; the third
//! plans each of its rooms and opens it as an import does, one after the other.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, bail};
use ferryman::{
    Result,
    bundle::{Bundle, SourceKind},
    clock::SystemClock,
    config::DatabaseAddress,
    job::Job,
    lab::synthetic,
    migration::{
        facts::RoomFacts,
        plan::{Abilities, Replayed, RoomAction},
        planner, read_back, unpack,
    },
    model::wanted::{Media, Wanted},
    source::{
        about::About,
        database::{Database, rooms},
        export,
        intake::Intake,
        reader::Reader,
    },
};
use ruma::{OwnedServerName, ServerName};

/// As in the program, so that the memory is measured that this one needs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let said = match arguments.as_slice() {
        ["make", path, rooms, events] => {
            synthetic::write(path.as_ref(), rooms.parse()?, events.parse()?)?;
            format!("made {events} events in {rooms} rooms")
        }
        ["read", path, out, history] => {
            let wanted = Wanted {
                history: history.parse().map_err(anyhow::Error::msg)?,
                media: Media::None,
                ..Wanted::default()
            };
            read(path.into(), out.into(), wanted).await?
        }
        ["open", bundle] => open(bundle.as_ref())?,
        _ => bail!("say `make FILE ROOMS EVENTS`, `read FILE BUNDLE HISTORY` or `open BUNDLE`"),
    };
    let memory = std::fs::read_to_string("/proc/self/status")?;
    let memory = memory.lines().find(|line| line.starts_with("VmHWM"));
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, reason = "the measurement is what this prints")]
    {
        println!("{said} in {seconds:.1} s, {}", memory.unwrap_or_default());
    }
    Ok(())
}

async fn read(path: PathBuf, out: PathBuf, wanted: Wanted) -> anyhow::Result<String> {
    let (job, mut told) = Job::new();
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    let server_name = ServerName::parse(synthetic::SERVER_NAME)?;
    let reader = Rooms {
        database: Some(Database::open(&DatabaseAddress::Sqlite(path))?),
        server_name: server_name.clone(),
    };
    let page = Box::new(|_: &_, _: &_| String::new());
    let summary = export::run(reader, &server_name, wanted, &out, page, &job, &SystemClock)
        .await
        .context("the export failed")?;
    Ok(format!(
        "read {} events of {} rooms, {} problems, {} bytes",
        summary.events,
        summary.rooms,
        summary.problems.len(),
        summary.bytes
    ))
}

/// What an import has in memory of a room: its facts, the room as it is served, and what it is compared with.
fn open(bundle: &Path) -> anyhow::Result<String> {
    let work = tempfile::tempdir()?;
    let bundle = Bundle::open(bundle, work.path())?;
    let target = Abilities {
        software: "a target".to_owned(),
        replay: true,
        room_versions: Vec::new(),
    };
    let (mut events, mut carried) = (0, 0);
    for room in bundle.rooms()? {
        let facts = RoomFacts::read(&bundle, room.clone())?;
        let able = facts.memberships.keys().cloned().collect();
        let plan = planner::plan_room(&facts, &target, Replayed::All, &able);
        if let RoomAction::Carry { joiner, join } = &plan.action {
            let (open, _unreadable) = unpack::room(&bundle, &room, joiner, join)?;
            let expected = read_back::expected(&bundle, &plan, true)?;
            events += open.timeline().len().min(expected.timeline.len());
            carried += 1;
        }
    }
    Ok(format!("opened {carried} rooms with {events} events"))
}

/// Reads nothing but rooms.
struct Rooms {
    database: Option<Database>,
    server_name: OwnedServerName,
}

impl Reader for Rooms {
    async fn about(&mut self) -> Result<About> {
        Ok(About {
            source: SourceKind::Database,
            server_name: self.server_name.clone(),
            synapse_version: None,
            stream_position: None,
            unseen: Vec::new(),
            warnings: Vec::new(),
        })
    }

    async fn users(&mut self, _to: &Intake) -> Result<()> {
        Ok(())
    }

    async fn key_backups(&mut self, _to: &Intake) -> Result<()> {
        Ok(())
    }

    async fn rooms(&mut self, to: &Intake) -> Result<()> {
        let (database, server_name, to) =
            (self.database.take(), self.server_name.clone(), to.clone());
        let reading = tokio::task::spawn_blocking(move || match database {
            Some(mut database) => rooms::read(&mut database, &server_name, &to),
            None => Ok(()),
        });
        reading.await.unwrap_or(Err(ferryman::Error::Stopped))
    }

    async fn media(&mut self, _to: &Intake) -> Result<()> {
        Ok(())
    }

    async fn server_keys(
        &mut self,
        _servers: BTreeSet<OwnedServerName>,
        _to: &Intake,
    ) -> Result<()> {
        Ok(())
    }
}

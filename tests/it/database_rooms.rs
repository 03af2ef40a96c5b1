//! The same Synapse by its API and by its database: the bundles are equal, file by file.

use std::{collections::BTreeSet, fs, io::Read as _, path::Path};

use ferryman::{
    Result,
    clock::SystemClock,
    config::{DatabaseAddress, Synapse as Address},
    job::Job,
    lab::{
        fill,
        names::Names,
        synapse::{DatabasePlace, Synapse},
    },
    model::wanted::Wanted,
    source::{
        about::About,
        admin_api::Client,
        api_reader::ApiReader,
        database::{Database, rooms},
        export,
        intake::Intake,
        reader::Reader,
        summary::ExportSummary,
    },
};
use ruma::{OwnedServerName, ServerName};

/// Reads rooms from the database, and everything else by the API.
struct RoomsOfDatabase {
    api: ApiReader,
    address: DatabaseAddress,
    server_name: OwnedServerName,
}

impl Reader for RoomsOfDatabase {
    async fn about(&mut self) -> Result<About> {
        self.api.about().await
    }

    async fn users(&mut self, to: &Intake) -> Result<()> {
        self.api.users(to).await
    }

    async fn key_backups(&mut self, to: &Intake) -> Result<()> {
        self.api.key_backups(to).await
    }

    async fn rooms(&mut self, to: &Intake) -> Result<()> {
        let mut database = Database::open(&self.address)?;
        let (server_name, to) = (self.server_name.clone(), to.clone());
        tokio::task::spawn_blocking(move || rooms::read(&mut database, &server_name, &to))
            .await
            .unwrap()
    }

    async fn media(&mut self, to: &Intake) -> Result<()> {
        self.api.media(to).await
    }

    async fn server_keys(&mut self, servers: BTreeSet<OwnedServerName>, to: &Intake) -> Result<()> {
        self.api.server_keys(servers, to).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_of_the_database_is_that_of_the_api() {
    let names = Names::fresh().unwrap();
    let source = Synapse::start(fill::source_options(names.server_name.clone()))
        .await
        .unwrap();
    let filled = fill::fill(&source).await.unwrap();
    let DatabasePlace::Sqlite(file) = source.database().clone() else {
        panic!("the lab's source is on SQLite");
    };
    let address = DatabaseAddress::Sqlite(file);
    let api = || {
        let config = Address {
            url: source.url().to_owned(),
            admin_token: filled.admin().token().unwrap().clone(),
            database: None,
            homeserver_yaml: None,
            media_path: None,
        };
        ApiReader::new(Client::new(&config).unwrap(), names.server_name.clone())
    };
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("api"), dir.path().join("database"));
    let by_api = bundle(api(), &names.server_name, Wanted::default(), &one).await;
    let reader = RoomsOfDatabase {
        api: api(),
        address,
        server_name: names.server_name.clone(),
    };
    let by_database = bundle(reader, &names.server_name, Wanted::default(), &other).await;
    assert_eq!(by_api.events, filled.counts.events as u64);
    assert_eq!(by_database.events, by_api.events);
    assert_eq!(by_database.rooms, by_api.rooms);
    assert_eq!(by_database.problems, by_api.problems);
    for file in [
        "rooms.json",
        "room_state.json",
        "memberships.json",
        "aliases.json",
        "directory.json",
        "state_snapshots.ndjson.zst",
        "events/00000.ndjson.zst",
        "server_keys.json",
    ] {
        equal(file, &one, &other);
    }
}

async fn bundle<R: Reader>(
    reader: R,
    server_name: &ServerName,
    wanted: Wanted,
    out: &Path,
) -> ExportSummary {
    let (job, _told) = Job::new();
    export::run(reader, server_name, wanted, out, &job, &SystemClock)
        .await
        .unwrap()
}

/// Fails with the first line that differs.
fn equal(file: &str, one: &Path, other: &Path) {
    let read = |dir: &Path| {
        let bytes = fs::read(dir.join(file)).unwrap();
        let mut text = String::new();
        if file.ends_with(".zst") {
            let mut plain = zstd::Decoder::new(&bytes[..]).unwrap();
            plain.read_to_string(&mut text).unwrap();
        } else {
            // One value per line, so that a difference is short.
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            text = serde_json::to_string_pretty(&value).unwrap();
        }
        (bytes, text)
    };
    let ((one, one_text), (other, other_text)) = (read(one), read(other));
    for (line, (one, other)) in one_text.lines().zip(other_text.lines()).enumerate() {
        assert_eq!(one, other, "{file}, line {}", line + 1);
    }
    assert_eq!(
        one_text.lines().count(),
        other_text.lines().count(),
        "{file}"
    );
    assert!(one == other, "{file} has other bytes");
}

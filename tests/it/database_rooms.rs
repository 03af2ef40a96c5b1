//! The same Synapse by its API and by its database: the bundles are equal, file by file.

use std::{fs, io::Read as _, path::Path};

use ferryman::{
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
        admin_api::Client, api_reader::ApiReader, database::DatabaseReader, export, reader::Reader,
        summary::ExportSummary,
    },
};
use ruma::ServerName;

/// What a bundle says of rooms.
const FILES: [&str; 8] = [
    "rooms.json",
    "room_state.json",
    "memberships.json",
    "aliases.json",
    "directory.json",
    "state_snapshots.ndjson.zst",
    "events/00000.ndjson.zst",
    "server_keys.json",
];

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
    let config = Address {
        url: source.url().to_owned(),
        admin_token: filled.admin().token().unwrap().clone(),
        database: Some(DatabaseAddress::Sqlite(file)),
        homeserver_yaml: None,
        media_path: None,
    };
    let server_name = &names.server_name;
    let dir = tempfile::tempdir().unwrap();
    for history in ["all", "5", "none", "since:1970-01-01", "since:2100-01-01"] {
        let wanted = || Wanted {
            history: history.parse().unwrap(),
            ..Wanted::default()
        };
        let [one, other] =
            ["api", "database"].map(|name| dir.path().join(format!("{name} {history}")));
        let reader = ApiReader::new(
            Client::new(&config).unwrap(),
            server_name.clone(),
            &wanted(),
        );
        let by_api = bundle(reader, server_name, wanted(), &one).await;
        let reader = DatabaseReader::new(&config, server_name.clone()).unwrap();
        let by_database = bundle(reader, server_name, wanted(), &other).await;
        eprintln!("{history}: {} events", by_api.events);
        if history == "all" {
            assert_eq!(by_api.events, filled.counts.events as u64);
        }
        assert_eq!(by_database.events, by_api.events);
        assert_eq!(by_database.rooms, by_api.rooms);
        assert_eq!(by_database.problems, by_api.problems);
        for file in FILES {
            equal(file, &one, &other);
        }
    }
}

async fn bundle<R: Reader>(
    reader: R,
    server_name: &ServerName,
    wanted: Wanted,
    out: &Path,
) -> ExportSummary {
    let (job, _told) = Job::new();
    let page = Box::new(|_: &_, _: &_| String::new());
    export::run(reader, server_name, wanted, out, page, &job, &SystemClock)
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

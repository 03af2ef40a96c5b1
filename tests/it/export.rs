//! Exports of real, wholly filled Synapses by the program itself: both readers tell the whole truth, nothing but it, and
//! the same.

mod broken;
mod damaged;
mod equal;
mod news;
mod parts;
mod source;
mod whole;

use std::path::PathBuf;

use ferryman::{bundle::Bundle, lab::synapse::Database};

use crate::targets::postgres_or_skip;
use source::{Source, Way};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_sqlite_all_is_told_by_both_readers() {
    let mut source = Source::fill(Database::Sqlite).await;
    let api = both(&source).await;
    parts::are_exact(&source, &open(&source, &api));
    broken::in_the_middle(&source).await;
    damaged::is_told(&mut source);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_postgresql_all_is_told_by_both_readers() {
    if postgres_or_skip("export") {
        both(&Source::fill(Database::Postgres).await).await;
    }
}

/// The whole server by its API and by its database. Gives the API's bundle.
async fn both(source: &Source) -> PathBuf {
    let before = whole::sessions(source).await;
    let api = source.export("api", Way::Api, &["--act-as-users", "--media", "all"]);
    assert_eq!(
        whole::sessions(source).await,
        before,
        "nobody is logged in any more, and no device has come or gone"
    );
    let database = source.export("database", Way::Database, &["--media", "all"]);
    equal::are(&api.path, &database.path, source);
    for (export, way) in [(&api, Way::Api), (&database, Way::Database)] {
        whole::is_told(source, &open(source, &export.path), way).await;
        whole::is_said(source, export, way);
    }
    news::are_the_bundles_events(source, &open(source, &database.path)).await;
    api.path
}

fn open(source: &Source, path: &std::path::Path) -> Bundle {
    Bundle::open(path, &source.dir.path().join("work")).unwrap()
}

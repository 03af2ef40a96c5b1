//! The list of bundles: each one's trouble is its own, and nobody waits for what is known.

use std::{os::unix::fs::symlink, time::Duration};

use super::*;
use crate::{
    bundle::{BundleWriter, Origin, SourceKind},
    clock::FixedClock,
    config::{self, Tokens},
    model::wanted::Wanted,
};

fn engine(dir: &Path) -> Engine {
    fs::create_dir_all(dir.join("bundles")).unwrap();
    Engine::new(
        Arc::new(config::sample(dir)),
        Arc::new(Tokens::make(dir).unwrap()),
        Arc::new(FixedClock(0)),
    )
}

/// A small bundle; its file.
fn write(dir: &Path, name: &str) -> PathBuf {
    let origin = Origin {
        source: SourceKind::Database,
        synapse_version: None,
        server_name: "ferry.test".try_into().unwrap(),
        exported_ts: 7,
        stream_position: None,
        wanted: Wanted::default(),
    };
    let path = dir.join("bundles").join(name);
    let writer = BundleWriter::create(&path, origin).unwrap();
    writer
        .finish(&|_, _| String::new(), &mut |_, _| {})
        .unwrap();
    path
}

async fn states(engine: &Engine) -> Vec<(String, &'static str)> {
    let bundles = engine.bundles(&Job::new().0).await.unwrap();
    let mut states: Vec<_> = bundles
        .all
        .into_iter()
        .map(|it| {
            let state = match it.state {
                State::Whole(_) => "whole",
                State::Half { .. } => "half",
                State::Damaged { .. } => "damaged",
                State::Unread { .. } => "unread",
            };
            (it.name, state)
        })
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn one_that_can_not_be_looked_at_leaves_the_others_in_the_list() {
    let tmp = tempfile::tempdir().unwrap();
    let engine = engine(tmp.path());
    write(tmp.path(), "a.tar.zst");
    let bundles = tmp.path().join("bundles");
    symlink("nowhere", bundles.join("b.tar")).unwrap();
    fs::write(bundles.join("c.tar"), "none").unwrap();
    fs::write(bundles.join("notes.txt"), "none").unwrap();
    fs::create_dir(bundles.join("d.tar.partial")).unwrap();
    let expected = [
        ("a.tar.zst", "whole"),
        ("b.tar", "unread"),
        ("c.tar", "damaged"),
        ("d.tar.partial", "half"),
    ];
    assert_eq!(
        states(&engine).await,
        expected.map(|(name, state)| (name.to_owned(), state))
    );
    // What an export puts away while it is looked at.
    let job = Job::new().0;
    assert_eq!(bytes(&bundles.join("gone.tar.partial"), &job).unwrap(), 0);
}

#[tokio::test]
async fn a_half_bundle_may_go_while_others_are_looked_at() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().to_owned();
    let engine = engine(&dir);
    write(&dir, "a.tar");
    let goes = tokio::task::spawn_blocking(move || {
        let half = dir.join("bundles/b.tar.partial");
        for _ in 0..2_000 {
            fs::create_dir_all(half.join("events")).unwrap();
            fs::write(half.join("events/1"), "x").unwrap();
            fs::remove_dir_all(&half).unwrap();
        }
    });
    while !goes.is_finished() {
        engine.bundles(&Job::new().0).await.unwrap();
    }
    goes.await.unwrap();
    assert_eq!(states(&engine).await, [("a.tar".to_owned(), "whole")]);
}

#[tokio::test]
async fn what_was_not_written_since_is_not_read_again() {
    let tmp = tempfile::tempdir().unwrap();
    let engine = engine(tmp.path());
    let path = write(tmp.path(), "a.tar.zst");
    let whole = [("a.tar.zst".to_owned(), "whole")];
    assert_eq!(states(&engine).await, whole);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let spoilt = vec![0; fs::read(&path).unwrap().len()];
    fs::write(&path, spoilt).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(written).unwrap();
    assert_eq!(states(&engine).await, whole);
    file.set_modified(written + Duration::from_secs(1)).unwrap();
    assert_eq!(states(&engine).await, [("a.tar.zst".to_owned(), "damaged")]);
}

#[tokio::test]
async fn one_looks_at_a_time_and_can_be_stopped() {
    let tmp = tempfile::tempdir().unwrap();
    let engine = engine(tmp.path());
    write(tmp.path(), "a.tar.zst");
    let first = Arc::clone(&engine.looks.0).lock_owned().await;
    let (job, _) = Job::new();
    let second = {
        let (engine, job) = (engine.clone(), job.clone());
        tokio::spawn(async move { engine.bundles(&job).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished());
    job.stop();
    drop(first);
    assert!(matches!(second.await.unwrap(), Err(Error::Stopped)));
    assert_eq!(states(&engine).await.len(), 1);
}

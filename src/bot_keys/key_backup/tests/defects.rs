//! What the old tool got wrong on the homeserver's side, each by its name.

use super::{super::secret_storage::Found, *};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_error_is_not_swallowed() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let keys = Keys::of(2, 2);
    let bad = keys.first().session_id.clone();
    server.set(|memory| memory.refuses = Some(bad.clone()));
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!(sent.failed.len(), 1);
    insta::assert_snapshot!(sent.failed[0].reason, @"the homeserver answered 400 to PUT /_matrix/client/v3/room_keys/keys: M_BAD_JSON no");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_waited_for() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    server.set(|memory| {
        memory.most = Some(2);
        memory.limits_every = Some(2);
    });
    let sent = uploaded(&server, &enabled, &Keys::of(3, 3)).await.unwrap();
    assert_eq!((sent.sent, sent.failed.len()), (9, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_counts_are_not_enough() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let keys = Keys::of(1, 2);
    uploaded(&server, &enabled, &keys).await.unwrap();
    // Each entry under the other's name.
    server.set(|memory| {
        let sessions = memory.sessions.values_mut().next().unwrap();
        let mut entries: Vec<_> = sessions.values().cloned().collect();
        entries.reverse();
        for (entry, other) in sessions.values_mut().zip(entries) {
            *entry = other;
        }
    });
    let found = verified(&server, &enabled, &keys, None).await;
    assert_eq!((found.in_store, found.in_backup), (2, 2));
    assert_eq!(found.wrong.len(), 2, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_public_key_gets_nothing() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    server.set(|memory| memory.versions[0]["auth_data"]["public_key"] = json!("b3RoZXI"));
    let error = uploaded(&server, &enabled, &Keys::of(1, 1))
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"version 1 of the bot's backup has another public key than the one in its key file: nothing was sent, for whoever has that key could read it; run `bot-keys enable --new-version`");
    assert_eq!(server.memory.lock().unwrap().puts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backup_has_signatures_and_the_secret_storage_the_new_key() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let wanted = Wanted {
        secret: Some("a passphrase".into()),
        is_passphrase: true,
        ..Wanted::default()
    };
    let first = server.enable(dir.path(), &wanted).await.unwrap();
    let newer = Wanted {
        new_version: true,
        ..wanted
    };
    let second = server.enable(dir.path(), &newer).await.unwrap();
    assert_ne!(first.public_key, second.public_key);
    assert_eq!(second.storage, Storage::Extended);
    let account = server.account().await;
    let opened = account.secret_storage(newer.secret.as_ref()).await.unwrap();
    let Found::Open(opened) = opened else {
        panic!("it is closed")
    };
    let stored = account.stored_backup_key(&opened).await.unwrap().unwrap();
    assert_eq!(stored.as_bytes(), second.key.as_bytes());
    for version in &server.memory.lock().unwrap().versions {
        assert!(version["auth_data"]["signatures"].is_object(), "{version}");
    }
}

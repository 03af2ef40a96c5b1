//! Enable, upload and verify against a homeserver that only remembers.

mod defects;
pub(in crate::bot_keys) mod homeserver;
mod signing;

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, RoomId};
use serde_json::json;

use self::homeserver::Homeserver;
use super::{
    enable::{Enabled, KeyFrom, Storage, Wanted},
    key_files,
    sealing::tests::key,
    source::Source,
    upload::{Into, Uploaded, upload},
    verify::{Verified, verify},
};
use crate::{
    Result,
    bot_keys::RoomKey,
    job::{Event, Job},
};

const NOW: u64 = 1_785_593_100_000;

/// Keys in memory.
struct Keys(BTreeMap<OwnedRoomId, Vec<RoomKey>>);

impl Keys {
    fn of(rooms: usize, each: usize) -> Self {
        let room = |number| {
            let id = format!("!r{number}:x");
            let keys = (0..each).map(|_| key(&id, 2).0).collect();
            (OwnedRoomId::try_from(id.as_str()).unwrap(), keys)
        };
        Self((0..rooms).map(room).collect())
    }

    fn first(&self) -> &RoomKey {
        &self.0.values().next().unwrap()[0]
    }
}

impl Source for Keys {
    fn rooms(&self) -> Result<Vec<(OwnedRoomId, u64)>> {
        let rooms = self.0.iter();
        Ok(rooms
            .map(|(room, keys)| (room.clone(), keys.len() as u64))
            .collect())
    }

    fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>> {
        Ok(self.0[room].clone())
    }
}

fn into(enabled: &Enabled) -> Into {
    Into {
        version: enabled.version.clone(),
        public_key: enabled.public_key.clone(),
    }
}

async fn uploaded(server: &Homeserver, enabled: &Enabled, keys: &Keys) -> Result<Uploaded> {
    upload(&server.account().await, &into(enabled), keys, &Job::new().0).await
}

async fn verified(
    server: &Homeserver,
    enabled: &Enabled,
    keys: &Keys,
    sample: Option<u64>,
) -> Verified {
    let (account, version) = (server.account().await, &enabled.version);
    let job = Job::new().0;
    let found = verify(&account, version, &enabled.key, keys, sample, &job).await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_go_into_a_new_backup_and_are_found_in_it() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    assert_eq!(
        (enabled.from, enabled.storage),
        (KeyFrom::New, Storage::Made)
    );
    let keys = Keys::of(3, 4);
    let (job, mut events) = Job::new();
    let account = server.account().await;
    let into = into(&enabled);
    let sent = upload(&account, &into, &keys, &job).await.unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Phase { total, .. } => told.push((0, total)),
            Event::Done { done, .. } => told.push((done, 12)),
            _ => {}
        }
    }
    assert_eq!((sent.keys, sent.sent, sent.there), (12, 12, 0));
    assert_eq!(told, [(0, 12), (4, 12), (8, 12), (12, 12)]);
    let found = verified(&server, &enabled, &keys, None).await;
    assert!(found.is_complete(), "{found:?}");
    assert_eq!(
        (found.in_store, found.in_backup, found.compared),
        (12, 12, 12)
    );
    // Once more, nothing is sent.
    let before = server.memory.lock().unwrap().puts;
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!((sent.sent, sent.there), (0, 12));
    assert_eq!(server.memory.lock().unwrap().puts, before);
    let found = verified(&server, &enabled, &keys, Some(4)).await;
    assert_eq!(found.compared, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_better_session_stays_and_a_worse_one_is_replaced() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let (late, early) = key("!r:x", 5);
    let only = |key: &RoomKey| Keys([(key.room_id.clone(), vec![key.clone()])].into());
    uploaded(&server, &enabled, &only(&late)).await.unwrap();
    // What nothing proves takes nothing's place, however good it looks.
    let unproved = RoomKey {
        proved: false,
        ..early.clone()
    };
    let sent = uploaded(&server, &enabled, &only(&unproved)).await.unwrap();
    assert_eq!((sent.sent, sent.there), (0, 1));
    let sent = uploaded(&server, &enabled, &only(&early)).await.unwrap();
    assert_eq!(sent.sent, 1);
    // The server would take it: it overwrites whatever it has.
    let sent = uploaded(&server, &enabled, &only(&late)).await.unwrap();
    assert_eq!((sent.sent, sent.there), (0, 1));
    let stored = &server.memory.lock().unwrap().sessions["!r:x"][&early.session_id].clone();
    assert_eq!(stored["first_message_index"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_does_not_take_is_listed_and_keeps_no_other_out() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let keys = Keys::of(4, 5);
    let bad = keys.first().session_id.clone();
    server.set(|memory| {
        memory.most = Some(7);
        memory.refuses = Some(bad.clone());
    });
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!((sent.sent, sent.failed.len()), (19, 1));
    assert_eq!(sent.failed[0].session, bad);
    let found = verified(&server, &enabled, &keys, None).await;
    let wrong: Vec<_> = found
        .wrong
        .iter()
        .map(|it| (&*it.session, &*it.reason))
        .collect();
    assert_eq!(wrong, [(&*bad, "it is missing")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passing_faults_leave_nothing_out() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    server.set(|memory| {
        memory.most = Some(3);
        memory.fails_every = Some(3);
    });
    let keys = Keys::of(5, 8);
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!((sent.sent, sent.failed.len()), (40, 0));
    assert!(verified(&server, &enabled, &keys, None).await.is_complete());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_ones_key_gets_nothing() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let keys = Keys::of(1, 3);
    let mut lines = Vec::new();
    server.set(|memory| memory.replaced_after = Some(1));
    lines.push(
        uploaded(&server, &enabled, &keys)
            .await
            .unwrap_err()
            .to_string(),
    );
    server.set(|memory| memory.versions.last_mut().unwrap()["version"] = json!("1"));
    let before = server.memory.lock().unwrap().puts;
    lines.push(
        uploaded(&server, &enabled, &keys)
            .await
            .unwrap_err()
            .to_string(),
    );
    server.set(|memory| memory.versions.clear());
    lines.push(
        uploaded(&server, &enabled, &keys)
            .await
            .unwrap_err()
            .to_string(),
    );
    assert_eq!(server.memory.lock().unwrap().puts, before);
    insta::assert_snapshot!(lines.join("\n"), @r"
    the bot's newest backup is version 2 now, and not 1: somebody has begun another; run `bot-keys enable` again
    version 1 of the bot's backup has another public key than the one in its key file: nothing was sent, for whoever has that key could read it; run `bot-keys enable --new-version`
    the bot has no backup on the server any more, where version 1 was: run `bot-keys enable` again
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_backup_is_used_if_its_key_can_be_had() {
    let server = Homeserver::start().await;
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = server
        .enable(first.path(), &Wanted::default())
        .await
        .unwrap();
    let recovery_key = key_files::recovery_key(&made.key);
    let again = server
        .enable(first.path(), &Wanted::default())
        .await
        .unwrap();
    assert_eq!((again.from, again.storage), (KeyFrom::File, Storage::Kept));
    assert!(made.opens_storage && again.opens_storage);
    // From another folder: not without the key, and not with a wrong one.
    let mut lines = Vec::new();
    let shown = |result: Result<Enabled>| {
        let error = result.unwrap_err().to_string();
        error.replace(&*second.path().to_string_lossy(), "DIR")
    };
    lines.push(shown(
        server.enable(second.path(), &Wanted::default()).await,
    ));
    let with = |secret: &str| Wanted {
        secret: Some(secret.to_owned().into()),
        ..Wanted::default()
    };
    lines.push(shown(
        server.enable(second.path(), &with("EsTb wrong")).await,
    ));
    insta::assert_snapshot!(lines.join("\n"), @r"
    the bot has a backup already (version 1, 0 keys), and its key is neither in DIR nor in a secret storage that could be opened: give the bot's recovery key or passphrase, or begin a new version with --new-version
    neither the recovery key nor the passphrase of the bot's secret storage is what was given: give the right one, or none
    ");
    assert!(key_files::load(second.path()).unwrap().is_none());
    // The one recovery key opens the secret storage, and the backup's key is in there.
    let found = server
        .enable(second.path(), &with(&recovery_key))
        .await
        .unwrap();
    assert_eq!(
        (found.from, found.storage),
        (KeyFrom::SecretStorage, Storage::Kept)
    );
    assert_eq!(found.key.as_bytes(), made.key.as_bytes());
    assert_eq!(server.memory.lock().unwrap().versions.len(), 1);
    // A stale secret is replaced by the key that fits.
    server.set(|memory| {
        memory.account_data.remove("m.megolm_backup.v1");
    });
    let found = server
        .enable(second.path(), &with(&recovery_key))
        .await
        .unwrap();
    assert_eq!(
        (found.from, found.storage),
        (KeyFrom::File, Storage::Extended)
    );
    // Without any secret storage the backup's own recovery key is enough.
    server.set(|memory| memory.account_data.clear());
    let third = tempfile::tempdir().unwrap();
    let found = server
        .enable(third.path(), &with(&recovery_key))
        .await
        .unwrap();
    assert_eq!((found.from, found.storage), (KeyFrom::Given, Storage::Made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_takes_a_new_key_and_the_old_file_stays() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let passphrase = Wanted {
        secret: Some("correct horse".to_owned().into()),
        is_passphrase: true,
        ..Wanted::default()
    };
    let first = server.enable(dir.path(), &passphrase).await.unwrap();
    assert_eq!(first.storage, Storage::MadeByPassphrase);
    let again = Wanted {
        new_version: true,
        ..passphrase.clone()
    };
    let second = server.enable(dir.path(), &again).await.unwrap();
    assert_eq!(
        (second.from, second.storage),
        (KeyFrom::New, Storage::Extended)
    );
    assert_ne!(second.public_key, first.public_key);
    assert!(first.opens_storage && !second.opens_storage);
    assert_eq!(second.version, "2");
    let old = std::fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".before-")
    });
    assert_eq!(old.count(), 3);
    let third = tempfile::tempdir().unwrap();
    let found = server.enable(third.path(), &passphrase).await.unwrap();
    assert_eq!(found.public_key, second.public_key);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_was_cut_off_before_the_version_goes_on_with_its_key() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let kept = matrix_sdk_crypto::store::types::BackupDecryptionKey::new();
    key_files::keep(dir.path(), &kept, NOW).unwrap();
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    assert_eq!(enabled.key.as_bytes(), kept.as_bytes());
    assert_eq!(
        (enabled.from, enabled.storage),
        (KeyFrom::New, Storage::Made)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_whose_answer_was_lost_is_not_made_twice() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    server.set(|memory| memory.loses_answer = true);
    let lost = server.enable(dir.path(), &Wanted::default()).await;
    assert!(lost.is_err());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    assert_eq!((&*enabled.version, enabled.from), ("1", KeyFrom::File));
    assert_eq!(enabled.storage, Storage::Made);
    assert_eq!(server.memory.lock().unwrap().versions.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_that_stayed_ill_did_not_take_goes_with_the_next_try() {
    let (server, dir) = (Homeserver::start().await, tempfile::tempdir().unwrap());
    let enabled = server.enable(dir.path(), &Wanted::default()).await.unwrap();
    let keys = Keys::of(2, 3);
    server.set(|memory| memory.fails_every = Some(1));
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!((sent.sent, sent.failed.len()), (0, 6));
    server.set(|memory| memory.fails_every = None);
    let sent = uploaded(&server, &enabled, &keys).await.unwrap();
    assert_eq!((sent.sent, sent.failed.len()), (6, 0));
}

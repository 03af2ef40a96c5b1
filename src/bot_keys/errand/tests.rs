//! Whole stores against a homeserver that only remembers.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use tokio::sync::Notify;

use super::*;
use crate::{
    bot_keys::{
        key_backup::{secret_storage, tests::homeserver::Homeserver},
        state::FILE,
        tests::{Fixture, SESSIONS},
    },
    clock::FixedClock,
};

const CLOCK: FixedClock = FixedClock(1_785_593_100_000);

struct Scene {
    server: Homeserver,
    store: Fixture,
    errand: Errand,
}

impl Scene {
    async fn of(store: &str) -> Self {
        // Whose the stores of the repository are.
        Self::whose(store, "@bot:example.org").await
    }

    async fn whose(store: &str, user: &str) -> Self {
        let (server, store) = (Homeserver::of(user).await, Fixture::new(store));
        let folder = store.folder.path();
        let errand = Errand {
            user: None,
            storage: Storage {
                folder: folder.join("nothing"),
                store: folder.to_owned(),
            },
            folder: folder.join("files"),
            passphrase: None,
            skip_errors: false,
            other_account: false,
            cross_check: false,
            extracted: None,
            failed: None,
            door: Some(Door::Token {
                homeserver: server.server.uri(),
                token: "t0ken".into(),
            }),
            wanted: Wanted::default(),
            sample: None,
        };
        Self {
            server,
            store,
            errand,
        }
    }

    async fn all(&self) -> Result<All> {
        self.errand.all(&Job::new().0, &CLOCK).await
    }

    fn shown(&self, error: &Error) -> String {
        let folder = self.store.folder.path().display().to_string();
        error.to_string().replace(&folder, "DIR")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_way_and_once_more() {
    let scene = Scene::of("v5-empty").await;
    let all = scene.all().await.unwrap();
    let total = SESSIONS as u64;
    assert!(all.is_complete());
    assert_eq!((all.found.keys, all.uploaded.sent), (total, total));
    assert_eq!(all.verified.compared, total);
    assert_eq!(all.took_ms.len(), 4);
    let mut names = Vec::new();
    for entry in fs::read_dir(&scene.errand.folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "backup-private-key.bin",
            "backup-public-key.txt",
            FILE,
            "recovery-key.txt"
        ]
    );
    let again = scene.all().await.unwrap();
    assert_eq!((again.uploaded.sent, again.uploaded.there), (0, total));
    assert!(again.is_complete());
    assert_eq!(scene.server.memory.lock().unwrap().versions.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_what_was_broken_does_not_outlive_it() {
    let mut scene = Scene::of("v5-none").await;
    scene.errand.skip_errors = true;
    let log = scene.store.folder.path().join("matrix-sdk-crypto/db");
    let whole = fs::read(&log).unwrap();
    let mut broken = whole.clone();
    let at = memchr::memmem::rfind(&broken, br#"{"pickle":{"init"#).unwrap();
    broken[at + 80] = b'!';
    fs::write(&log, broken).unwrap();
    let listed = || {
        let text = fs::read(scene.errand.folder.join(FAILED)).unwrap();
        let list: serde_json::Value = serde_json::from_slice(&text).unwrap();
        list["sessions"].as_array().unwrap().len()
    };
    let (_, found) = scene.errand.store(&Job::new().0).unwrap();
    assert!(found.list.is_some());
    assert_eq!(listed() as u64, found.broken);
    fs::write(&log, whole).unwrap();
    let (_, found) = scene.errand.store(&Job::new().0).unwrap();
    assert_eq!((found.broken, found.list), (0, None));
    assert_eq!(listed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_error_is_told_and_mended_by_the_next_try() {
    let scene = Scene::of("v4-empty").await;
    scene.server.set(|memory| memory.fails_every = Some(1));
    let all = scene.all().await.unwrap();
    assert!(!all.is_complete());
    assert_eq!(all.uploaded.failed.len(), SESSIONS);
    assert_eq!(all.verified.wrong.len(), SESSIONS);
    scene.server.set(|memory| memory.fails_every = None);
    assert!(scene.all().await.unwrap().is_complete());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_extracted_before_are_used() {
    let mut scene = Scene::of("v7-none").await;
    let job = Job::new().0;
    let (keys, _) = scene.errand.store(&job).unwrap();
    let path = scene.errand.folder.join(EXTRACTED);
    crate::bot_keys::write::write_json(&keys, &path).unwrap();
    drop(keys);
    scene.errand.storage.store = "/nowhere".into();
    let all = scene.all().await.unwrap();
    assert!(all.found.is_file && all.is_complete());
    assert_eq!(all.found.from, std::slice::from_ref(&path));
    fs::remove_file(&path).unwrap();
    let error = scene.all().await.unwrap_err();
    insta::assert_snapshot!(scene.shown(&error), @"crypto store /nowhere: no crypto store is there: a folder with `db` (Sled) or a file matrix-sdk-crypto.sqlite3 was looked for in it and in encrypted, encrypted/matrix-sdk-crypto, encrypted/matrix-sdk-state, matrix-sdk-crypto, matrix-sdk-state, _default: give the bot's storage folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_done_is_said_before_anything_is() {
    let mut scene = Scene::of("v5-none").await;
    let job = Job::new().0;
    let account = scene.errand.account().await.unwrap();
    let (keys, _) = scene.errand.store(&job).unwrap();
    let keys = Mutex::new(keys);
    let too_early = scene.errand.upload(&account, &keys, &job).await;
    let mut lines = vec![scene.shown(&too_early.unwrap_err())];
    scene.errand.user = Some("@other:x".try_into().unwrap());
    lines.push(scene.shown(&scene.all().await.unwrap_err()));
    scene.errand.user = None;
    scene.errand.door = None;
    lines.push(scene.shown(&scene.all().await.unwrap_err()));
    assert!(scene.server.memory.lock().unwrap().versions.is_empty());
    insta::assert_snapshot!(lines.join("\n"), @r"
    recovery-key.txt is not in DIR/files: run `bot-keys enable` first, or name the folder with --into
    the access token is that of @bot:example.org, and not that of @other:x: give the bot's own
    say how the bot's account is reached: its homeserver with --homeserver and its access token in the variable ACCESS_TOKEN, or the bot's user ID, for which the application service then acts
    ");
}

/// A process that is killed while it waits for an answer, at each of its requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_request_it_ends_as_if_it_had_not_been() {
    let total = SESSIONS as u64;
    let mut number = 1;
    loop {
        let scene = Scene::of("v5-none").await;
        let alarm = Arc::new(Notify::new());
        scene
            .server
            .set(|memory| memory.alarm = Some((number, Arc::clone(&alarm))));
        let ended = tokio::select! {
            all = scene.all() => Some(all.unwrap()),
            () = alarm.notified() => None,
        };
        let mut requests = 0;
        scene.server.set(|memory| {
            memory.alarm = None;
            requests = memory.requests;
        });
        let all = scene.all().await.unwrap();
        assert!(all.is_complete(), "{number}");
        assert_eq!(all.verified.in_backup, total, "{number}");
        assert_eq!(scene.server.memory.lock().unwrap().versions.len(), 1);
        if ended.is_some() {
            assert!(requests < number, "{requests} of {number}");
            break;
        }
        number += 1;
    }
    assert!(number > 10, "{number}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_bots_keys_or_an_old_one_is_not_used() {
    let mut scene = Scene::whose("v5-empty", "@other:x").await;
    let job = Job::new().0;
    let (keys, _) = scene.errand.store(&job).unwrap();
    let path = scene.errand.folder.join(EXTRACTED);
    crate::bot_keys::write::write_json(&keys, &path).unwrap();
    drop(keys);
    let mut lines = vec![scene.shown(&scene.all().await.unwrap_err())];
    scene.errand.cross_check = true;
    lines.push(scene.shown(&scene.all().await.unwrap_err()));
    scene.errand.cross_check = false;
    let log = scene.store.folder.path().join("matrix-sdk-crypto/db");
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    let log = fs::File::options().append(true).open(log).unwrap();
    log.set_modified(later).unwrap();
    lines.push(scene.shown(&scene.all().await.unwrap_err()));
    insta::assert_snapshot!(lines.join("\n"), @r"
    crypto store DIR: it is that of @bot:example.org, and the account is @other:x: nothing was sent; give the store and the token of one bot, or try it on another account with --other-account
    DIR/files/extracted-keys.json would be used instead of the store, and --cross-check looks at the store: move it away, or name it with --keys
    DIR/files/extracted-keys.json would be used instead of the store, which was written since: move it away, or name it with --keys
    ");
    assert!(scene.server.memory.lock().unwrap().versions.is_empty());
    scene.errand.extracted = Some(path);
    scene.errand.other_account = true;
    assert!(scene.all().await.unwrap().is_complete());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_whose_key_nobody_finds_is_not_complete() {
    let mut scene = Scene::of("v5-none").await;
    assert!(scene.all().await.unwrap().is_complete());
    scene.errand.wanted.new_version = true;
    // The key in the folder opens the secret storage that was set up with it.
    let second = scene.all().await.unwrap();
    assert!(second.is_complete(), "{:?}", second.enabled);
    let third = scene.all().await.unwrap();
    assert!(!third.is_complete(), "{:?}", third.enabled);
    assert!(third.verified.is_complete());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_before_a_version_was_made_is_of_no_other_bot() {
    let mut scene = Scene::of("v5-none").await;
    scene.server.set(|memory| memory.refuses_versions = true);
    assert!(scene.all().await.is_err());
    let other = Scene::whose("v4-none", "@other:x").await;
    scene.errand.door = other.errand.door.clone();
    scene.errand.other_account = true;
    let error = scene.all().await.unwrap_err();
    insta::assert_snapshot!(scene.shown(&error), @"DIR/files has the files of @bot:example.org: choose another folder for @other:x with --into");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passphrase_opens_what_was_set_up_with_it_wherever_it_was_cut_off() {
    let mut number = 1;
    loop {
        let mut scene = Scene::of("v5-none").await;
        scene.errand.wanted.secret = Some(" a phrase ".into());
        scene.errand.wanted.is_passphrase = true;
        let alarm = Arc::new(Notify::new());
        scene
            .server
            .set(|memory| memory.alarm = Some((number, Arc::clone(&alarm))));
        let ended = tokio::select! {
            all = scene.all() => Some(all.unwrap()),
            () = alarm.notified() => None,
        };
        scene.server.set(|memory| memory.alarm = None);
        for _ in 0..2 {
            let all = scene.all().await.unwrap();
            assert!(all.is_complete(), "{number}: {:?}", all.enabled);
        }
        let account = scene.errand.account().await.unwrap();
        let phrase = scene.errand.wanted.secret.as_ref();
        let opened = account.secret_storage(phrase).await.unwrap();
        let secret_storage::Found::Open(opened) = opened else {
            panic!("{number}: it is closed")
        };
        assert!(account.stored_backup_key(&opened).await.unwrap().is_some());
        if ended.is_some() || number == 9 {
            break;
        }
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_made_once_until_it_is_complete() {
    let mut scene = Scene::of("v5-none").await;
    scene.errand.wanted.secret = Some("a phrase".into());
    scene.errand.wanted.is_passphrase = true;
    scene.all().await.unwrap();
    scene.errand.wanted.new_version = true;
    let versions = || scene.server.memory.lock().unwrap().versions.len();
    scene.server.set(|memory| memory.refuses_all = true);
    for _ in 0..2 {
        assert!(!scene.all().await.unwrap().is_complete());
        assert_eq!(versions(), 2);
    }
    scene.server.set(|memory| memory.refuses_all = false);
    assert!(scene.all().await.unwrap().is_complete());
    assert_eq!(versions(), 2);
    // That one was wanted, and is done: who says it again wants another.
    assert!(scene.all().await.unwrap().is_complete());
    assert_eq!(versions(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_one_bot_do_not_go_to_another() {
    let scene = Scene::whose("v5-empty", "@other:x").await;
    let error = scene.all().await.unwrap_err();
    insta::assert_snapshot!(scene.shown(&error), @"crypto store DIR: it is that of @bot:example.org, and the account is @other:x: nothing was sent; give the store and the token of one bot, or try it on another account with --other-account");
    assert!(scene.server.memory.lock().unwrap().versions.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_to_stop_stops() {
    let scene = Scene::of("v5-empty").await;
    let job = Job::new().0;
    job.stop();
    let stopped = scene.errand.all(&job, &CLOCK).await;
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(scene.server.memory.lock().unwrap().versions.is_empty());
}

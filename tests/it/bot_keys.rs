//! A bot with an old crypto store: its keys go into the backup of its account, and a new client reads with the recovery key
//! what the old store could read.

mod old_store;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use ferryman::{
    demo::stage::Stage,
    lab::{fill::password, names::Names, target::Target as Server},
};
use matrix_sdk::{
    Client,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::{
        OwnedEventId, OwnedRoomId, RoomId,
        api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset},
        events::room::{
            encryption::{InitialRoomEncryptionEvent, RoomEncryptionEventContent},
            message::RoomMessageEventContent,
        },
    },
};
use matrix_sdk_crypto::decrypt_room_key_export;
use serde_json::Value;

use self::old_store::Version;
use crate::{
    encryption::{synced, texts},
    operator::Operator,
    room::Running,
    targets::{Target, each_target},
};

const SAID: [&str; 3] = ["Which tide?", "Half past four.", "Danke – 港"];
const BOT: &str = "harbourbot";
const LONG: Duration = Duration::from_mins(3);

/// What a bot was told before it had to move.
struct Told {
    room: OwnedRoomId,
    said: Vec<(OwnedEventId, &'static str)>,
    /// The device of the old store.
    device: String,
}

async fn client(url: &str, user: &str) -> Client {
    let client = Client::builder()
        .homeserver_url(url)
        .with_encryption_settings(EncryptionSettings {
            backup_download_strategy: BackupDownloadStrategy::Manual,
            ..EncryptionSettings::default()
        })
        .build()
        .await
        .unwrap();
    let login = client.matrix_auth().login_username(user, &password(user));
    login.send().await.unwrap();
    client
}

/// Someone talks to the bot in an encrypted room; what the bot's device knows of it then stands in an old store.
async fn told(server: &Server, storage: &Path) -> Told {
    for user in ["keeper", BOT] {
        server.register(user, &password(user)).await.unwrap();
    }
    let (keeper, bot) = tokio::join!(client(server.url(), "keeper"), client(server.url(), BOT));
    synced(&bot).await;
    let mut request = CreateRoom::new();
    request.preset = Some(RoomPreset::TrustedPrivateChat);
    request.invite = vec![bot.user_id().unwrap().to_owned()];
    request.initial_state = vec![
        InitialRoomEncryptionEvent::new(
            matrix_sdk::ruma::events::EmptyStateKey,
            RoomEncryptionEventContent::with_recommended_defaults(),
        )
        .to_raw_any(),
    ];
    let room = keeper.create_room(request).await.unwrap();
    synced(&bot).await;
    bot.join_room_by_id(room.room_id()).await.unwrap();
    let mut said = Vec::new();
    for text in SAID {
        synced(&keeper).await;
        let content = RoomMessageEventContent::text_plain(text);
        let sent = room.send(content).await.unwrap();
        said.push((sent.response.event_id, text));
        synced(&bot).await;
    }
    let seen = bot.get_room(room.room_id()).unwrap();
    assert_eq!(texts(&seen, &said).await, SAID);

    fs::create_dir_all(storage).unwrap();
    let export = storage.join("export.txt");
    let encryption = bot.encryption();
    encryption
        .export_room_keys(export.clone(), "passing", |_| true)
        .await
        .unwrap();
    let keys = decrypt_room_key_export(fs::File::open(&export).unwrap(), "passing").unwrap();
    fs::remove_file(export).unwrap();
    let device = bot.device_id().unwrap().to_string();
    let user = bot.user_id().unwrap().as_str();
    let keys = serde_json::to_string(&keys).unwrap();
    old_store::write(storage, &keys, user, &device);
    Told {
        room: room.room_id().to_owned(),
        said,
        device,
    }
}

/// A new client that has nothing but the password and the recovery key.
async fn reads(server: &Server, folder: &Path, told: &Told) -> Client {
    let bot = client(server.url(), BOT).await;
    bot.encryption().wait_for_e2ee_initialization_tasks().await;
    synced(&bot).await;
    let room = bot.get_room(&told.room).unwrap();
    assert_eq!(texts(&room, &told.said).await, ["(encrypted)"; 3]);
    let recovery = fs::read_to_string(folder.join("recovery-key.txt")).unwrap();
    let encryption = bot.encryption();
    encryption
        .recovery()
        .recover(recovery.trim())
        .await
        .unwrap();
    download(&bot, &told.room).await;
    assert_eq!(texts(&room, &told.said).await, SAID);
    bot
}

async fn download(bot: &Client, room: &RoomId) {
    let backups = bot.encryption().backups();
    backups.download_room_keys_for_room(room).await.unwrap();
}

/// The program with some variables of the environment: exit code, standard output, standard error.
fn ferryman(folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .args(words)
        .current_dir(folder)
        .env_remove("FERRYMAN_CONFIG")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A store of the repository in a folder.
fn unpacked(name: &str, folder: &Path) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sled-stores");
    let packed = fs::File::open(format!("{root}/{name}.tar.zst")).unwrap();
    let packed = zstd::Decoder::new(packed).unwrap();
    tar::Archive::new(packed).unpack(folder).unwrap();
}

#[test]
fn a_store_is_read_in_the_shell_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    unpacked("v5-correct-horse", &dir.path().join("storage/encrypted"));
    let passphrase = [("STORE_PASSPHRASE", "correct horse")];
    let extract = ["bot-keys", "extract", "--into", "files"];
    let with = |more: &[&'static str]| [&extract[..], more].concat();
    for (words, variables, code, part) in [
        (with(&[]), &[][..], 2, "say how the keys are to be written"),
        (with(&["--plain"]), &[], 13, "give its passphrase"),
        (
            with(&["--plain", "--store-passphrase"]),
            &[],
            2,
            "this is no terminal",
        ),
        (
            with(&["--plain", "--store", "storage/wrong"]),
            &[],
            13,
            "no crypto store is there",
        ),
        (
            vec![
                "bot-keys",
                "all",
                "--storage",
                "storage",
                "--homeserver",
                "http://127.0.0.1:9",
            ],
            &[],
            2,
            "ACCESS_TOKEN",
        ),
    ] {
        let (got, out, err) = ferryman(dir.path(), &words, variables);
        assert_eq!((got, &*out), (code, ""), "{words:?}: {err}");
        assert!(err.contains(part), "{words:?}: {err}");
    }
    assert!(!dir.path().join("storage/wrong").exists());
    let words = [
        "--json",
        "bot-keys",
        "all",
        "--show-recovery-key",
        "--homeserver",
        "http://127.0.0.1:9",
    ];
    let (code, out, err) = ferryman(dir.path(), &words, &[("ACCESS_TOKEN", "t0ken")]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(
        format!("{out}{err}").contains("leave one of the two out"),
        "{out}{err}"
    );

    let words = with(&["--plain", "--cross-check"]);
    let (code, out, err) = ferryman(dir.path(), &words, &passphrase);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("12 keys"), "{out}");
    assert!(
        out.contains("Sled itself: 12 rows, 12 of them taken out"),
        "{out}"
    );
    let mut names: Vec<_> = fs::read_dir(dir.path().join("files"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["extracted-keys.json"]);

    let export = [("EXPORT_PASSPHRASE", "another horse"), passphrase[0]];
    let (code, out, err) = ferryman(dir.path(), &extract, &export);
    assert_eq!(code, 0, "{out}{err}");
    let file = fs::File::open(dir.path().join("files/room-keys.txt")).unwrap();
    let keys = decrypt_room_key_export(file, "another horse").unwrap();
    assert_eq!(keys.len(), 12);
    assert!(!out.contains("horse") && !err.contains("horse"));
}

/// Room, sender's key and session: the key.
fn by_name<'a>(keys: impl Iterator<Item = &'a Value>) -> BTreeMap<[&'a str; 3], &'a Value> {
    keys.map(|key| {
        let field = |name: &str| key[name].as_str().unwrap();
        let name = [field("room_id"), field("sender_key"), field("session_id")];
        (name, key)
    })
    .collect()
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The keys of an `extracted-keys.json`.
fn written(path: &Path) -> Vec<Value> {
    let written: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let by_room = written["keys_by_room"].as_object().unwrap().values();
    let keys: Vec<_> = by_room
        .flat_map(|keys| keys.as_array().unwrap())
        .cloned()
        .collect();
    assert_eq!(written["total_keys"], keys.len());
    keys
}

#[test]
fn every_key_is_the_one_that_the_original_crate_exports() {
    for (version, sessions, rooms, passphrase) in [
        (Version::V4, 1, 1, "a horse"),
        (Version::V4, 250, 30, "empty"),
        (Version::V4, 120, 7, "none"),
        (Version::V5, 1, 1, "none"),
        (Version::V5, 400, 90, "empty"),
        (Version::V5, 250, 30, "a horse"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        version.make(&store, sessions, rooms, passphrase);
        let variables: &[_] = match passphrase {
            "none" | "empty" => &[],
            other => &[("STORE_PASSPHRASE", other)],
        };
        let words = [
            "bot-keys",
            "extract",
            "--store",
            "store",
            "--plain",
            "--cross-check",
        ];
        let (code, out, err) = ferryman(dir.path(), &words, variables);
        assert_eq!(code, 0, "{version:?} {passphrase}: {out}{err}");
        let written = written(&dir.path().join("extracted-keys.json"));
        let expected = json_lines(&store.join("expected.jsonl"));
        assert_eq!((written.len(), expected.len()), (sessions, sessions));
        let of_rooms: BTreeSet<_> = written.iter().map(|key| key["room_id"].as_str()).collect();
        assert_eq!(of_rooms.len(), rooms);
        assert!(
            by_name(written.iter()) == by_name(expected.iter()),
            "{version:?} {passphrase}: they differ"
        );
    }
}

/// Copies a folder file by file, as `cp -r` does, while others may write.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else if let Err(error) = fs::copy(entry.path(), to) {
            // Sled has removed it meanwhile.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }
}

#[test]
fn of_a_store_copied_from_a_running_bot_every_session_comes_out_that_was_in_it() {
    const SOME: usize = 1_000;
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let expected = store.join("expected.jsonl");
    let mut bot = Version::V5.begin(&store, 1_000_000, 50, "empty");
    let begun = Instant::now();
    let before = loop {
        let so_far = fs::read_to_string(&expected).unwrap_or_default();
        let whole = so_far.rfind('\n').map_or("", |end| &so_far[..=end]);
        if whole.lines().count() >= SOME {
            break whole.to_owned();
        }
        assert!(begun.elapsed() < LONG, "the bot writes nothing");
        assert_eq!(bot.try_wait().unwrap(), None, "the bot has ended");
        std::thread::sleep(Duration::from_millis(20));
    };
    let copy = dir.path().join("copy");
    copied(&store, &copy);
    let live = |store: &str, into: &str| {
        let words = [
            "bot-keys",
            "extract",
            "--skip-errors",
            "--plain",
            "--store",
            store,
            "--into",
            into,
        ];
        ferryman(dir.path(), &words, &[])
    };
    // Where it still runs, too; that it changes meanwhile is told.
    let (code, out, err) = live("store", "of-the-running");
    assert!(code == 0 || out.contains("changed"), "{code}: {out}{err}");
    assert_eq!(bot.try_wait().unwrap(), None, "the bot has ended");
    bot.kill().unwrap();
    bot.wait().unwrap();
    let (code, out, err) = live("copy", "of-the-copy");
    assert_eq!(code, 0, "{out}{err}");
    let before: Vec<Value> = before
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for into in ["of-the-running", "of-the-copy"] {
        let written = written(&dir.path().join(into).join("extracted-keys.json"));
        let written = by_name(written.iter());
        for (name, key) in by_name(before.iter()) {
            assert!(written.get(&name) == Some(&key), "{into}: {name:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_client_reads_what_the_old_store_could() {
    each_target("a bot's keys", async |target| {
        let names = Names::fresh().unwrap();
        let server = match target {
            Target::Tuwunel => Server::tuwunel(&names, Vec::new()).await,
            Target::StandIn => Server::stand_in(&names, Vec::new()).await,
        }
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let told = Box::pin(told(&server, &dir.path().join("storage"))).await;
        let login = server.anonymous().login(BOT, &password(BOT)).await.unwrap();
        let token = login.token().unwrap();
        let variables = [
            ("HOMESERVER_URL", server.url()),
            ("ACCESS_TOKEN", secrecy::ExposeSecret::expose_secret(token)),
            ("STORAGE_PATH", "storage"),
            ("MIGRATION_DIR", "files"),
            ("MIGRATION_PASSWORD", &password(BOT)),
            ("MIGRATION_CONFIRM", &told.device),
        ];
        let run = |words: &[&str]| ferryman(dir.path(), words, &variables);

        let (code, out, err) = run(&["bot-keys", "all"]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.contains("Status: COMPLETE"), "{out}");
        let recovery = fs::read_to_string(dir.path().join("files/recovery-key.txt")).unwrap();
        assert!(!out.contains(recovery.trim()), "{out}");
        assert!(!err.contains(recovery.trim()), "{err}");
        let new = Box::pin(reads(&server, &dir.path().join("files"), &told)).await;

        // Again: everything is there.
        let (code, out, err) = run(&["bot-keys", "all"]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.contains("uploaded: 0 keys"), "{out}");
        let (code, out, err) = run(&["bot-keys", "verify"]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.contains("Status: COMPLETE"), "{out}");

        let (code, out, err) = run(&["bot-keys", "delete-device"]);
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.contains(&told.device), "{out}");
        let (code, _, err) = run(&["bot-keys", "delete-device"]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("has no device"), "{err}");
        // The new one lives.
        synced(&new).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_service_acts_as_the_bots_of_a_list() {
    each_target("bots' keys by the application service", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let told = Box::pin(told(&stage.target, &dir.path().join("storage"))).await;
        let user = format!("@{BOT}:{}", stage.names.server_name);
        let list = dir.path().join("bots.toml");
        let text = format!("[[bot]]\nuser = \"{user}\"\nstorage = \"storage\"\n");
        fs::write(&list, text).unwrap();
        let mut operator = Operator::login(stage.target.url()).await;
        let list = list.display().to_string();
        let environment = [("FERRYMAN_BOT_KEYS_LIST", list.as_str())];
        let _running = Running::start_with(&stage, &environment);
        operator.enter().await;

        let refused = operator.ask("bot-keys all --storage /etc", LONG).await;
        let refused = &refused.last().unwrap().body;
        assert!(
            refused.contains("can't be given from the room"),
            "{refused}"
        );
        let all = operator.ask("bot-keys all", LONG).await;
        let preview = all.iter().find(|it| it.code.is_some()).unwrap();
        assert!(preview.body.contains("a new backup"), "{}", preview.body);
        let text: String = all.iter().map(|it| &*it.body).collect();
        assert!(text.contains("Status: COMPLETE"), "{text}");
        let data = &stage.installation.config.data_dir;
        let folder = data.join("bot-keys").join(&user);
        let recovery = fs::read_to_string(folder.join("recovery-key.txt")).unwrap();
        assert!(!text.contains(recovery.trim()), "{text}");
        Box::pin(reads(&stage.target, &folder, &told)).await;

        if target == Target::Tuwunel {
            let unnamed = operator
                .ask(&format!("bot-keys delete-device {user}"), LONG)
                .await;
            let unnamed = &unnamed.last().unwrap().body;
            assert!(unnamed.contains("say which device"), "{unnamed}");
            let order = format!("bot-keys delete-device {user} --device {}", told.device);
            let deleted = operator.ask(&order, LONG).await;
            let text: String = deleted.iter().map(|it| &*it.body).collect();
            assert!(text.contains("is gone"), "{text}");
            assert!(text.contains(&told.device), "{text}");
        }
    })
    .await;
}

//! A real client writes encrypted messages on Synapse; after the migration a fresh one on Tuwunel reads them with nothing
//! but the password and the recovery key, and is verified by the identity of before.

use std::{collections::BTreeMap, fs};

use ferryman::{
    bundle::SourceKind,
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    engine::{Engine, ExportOptions},
    lab::{
        fill::password,
        names::Names,
        synapse::{Synapse, SynapseOptions},
    },
    migration::outcome::ImportSummary,
    report::page::page,
};
use matrix_sdk::{
    Client, Room,
    config::SyncSettings,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::{
        OwnedEventId, UserId,
        api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset},
        events::room::{
            encryption::{InitialRoomEncryptionEvent, RoomEncryptionEventContent},
            message::RoomMessageEventContent,
        },
    },
};
use serde_json::Value;

use crate::{
    journey::{assert_good, job},
    targets::tuwunel_or_skip,
};

const SAID: [&str; 3] = ["Meet me at the quay.", "Bring the charts.", "Grüße – 港"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_client_reads_the_encrypted_past() {
    if !tuwunel_or_skip("encryption") {
        return;
    }
    let names = Names::fresh().unwrap();
    let source = Synapse::start(SynapseOptions::source(names.server_name.clone()))
        .await
        .unwrap();
    let admin = source
        .register("admin", &password("admin"), true)
        .await
        .unwrap();
    for user in ["anna", "ben"] {
        source
            .create_user(&admin, user, &password(user))
            .await
            .unwrap();
    }
    let before = Box::pin(write(source.url())).await;

    let between = Between {
        names: &names,
        source: source.url(),
        admin_token: admin.token().unwrap().clone(),
    };
    let (installation, target) = install(&between, &names, true).await.unwrap();
    let engine = engine(&installation, &source);
    let options = ExportOptions {
        source: Some(SourceKind::Database),
        ..ExportOptions::default()
    };
    let exported = engine
        .export(&job(), &options, Box::new(page))
        .await
        .unwrap();
    assert_eq!(exported.problems, []);
    source_is_gone(source).await;

    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!((imported.identities, imported.key_backups), (2, 2));
    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    assert_eq!(verification.identities.equal, 2);
    assert!(
        verification.room_keys.equal >= 2,
        "{:?}",
        verification.room_keys
    );

    let passwords = passwords(&imported);
    read(target.url(), &before, &passwords).await;
}

async fn source_is_gone(mut source: Synapse) {
    source.server.stop().await.unwrap();
}

fn engine(installation: &Installation, source: &Synapse) -> Engine {
    let mut config = installation.config.clone();
    config.synapse.homeserver_yaml = Some(source.config_path());
    Engine::new(
        std::sync::Arc::new(config),
        std::sync::Arc::new(installation.tokens.clone()),
        std::sync::Arc::new(ferryman::clock::SystemClock),
    )
}

/// What Anna left behind.
struct Before {
    room: matrix_sdk::ruma::OwnedRoomId,
    said: Vec<(OwnedEventId, &'static str)>,
    recovery_key: String,
    master_key: String,
}

/// Anna and Ben sign up as people do: identity, backup, recovery key; they verify each other and talk.
async fn write(url: &str) -> Before {
    let (anna, ben) = tokio::join!(client(url, "anna", None), client(url, "ben", None));
    let mut keys = Vec::new();
    for client in [&anna, &ben] {
        client
            .encryption()
            .wait_for_e2ee_initialization_tasks()
            .await;
        keys.push(
            client
                .encryption()
                .recovery()
                .enable()
                .wait_for_backups_to_upload()
                .await
                .unwrap(),
        );
    }
    let mut request = CreateRoom::new();
    request.preset = Some(RoomPreset::TrustedPrivateChat);
    request.invite = vec![ben.user_id().unwrap().to_owned()];
    request.initial_state = vec![
        InitialRoomEncryptionEvent::new(
            matrix_sdk::ruma::events::EmptyStateKey,
            RoomEncryptionEventContent::with_recommended_defaults(),
        )
        .to_raw_any(),
    ];
    let room = anna.create_room(request).await.unwrap();
    synced(&ben).await;
    ben.join_room_by_id(room.room_id()).await.unwrap();
    synced(&anna).await;
    let others = anna
        .encryption()
        .request_user_identity(ben.user_id().unwrap())
        .await
        .unwrap();
    others.unwrap().verify().await.unwrap();
    let mut said = Vec::new();
    for (number, text) in SAID.into_iter().enumerate() {
        let by = if number == 1 { &ben } else { &anna };
        synced(by).await;
        let room = by.get_room(room.room_id()).unwrap();
        let content = RoomMessageEventContent::text_plain(text);
        let sent = room.send(content).await.unwrap();
        said.push((sent.response.event_id, text));
        synced(&anna).await;
        synced(&ben).await;
    }
    assert_eq!(texts(&room, &said).await, SAID);
    for client in [&anna, &ben] {
        let backups = client.encryption().backups();
        backups.wait_for_steady_state().await.unwrap();
    }
    Before {
        room: room.room_id().to_owned(),
        said,
        recovery_key: keys.swap_remove(0),
        master_key: master_key(&anna, anna.user_id().unwrap()).await,
    }
}

/// A new device: nothing of before is on it.
async fn read(url: &str, before: &Before, passwords: &BTreeMap<String, String>) {
    let anna = client(url, "anna", Some(passwords)).await;
    anna.encryption().wait_for_e2ee_initialization_tasks().await;
    synced(&anna).await;
    let me = anna.user_id().unwrap().to_owned();
    let device = anna.encryption().get_own_device().await.unwrap().unwrap();
    assert!(!device.is_cross_signed_by_owner());
    assert_eq!(master_key(&anna, &me).await, before.master_key);
    let room = anna.get_room(&before.room).unwrap();
    assert_eq!(texts(&room, &before.said).await, ["(encrypted)"; 3]);

    anna.encryption()
        .recovery()
        .recover(&before.recovery_key)
        .await
        .unwrap();
    synced(&anna).await;
    anna.encryption()
        .backups()
        .download_room_keys_for_room(&before.room)
        .await
        .unwrap();
    assert_eq!(texts(&room, &before.said).await, SAID);
    let device = anna.encryption().get_own_device().await.unwrap().unwrap();
    assert!(device.is_cross_signed_by_owner());
    assert!(device.is_verified());
    assert_eq!(master_key(&anna, &me).await, before.master_key);
    let server = me.server_name();
    let ben = UserId::parse(format!("@ben:{server}")).unwrap();
    let ben = anna.encryption().request_user_identity(&ben).await.unwrap();
    assert!(ben.unwrap().is_verified());
}

/// Somebody's client: one that sets up everything, or, with a password from this list, one that sets up nothing.
pub(crate) async fn client(
    url: &str,
    user: &str,
    passwords: Option<&BTreeMap<String, String>>,
) -> Client {
    let is_new = passwords.is_none();
    let client = Client::builder()
        .homeserver_url(url)
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: is_new,
            auto_enable_backups: is_new,
            backup_download_strategy: BackupDownloadStrategy::Manual,
        })
        .build()
        .await
        .unwrap();
    let password = match passwords {
        Some(passwords) => passwords[user].clone(),
        None => password(user),
    };
    client
        .matrix_auth()
        .login_username(user, &password)
        .send()
        .await
        .unwrap();
    client
}

pub(crate) async fn synced(client: &Client) {
    let settings = SyncSettings::new().timeout(std::time::Duration::ZERO);
    client.sync_once(settings).await.unwrap();
}

async fn master_key(client: &Client, user: &UserId) -> String {
    let identity = client
        .encryption()
        .request_user_identity(user)
        .await
        .unwrap();
    let key = identity.unwrap().master_key().get_first_key();
    key.unwrap().to_base64()
}

/// What a client can read of some messages.
pub(crate) async fn texts(room: &Room, said: &[(OwnedEventId, &str)]) -> Vec<String> {
    let mut texts = Vec::new();
    for (id, _) in said {
        let event = room.event(id, None).await.unwrap();
        let json: Value = event.raw().deserialize_as_unchecked().unwrap();
        let body = json["content"]["body"].as_str();
        assert!(
            body.is_some() || json["type"] == "m.room.encrypted",
            "{json}"
        );
        texts.push(body.unwrap_or("(encrypted)").to_owned());
    }
    texts
}

/// What the operator hands out: by localpart.
fn passwords(imported: &ImportSummary) -> BTreeMap<String, String> {
    let summary = imported.passwords.as_ref().unwrap();
    let text = fs::read_to_string(summary).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(','));
    let localpart = |user: &str| UserId::parse(user).unwrap().localpart().to_owned();
    lines
        .map(|(user, password)| (localpart(user), password.to_owned()))
        .collect()
}

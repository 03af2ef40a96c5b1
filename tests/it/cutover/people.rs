//! Ada of the old server and Otto of another one, who talk in an encrypted room with clients as people have them.

use std::{collections::BTreeMap, time::Duration};

use ferryman::lab::names::Names;
use matrix_sdk::{
    Client, Room, RoomMemberships,
    ruma::{
        OwnedEventId, OwnedRoomId, UserId,
        api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset},
        events::room::{
            encryption::{InitialRoomEncryptionEvent, RoomEncryptionEventContent},
            message::RoomMessageEventContent,
        },
    },
};

use crate::encryption::{client, synced, texts};

/// How long something may be on its way from server to server.
const LATE: Duration = Duration::from_mins(1);

/// Tries until it works.
pub(crate) async fn eventually<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    tried: impl Fn() -> F,
) -> T {
    let start = std::time::Instant::now();
    loop {
        match tried().await {
            Ok(done) => return done,
            Err(error) if start.elapsed() > LATE => panic!("{what}: {error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// The encrypted conversation.
pub(crate) struct Talk {
    ada: Client,
    otto: Client,
    room: OwnedRoomId,
    first: OwnedEventId,
    recovery_key: String,
}

const FIRST: &str = "Before anything moved";

impl Talk {
    /// Ada makes an identity, a backup and a room, and says the first thing in it.
    pub(crate) async fn begin(ours: &str, theirs: &str, names: &Names) -> Self {
        let (ada, otto) = tokio::join!(client(ours, "ada", None), client(theirs, "otto", None));
        for client in [&ada, &otto] {
            let encryption = client.encryption();
            encryption.wait_for_e2ee_initialization_tasks().await;
        }
        let recovery = ada.encryption().recovery();
        let recovery_key = recovery
            .enable()
            .wait_for_backups_to_upload()
            .await
            .unwrap();
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::TrustedPrivateChat);
        let guest = UserId::parse(format!("@otto:{}", names.server_name)).unwrap();
        request.invite = vec![guest];
        request.initial_state = vec![
            InitialRoomEncryptionEvent::new(
                matrix_sdk::ruma::events::EmptyStateKey,
                RoomEncryptionEventContent::with_recommended_defaults(),
            )
            .to_raw_any(),
        ];
        let room = ada.create_room(request).await.unwrap().room_id().to_owned();
        eventually("Otto's join", || async {
            synced(&otto).await;
            otto.join_room_by_id(&room).await
        })
        .await;
        eventually("Otto in Ada's eyes", || async {
            synced(&ada).await;
            let room = ada.get_room(&room).unwrap();
            let members = room.members(RoomMemberships::JOIN).await.unwrap().len();
            if members == 2 { Ok(()) } else { Err(members) }
        })
        .await;
        let mut talk = Self {
            first: "$none".try_into().unwrap(),
            ada,
            otto,
            room,
            recovery_key,
        };
        talk.first = talk.heard(&talk.ada, &talk.otto, FIRST).await;
        let backups = talk.ada.encryption().backups();
        backups.wait_for_steady_state().await.unwrap();
        talk
    }

    /// Ada says something with the client that she has had all along, and Otto reads it.
    pub(crate) async fn say_on_old(&self, text: &str) {
        self.heard(&self.ada, &self.otto, text).await;
    }

    /// Ada's client still reads, and is told kindly that it can't write.
    pub(crate) async fn old_is_read_only(&self) {
        synced(&self.ada).await;
        let room = self.ada.get_room(&self.room).unwrap();
        let path = format!(
            "{}/_matrix/client/v3/rooms/{}/send/m.room.message/1",
            self.ada.homeserver().as_str().trim_end_matches('/'),
            room.room_id()
        );
        let http = reqwest::Client::new();
        let request = http.put(path).bearer_auth(self.ada.access_token().unwrap());
        let answer = request.body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let said = answer.text().await.unwrap();
        assert!(said.contains("moving to new software"), "{said}");
    }

    /// Ada is not known by her old client's token any more, logs in anew, reads what was said before, and talks on.
    pub(crate) async fn goes_on(&self, url: &str, passwords: &BTreeMap<String, String>) {
        let error = self.ada.whoami().await.unwrap_err();
        assert!(error.to_string().contains("M_UNKNOWN_TOKEN"), "{error}");
        let ada = client(url, "ada", Some(passwords)).await;
        ada.encryption().wait_for_e2ee_initialization_tasks().await;
        synced(&ada).await;
        let recovery = ada.encryption().recovery();
        recovery.recover(&self.recovery_key).await.unwrap();
        synced(&ada).await;
        let backups = ada.encryption().backups();
        backups
            .download_room_keys_for_room(&self.room)
            .await
            .unwrap();
        let room = ada.get_room(&self.room).unwrap();
        let read = texts(&room, &[(self.first.clone(), FIRST)]).await;
        assert_eq!(read, [FIRST]);
        self.heard(&ada, &self.otto, "From my new device").await;
        self.heard(&self.otto, &ada, "I hear you").await;
    }

    /// Says something encrypted, and waits until the other one has decrypted it.
    async fn heard(&self, by: &Client, to: &Client, text: &str) -> OwnedEventId {
        synced(by).await;
        let content = RoomMessageEventContent::text_plain(text);
        let sent = self.room_of(by).send(content).await.unwrap();
        let event = sent.response.event_id;
        eventually(text, || async {
            synced(to).await;
            let read = read(&self.room_of(to), &event).await;
            if read == text { Ok(()) } else { Err(read) }
        })
        .await;
        event
    }

    fn room_of(&self, client: &Client) -> Room {
        client.get_room(&self.room).unwrap()
    }
}

async fn read(room: &Room, event: &OwnedEventId) -> String {
    match room.event(event, None).await {
        Ok(found) => {
            let raw = found.raw().json().get().to_owned();
            let event: serde_json::Value = serde_json::from_str(&raw).unwrap();
            event["content"]["body"]
                .as_str()
                .unwrap_or("(encrypted)")
                .to_owned()
        }
        Err(error) => error.to_string(),
    }
}

//! The operator's own client: a real one with a device of its own, which reads and writes as people's clients do, in
//! rooms with and without encryption.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ferryman::lab::target::{OPERATOR, OPERATOR_PASSWORD};
use matrix_sdk::{
    Client, Room, RoomState,
    config::SyncSettings,
    encryption::EncryptionSettings,
    media::{MediaFormat, MediaRequestParameters},
    room::MessagesOptions,
    ruma::{
        OwnedRoomId, UserId,
        api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset},
        events::{
            EmptyStateKey,
            room::{
                EncryptedFile, MediaSource,
                encryption::{InitialRoomEncryptionEvent, RoomEncryptionEventContent},
                message::RoomMessageEventContent,
            },
        },
    },
};
use serde_json::Value;

/// How long the bot may take to start and to invite.
const INVITE: Duration = Duration::from_mins(1);

/// The pause between two looks at the room.
const POLL: Duration = Duration::from_millis(250);

/// What the bot calls a message that is a command's end, rather than its progress.
const ENDS: [&str; 6] = ["answer", "no", "old", "cut", "clear", "unread"];

/// Something that the bot said, as the operator's client shows it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its event.
    pub(crate) event_id: String,
    /// The message that it answers.
    pub(crate) in_reply_to: Option<String>,
    /// The message of which it is an edit.
    pub(crate) replaces: Option<String>,
    /// The text; an edit's new one.
    pub(crate) body: String,
    /// The same as HTML.
    pub(crate) formatted_body: Option<String>,
    /// `ferryman.part`.
    pub(crate) part: Option<String>,
    /// `ferryman.code`, on a preview.
    pub(crate) code: Option<String>,
    /// An attachment's bytes, decrypted.
    pub(crate) file: Option<Vec<u8>>,
    /// Whether it was sent encrypted.
    pub(crate) encrypted: bool,
    /// The whole content, decrypted.
    pub(crate) content: Value,
}

/// The client, in one room.
pub(crate) struct Operator {
    client: Client,
    room: Option<OwnedRoomId>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Operator {
    /// The lab's operator, on a new device that is signed by an identity of the operator's, as people's clients do.
    pub(crate) async fn login(url: &str) -> Self {
        let settings = EncryptionSettings {
            auto_enable_cross_signing: true,
            ..EncryptionSettings::default()
        };
        Self::login_with(url, (OPERATOR, OPERATOR_PASSWORD), settings).await
    }

    /// The same on a device that nobody has signed.
    pub(crate) async fn login_unsigned(url: &str) -> Self {
        let settings = EncryptionSettings::default();
        Self::login_with(url, (OPERATOR, OPERATOR_PASSWORD), settings).await
    }

    /// Turns to a room that the user is in.
    pub(crate) async fn stay_in(&mut self, room: &str) {
        self.room = Some(OwnedRoomId::try_from(room).unwrap());
        self.sync().await;
    }

    async fn login_with(
        url: &str,
        (user, password): (&str, &str),
        settings: EncryptionSettings,
    ) -> Self {
        let client = Client::builder()
            .homeserver_url(url)
            .with_encryption_settings(settings)
            .build()
            .await
            .unwrap();
        let login = client.matrix_auth().login_username(user, password);
        login.send().await.unwrap();
        let encryption = client.encryption();
        encryption.wait_for_e2ee_initialization_tasks().await;
        let operator = Self {
            client,
            room: None,
            files: BTreeMap::new(),
        };
        operator.sync().await;
        operator
    }

    /// Whose client it is.
    pub(crate) fn user_id(&self) -> &UserId {
        self.client.user_id().unwrap()
    }

    /// The client itself.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The room's ID.
    pub(crate) fn room_id(&self) -> &str {
        self.room.as_ref().unwrap().as_str()
    }

    /// Waits for the bot's invite and accepts it.
    pub(crate) async fn enter(&mut self) {
        let start = Instant::now();
        while start.elapsed() < INVITE {
            self.sync().await;
            if let Some(room) = self.client.invited_rooms().first() {
                room.join().await.unwrap();
                self.room = Some(room.room_id().to_owned());
                self.sync().await;
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("the bot invites nobody");
    }

    /// Makes a room and invites the bot.
    pub(crate) async fn make_room(&mut self, bot: &str, encrypted: bool) {
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::PrivateChat);
        request.name = Some("Control room".to_owned());
        request.invite = vec![UserId::parse(bot).unwrap()];
        if encrypted {
            let content = RoomEncryptionEventContent::with_recommended_defaults();
            let event = InitialRoomEncryptionEvent::new(EmptyStateKey, content);
            request.initial_state = vec![event.to_raw_any()];
        }
        let room = self.client.create_room(request).await.unwrap();
        self.room = Some(room.room_id().to_owned());
        self.sync().await;
    }

    /// Turns the room's encryption on.
    pub(crate) async fn encrypt_room(&self) {
        self.joined().await.enable_encryption().await.unwrap();
        self.sync().await;
    }

    /// Sends a text; its event.
    pub(crate) async fn say(&self, text: &str) -> String {
        let room = self.joined().await;
        let content = RoomMessageEventContent::text_plain(text);
        room.send(content)
            .await
            .unwrap()
            .response
            .event_id
            .to_string()
    }

    /// Sends a command and gives what the bot answered, edits and all, once the last of it is there; says yes to a
    /// preview by its code.
    pub(crate) async fn ask(&mut self, command: &str, patience: Duration) -> Vec<Message> {
        let asked = self.say(&format!("!ferry {command}")).await;
        let mut answers = self.ended(&asked, patience).await;
        let code = answers.iter().find_map(|it| it.code.clone());
        if let Some(code) = code {
            let confirmed = self.say(&format!("!ferry confirm {code}")).await;
            answers.extend(self.ended(&confirmed, patience).await);
        }
        answers
    }

    /// What belongs to a message, once a command's end, or a preview that waits, is among it.
    pub(crate) async fn ended(&mut self, asked: &str, patience: Duration) -> Vec<Message> {
        let start = Instant::now();
        loop {
            let about = self.about(asked).await;
            let is_end = |it: &Message| {
                it.code.is_some() || it.part.as_deref().is_some_and(|it| ENDS.contains(&it))
            };
            if about.iter().any(is_end) {
                // Files follow their message at once.
                tokio::time::sleep(POLL * 6).await;
                return self.about(asked).await;
            }
            assert!(start.elapsed() < patience, "no end of {asked}: {about:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The answers to a message, with their edits.
    async fn about(&mut self, asked: &str) -> Vec<Message> {
        let all = self.answers().await;
        let mut about: Vec<Message> = Vec::new();
        for message in all {
            // Its edits, and what hangs in its thread.
            let belongs = |first: &Message| {
                let id = Some(&first.event_id);
                id == message.replaces.as_ref() || id == message.in_reply_to.as_ref()
            };
            if message.in_reply_to.as_deref() == Some(asked) || about.iter().any(belongs) {
                about.push(message);
            }
        }
        about
    }

    /// Waits for a message of the bot's.
    pub(crate) async fn hears(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Message) -> bool,
    ) -> Message {
        let start = Instant::now();
        loop {
            let answers = self.answers().await;
            if let Some(message) = answers.iter().find(|it| wanted(it)) {
                return message.clone();
            }
            assert!(start.elapsed() < patience, "not among {answers:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Everything that others have said so far, oldest first, edits as messages of their own. What this client can't
    /// read fails the test.
    pub(crate) async fn answers(&mut self) -> Vec<Message> {
        self.sync().await;
        let mut answers = Vec::new();
        for (event, encrypted) in self.timeline().await {
            if event["sender"] == self.user_id().as_str()
                || event["unsigned"]["redacted_because"].is_object()
            {
                continue;
            }
            // Keys come with a sync of their own.
            if event["type"] == "m.room.message" && event["content"]["msgtype"] != "m.text" {
                answers.push(self.message(&event, encrypted).await);
            }
        }
        answers
    }

    /// All events of the room that can be read, and the others as they are, oldest first, and whether each was
    /// encrypted.
    pub(crate) async fn timeline(&self) -> Vec<(Value, bool)> {
        let room = self.joined().await;
        let mut events = Vec::new();
        let mut from = None;
        loop {
            let mut options = MessagesOptions::backward().from(from.as_deref());
            options.limit = 100_u32.into();
            let page = room.messages(options).await.unwrap();
            for event in &page.chunk {
                let json: Value = event.raw().deserialize_as_unchecked().unwrap();
                let encrypted =
                    event.encryption_info().is_some() || json["type"] == "m.room.encrypted";
                events.push((json, encrypted));
            }
            if page.end.is_none() || page.chunk.is_empty() {
                events.reverse();
                return events;
            }
            from = page.end;
        }
    }

    async fn message(&mut self, event: &Value, encrypted: bool) -> Message {
        let content = &event["content"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let relation = &content["m.relates_to"];
        let replaces = (relation["rel_type"] == "m.replace")
            .then(|| text(&relation["event_id"]))
            .flatten();
        let shown = if replaces.is_some() {
            &content["m.new_content"]
        } else {
            content
        };
        Message {
            event_id: text(&event["event_id"]).unwrap(),
            in_reply_to: text(&relation["m.in_reply_to"]["event_id"]),
            replaces,
            body: text(&shown["body"]).unwrap_or_default(),
            formatted_body: text(&shown["formatted_body"]),
            part: text(&content["ferryman.part"]),
            code: text(&content["ferryman.code"]),
            file: self.file(content).await,
            encrypted,
            content: content.clone(),
        }
    }

    /// An attachment's bytes, fetched once.
    async fn file(&mut self, content: &Value) -> Option<Vec<u8>> {
        let source = if content["file"].is_object() {
            let file: EncryptedFile = serde_json::from_value(content["file"].clone()).unwrap();
            MediaSource::Encrypted(Box::new(file))
        } else {
            MediaSource::Plain(content["url"].as_str()?.into())
        };
        let request = MediaRequestParameters {
            source,
            format: MediaFormat::File,
        };
        let uri = request.uri().to_string();
        if let Some(bytes) = self.files.get(&uri) {
            return Some(bytes.clone());
        }
        let media = self.client.media();
        let bytes = media.get_media_content(&request, false).await.unwrap();
        self.files.insert(uri, bytes.clone());
        Some(bytes)
    }

    /// One sync: keys, members, devices.
    pub(crate) async fn sync(&self) {
        let settings = SyncSettings::new().timeout(Duration::ZERO);
        self.client.sync_once(settings).await.unwrap();
    }

    async fn joined(&self) -> Room {
        let room = self.room.as_ref().unwrap();
        let start = Instant::now();
        loop {
            match self.client.get_room(room) {
                Some(room) if room.state() == RoomState::Joined => return room,
                _ => self.sync().await,
            }
            assert!(start.elapsed() < INVITE, "{room} does not come");
        }
    }
}

//! More people: each with everything that a client can leave with a server.

use std::collections::BTreeMap;

use ferryman::{
    demo::stage::Stage,
    lab::{
        client::{Client, v3},
        fill::{
            FilledUser, PIXEL, accounts::Account, backups, cross_signing, media::Medium, password,
        },
    },
};
use serde_json::{Value, json};

pub(super) const NAMES: [&str; 8] = [
    "nina", "otto", "pia", "quentin", "rosa", "sven", "tilda", "uwe",
];

/// Registers them and lets each keep something of every kind.
pub(super) async fn settle(stage: &mut Stage) {
    let mut clients = BTreeMap::new();
    for name in NAMES {
        let admin = stage.filled.admin();
        let client = stage.source.create_user(admin, name, &password(name)).await;
        clients.insert(name, client.unwrap());
    }
    for (number, name) in NAMES.into_iter().enumerate() {
        let neighbour = &clients[NAMES[(number + 1) % NAMES.len()]];
        let newcomer = Newcomer {
            number,
            client: &clients[name],
            neighbour,
        };
        newcomer.keep(stage).await;
    }
    for (name, client) in clients {
        let user_id = client.user_id().to_owned();
        stage
            .filled
            .things
            .accounts
            .insert(user_id.clone(), Account::default());
        let user = FilledUser {
            user_id,
            password: password(name),
            displayname: None,
            avatar: None,
            deactivated: false,
            client,
        };
        stage.filled.users.insert(name, user);
    }
}

struct Newcomer<'a> {
    number: usize,
    client: &'a Client,
    /// Whom they talk to.
    neighbour: &'a Client,
}

impl Newcomer<'_> {
    async fn keep(&self, stage: &mut Stage) {
        let lobby = stage.filled.room("lobby").to_owned();
        self.client.join(&lobby, None).await.unwrap();
        let (dm, notes) = self.rooms().await;
        self.show_themselves(&dm).await;
        self.upload(stage).await;
        self.settings(&dm, &notes).await;
        self.rules(&dm, &lobby).await;
        self.read(&dm).await;
        cross_signing::sign_up(self.client).await.unwrap();
        let sessions = self.number + 1;
        backups::make(self.client, &[&dm, &notes], sessions)
            .await
            .unwrap();
    }

    /// A direct chat and a room of their own.
    async fn rooms(&self) -> (String, String) {
        let dm = json!({ "preset": "trusted_private_chat", "is_direct": true, "invite": [self.neighbour.user_id()] });
        let dm = self.client.create_room(&dm).await.unwrap();
        self.neighbour.join(&dm, None).await.unwrap();
        let notes = json!({ "preset": "private_chat", "name": format!("Notes {}", self.number) });
        (dm, self.client.create_room(&notes).await.unwrap())
    }

    /// Name, picture, fields; another name in the direct chat.
    async fn show_themselves(&self, dm: &str) {
        let (client, me) = (self.client, self.client.user_id());
        client
            .set_displayname(&format!("Newcomer № {}", self.number))
            .await
            .unwrap();
        let picture = client
            .upload(Some("me.png"), "image/png", PIXEL)
            .await
            .unwrap();
        client.set_avatar(&picture).await.unwrap();
        for (field, value) in [
            ("m.tz", json!("Africa/Nairobi")),
            (
                "org.example.hobbies",
                json!(["sailing", { "level": self.number }]),
            ),
        ] {
            client
                .put(&v3(&["profile", me, field]), &json!({ field: value }))
                .await
                .unwrap();
        }
        let member =
            json!({ "membership": "join", "displayname": format!("№ {} in here", self.number) });
        client
            .set_state(dm, "m.room.member", me, &member)
            .await
            .unwrap();
    }

    /// One file of a size of its own.
    async fn upload(&self, stage: &mut Stage) {
        let content: Vec<u8> = (0..self.number * 40_000 + 7)
            .map(|byte| byte.to_le_bytes()[0])
            .collect();
        let (name, kind) = ("log book.bin", "application/x-log");
        let uri = self
            .client
            .upload(Some(name), kind, &content)
            .await
            .unwrap();
        let medium = Medium {
            user_id: self.client.user_id().to_owned(),
            media_type: Some(kind),
            name: Some(name),
            content: Some(content),
            quarantined: false,
            protected: false,
        };
        stage.filled.things.media.insert(uri, medium);
    }

    async fn settings(&self, dm: &str, notes: &str) {
        let (client, me, other) = (self.client, self.client.user_id(), self.neighbour.user_id());
        let encrypted = json!({ "encrypted": { "key": { "iv": "aXY", "ciphertext": format!("c{}", self.number), "mac": "bWFj" } } });
        for (kind, content) in [
            ("m.direct", json!({ other: [dm] })),
            (
                "m.ignored_user_list",
                json!({ "ignored_users": { "@pest:elsewhere.example.org": {} } }),
            ),
            ("m.secret_storage.default_key", json!({ "key": "key" })),
            (
                "m.secret_storage.key.key",
                json!({ "algorithm": "m.secret_storage.v1.aes-hmac-sha2", "name": "", "iv": "aXY", "mac": "bWFj" }),
            ),
            ("m.cross_signing.master", encrypted.clone()),
            ("m.megolm_backup.v1", encrypted),
            (
                "io.example.theme",
                json!({ "dark": self.number.is_multiple_of(2), "scale": self.number }),
            ),
        ] {
            client.set_account_data(kind, &content).await.unwrap();
        }
        let room =
            |room: &str, segments: &[&str]| v3(&[&["user", me, "rooms", room], segments].concat());
        let set: [(String, Value); 3] = [
            (
                room(notes, &["tags", "m.favourite"]),
                json!({ "order": 0.25 }),
            ),
            (room(dm, &["tags", "u.Harbour folk ⚓"]), json!({})),
            (
                room(dm, &["account_data", "io.example.draft"]),
                json!({ "text": "Dear …", "at": self.number }),
            ),
        ];
        for (path, content) in set {
            client.put(&path, &content).await.unwrap();
        }
    }

    async fn rules(&self, dm: &str, lobby: &str) {
        let rule = |kind, id| v3(&["pushrules", "global", kind, id]);
        let loud = json!(["notify", { "set_tweak": "sound", "value": "bell" }]);
        let set = [
            (rule("room", lobby), json!({ "actions": [] })),
            (
                rule("content", "ahoy"),
                json!({ "pattern": "ahoy*", "actions": loud }),
            ),
            (
                rule("sender", self.neighbour.user_id()),
                json!({ "actions": loud }),
            ),
            (
                rule("override", "quiet dm"),
                json!({ "conditions": [{ "kind": "event_match", "key": "room_id", "pattern": dm }], "actions": [] }),
            ),
            (
                format!("{}/enabled", rule("content", "ahoy")),
                json!({ "enabled": self.number.is_multiple_of(2) }),
            ),
            (
                format!("{}/enabled", rule("override", ".m.rule.tombstone")),
                json!({ "enabled": false }),
            ),
        ];
        for (path, body) in set {
            self.client.put(&path, &body).await.unwrap();
        }
    }

    /// Publicly up to the first of two messages, for themselves up to the second.
    async fn read(&self, dm: &str) {
        let first = self.neighbour.say(dm, "Are you there?").await.unwrap();
        let second = self.neighbour.say(dm, "Hello?").await.unwrap();
        for (kind, event) in [("m.read", &first), ("m.read.private", &second)] {
            let path = v3(&["rooms", dm, "receipt", kind, event]);
            self.client.post(&path, &json!({})).await.unwrap();
        }
        let marker = json!({ "m.fully_read": first });
        self.client
            .post(&v3(&["rooms", dm, "read_markers"]), &marker)
            .await
            .unwrap();
    }
}

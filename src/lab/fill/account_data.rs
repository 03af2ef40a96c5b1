//! What clients keep on the server: settings, secrets, lists, tags, marks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ODD, Town};
use crate::lab::{Result, client::v3};

/// Account data by user, exactly as sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountData {
    /// User ID → type → content. Push rules are elsewhere.
    pub global: BTreeMap<String, BTreeMap<String, Value>>,
    /// User ID → room ID → type → content. Tags are below.
    pub rooms: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
    /// User ID → room ID → tag → content.
    pub tags: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
}

impl AccountData {
    async fn set(&mut self, town: &Town, name: &str, kind: &str, content: Value) -> Result<()> {
        town.who(name).set_account_data(kind, &content).await?;
        let of_user = self.global.entry(town.id(name).to_owned()).or_default();
        of_user.insert(kind.to_owned(), content);
        Ok(())
    }

    async fn set_in_room(
        &mut self,
        town: &Town,
        (name, room): (&str, &str),
        kind: &str,
        content: Value,
    ) -> Result<()> {
        let user = town.id(name);
        let path = v3(&["user", user, "rooms", room, "account_data", kind]);
        town.who(name).put(&path, &content).await?;
        self.expect_in_room(user, room, kind, content);
        Ok(())
    }

    /// Something that another request than that for account data puts there.
    pub(super) fn expect_in_room(&mut self, user: &str, room: &str, kind: &str, content: Value) {
        let of_user = self.rooms.entry(user.to_owned()).or_default();
        let of_room = of_user.entry(room.to_owned()).or_default();
        of_room.insert(kind.to_owned(), content);
    }

    async fn tag(
        &mut self,
        town: &Town,
        (name, room): (&str, &str),
        tag: &str,
        content: Value,
    ) -> Result<()> {
        let user = town.id(name);
        let path = v3(&["user", user, "rooms", room, "tags", tag]);
        town.who(name).put(&path, &content).await?;
        let of_user = self.tags.entry(user.to_owned()).or_default();
        let of_room = of_user.entry(room.to_owned()).or_default();
        of_room.insert(tag.to_owned(), content);
        Ok(())
    }
}

/// Sets all of it.
pub(super) async fn keep(
    town: &Town,
    rooms: &BTreeMap<&'static str, String>,
) -> Result<AccountData> {
    let mut data = AccountData::default();
    let direct = |name| json!({ town.id(name): [rooms["dm"]] });
    data.set(town, "alice", "m.direct", direct("bob")).await?;
    data.set(town, "bob", "m.direct", direct("alice")).await?;
    let ignored =
        json!({ "ignored_users": { town.id("mallory"): {}, "@troll:evil.example.org": {} } });
    data.set(town, "grace", "m.ignored_user_list", ignored)
        .await?;
    secrets(town, &mut data).await?;
    for (kind, content) in [
        ("org.example.settings", nested()),
        ("org.example.empty", json!({})),
        ("org.example/odd type+ü", json!({ "a": 1 })),
    ] {
        data.set(town, "erin", kind, content).await?;
    }
    data.set(town, ODD, "org.example.settings", nested())
        .await?;

    let (lobby, vault, dm) = (&*rooms["lobby"], &*rooms["vault"], &*rooms["dm"]);
    let notes =
        json!({ "note": "Schlüssel liegt unter der Matte 🔑", "pinned": [1, [2, { "x": null }]] });
    data.set_in_room(town, ("erin", lobby), "org.example.notes", notes)
        .await?;
    let unread = json!({ "unread": true });
    data.set_in_room(town, ("bob", dm), "m.marked_unread", unread)
        .await?;
    let favourite = json!({ "order": 0.25 });
    data.tag(town, ("bob", dm), "m.favourite", favourite)
        .await?;
    data.tag(town, ("bob", lobby), "u.work", json!({})).await?;
    data.tag(town, ("bob", lobby), "m.lowpriority", json!({ "order": 1 }))
        .await?;
    let of_odd = json!({ "order": 0.5, "org.example.colour": "türkis" });
    data.tag(town, (ODD, lobby), "u.Größe ☂", of_odd).await?;
    data.tag(
        town,
        ("grace", vault),
        "m.favourite",
        json!({ "order": 0.125 }),
    )
    .await?;
    Ok(data)
}

fn nested() -> Value {
    json!({
        "Sprache": "Deutsch – schön ☂️",
        "zoom": 1.25,
        "tiny": 1e-9,
        "big": 9_007_199_254_740_993_i64,
        "deep": { "list": [null, true, [], {}, "\u{1}\u{7f}\n"], "日本": { "": "empty key" } },
    })
}

/// Frank's secret storage: what a client with a recovery key leaves there. The secrets are none.
async fn secrets(town: &Town, data: &mut AccountData) -> Result<()> {
    let key = json!({
        "algorithm": "m.secret_storage.v1.aes-hmac-sha2",
        "name": "Frank's key",
        "iv": "YWJjZGVmZ2hpamtsbW5vcA",
        "mac": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    });
    let kind = "m.secret_storage.key.LABKEY";
    data.set(town, "frank", kind, key).await?;
    let default = json!({ "key": "LABKEY" });
    data.set(town, "frank", "m.secret_storage.default_key", default)
        .await?;
    for secret in [
        "m.cross_signing.master",
        "m.cross_signing.self_signing",
        "m.cross_signing.user_signing",
        "m.megolm_backup.v1",
    ] {
        let sealed = json!({ "iv": "AAAAAAAAAAAAAAAAAAAAAA", "ciphertext": secret, "mac": "AAAA" });
        let content = json!({ "encrypted": { "LABKEY": sealed } });
        data.set(town, "frank", secret, content).await?;
    }
    Ok(())
}

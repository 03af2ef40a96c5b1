//! What is somebody's own: direct chats, settings, push rules.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    super::plan::{Belonging, Kind},
    Making,
};
use crate::lab::{Result, path::path};

/// A type of account data that no client knows.
pub(super) const SETTINGS: &str = "org.example.settings";

pub(super) async fn make(making: &Making<'_>, person: usize) -> Result<()> {
    let (user, planned) = (making.who(person), &making.plan.people[person]);
    let direct = direct_chats(making, person);
    if !direct.is_empty() {
        user.set_account_data("m.direct", &json!(direct)).await?;
    }
    if planned.has.contains(&Belonging::Settings) {
        let settings = json!({ "theme": "dark", "number": person, "list": [1, "two", null] });
        user.set_account_data(SETTINGS, &settings).await?;
    }
    if planned.has.contains(&Belonging::PushRule) {
        let rule = path(
            "/_matrix/client/v3/pushrules/global",
            &["content", "lab.ferry"],
        );
        let body =
            json!({ "pattern": "ferry", "actions": ["notify", { "set_tweak": "highlight" }] });
        user.put(&rule, &body).await?;
    }
    Ok(())
}

/// Other person → rooms.
fn direct_chats<'a>(making: &'a Making<'_>, person: usize) -> BTreeMap<&'a str, Vec<String>> {
    let mut chats: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (place, room) in making.plan.rooms.iter().enumerate() {
        let other = room.members.iter().find(|&&member| member != person);
        if let (Kind::Direct, true, Some(&other), Some(id)) = (
            room.kind,
            room.members.contains(&person),
            other,
            making.room(place),
        ) {
            chats.entry(making.id(other)).or_default().push(id);
        }
    }
    chats
}

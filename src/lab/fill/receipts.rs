//! Read receipts of every kind, and fully-read markers.

use serde_json::{Value, json};

use super::{Town, account_data::AccountData, diary::SentEvent};
use crate::lab::{Result, client::v3};

use std::collections::BTreeMap;

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt {
    /// Whose.
    pub user_id: String,
    /// Where.
    pub room: String,
    /// `m.read` or `m.read.private`.
    pub kind: &'static str,
    /// Up to here.
    pub event_id: String,
    /// `main`, or the thread's root; `None` for a receipt that knows no threads.
    pub thread: Option<String>,
}

/// Reads the archive; the markers are noted in the account data, where they are kept.
pub(super) async fn read(
    town: &Town,
    archive: &BTreeMap<&'static str, SentEvent>,
    data: &mut AccountData,
) -> Result<Vec<Receipt>> {
    let root = archive["thread root"].event_id.clone();
    let mut receipts = Vec::new();
    for (name, kind, what, thread) in [
        ("carol", "m.read", "last", None),
        ("dave", "m.read", "edit", None),
        ("dave", "m.read", "threaded", Some(root.clone())),
        ("dave", "m.read.private", "last", Some("main".to_owned())),
        ("erin", "m.read", "last", Some("main".to_owned())),
        ("erin", "m.read.private", "threaded", Some(root)),
        ("frank", "m.read.private", "last", None),
    ] {
        let event = &archive[what];
        let path = v3(&["rooms", &event.room, "receipt", kind, &event.event_id]);
        let body = thread
            .as_ref()
            .map_or_else(|| json!({}), |thread| json!({ "thread_id": thread }));
        town.who(name).post(&path, &body).await?;
        receipts.push(Receipt {
            user_id: town.id(name).to_owned(),
            room: event.room.clone(),
            kind,
            event_id: event.event_id.clone(),
            thread,
        });
    }
    for (name, what) in [("carol", "last"), ("frank", "message")] {
        let event = &archive[what];
        let path = v3(&["rooms", &event.room, "read_markers"]);
        let body: Value = json!({ "m.fully_read": event.event_id });
        town.who(name).post(&path, &body).await?;
        let content = json!({ "event_id": event.event_id });
        data.expect_in_room(town.id(name), &event.room, "m.fully_read", content);
    }
    Ok(receipts)
}

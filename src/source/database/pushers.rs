//! `pushers`: where a user's notifications go.

use serde_json::{Value, json};

use super::{
    Database,
    batch::{Batch, text},
};
use crate::Result;

/// Each as `GET /_matrix/client/v3/pushers` gives it; one that is switched off says so in Synapse's own field
/// (MSC3881).
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_name, app_id, pushkey, kind, app_display_name, device_display_name, profile_tag, lang, data, \
         enabled FROM pushers WHERE user_name IN {} ORDER BY {}, {}",
        batch.list(),
        database.bytewise("app_id"),
        database.bytewise("pushkey")
    );
    batch.each(database, "pusher", &sql, |user, row| {
        let app = text(row, 1, "app ID")?;
        let data: Value = row
            .text(8)
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| format!("the data of {app} is no JSON ({error})"))?
            .unwrap_or_default();
        let mut pusher = json!({
            "app_id": app,
            "pushkey": text(row, 2, "push key")?,
            "kind": text(row, 3, "kind")?,
            "app_display_name": row.text(4),
            "device_display_name": row.text(5),
            "profile_tag": row.text(6),
            "lang": row.text(7),
            "data": data,
        });
        if row.flag(9) == Some(false) {
            pusher["org.matrix.msc3881.enabled"] = false.into();
        }
        user.pushers.push(pusher);
        Ok(())
    })
}

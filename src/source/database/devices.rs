//! `devices`: log-ins. Rows with `hidden` are Synapse's own, for cross-signing keys.

use super::{
    Database,
    batch::{Batch, text},
};
use crate::{Result, model::device::Device};

/// As Synapse's Admin API gives them, by ID.
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, device_id, display_name, ip, user_agent, last_seen FROM devices \
         WHERE NOT hidden AND user_id IN {} ORDER BY {}",
        batch.list(),
        database.bytewise("device_id")
    );
    batch.each(database, "device", &sql, |user, row| {
        user.devices.push(Device {
            device_id: text(row, 1, "device ID")?.to_owned(),
            display_name: row.text(2).map(str::to_owned),
            last_seen_ip: row.text(3).map(str::to_owned),
            last_seen_user_agent: row.text(4).map(str::to_owned),
            last_seen_ts: row.count(5),
        });
        Ok(())
    })
}

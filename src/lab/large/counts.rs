//! How much the large server has, counted in its database.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use crate::lab::{LabError, Result};

/// Numbers of rows, as Synapse keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts, closed ones included.
    pub users: u64,
    /// Closed ones.
    pub deactivated: u64,
    /// Log-ins.
    pub devices: u64,
    /// Rooms, spaces included.
    pub rooms: u64,
    /// Rooms that are spaces.
    pub spaces: u64,
    /// Rooms that are encrypted.
    pub encrypted: u64,
    /// Events, without outliers.
    pub events: u64,
    /// Joined members, summed over the rooms.
    pub joined: u64,
    /// Open invitations.
    pub invited: u64,
    /// People who left or were removed.
    pub left: u64,
    /// Bans.
    pub banned: u64,
    /// Local aliases.
    pub aliases: u64,
    /// Global account data.
    pub account_data: u64,
    /// Account data of rooms, tags not included.
    pub room_account_data: u64,
    /// Tags.
    pub tags: u64,
    /// Push rules that people made.
    pub push_rules: u64,
    /// Read receipts.
    pub receipts: u64,
    /// Local media.
    pub media: u64,
    /// Their size, without thumbnails.
    pub media_bytes: u64,
}

impl Counts {
    /// Counts in an SQLite database.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(LabError::database(path))?;
        let number = |sql: &str| {
            database
                .query_row(sql, [], |row| row.get::<_, u64>(0))
                .map_err(LabError::database(path))
        };
        let rows = |of: &str| number(&format!("SELECT count(*) FROM {of}"));
        let members = |membership: &str| {
            rows(&format!(
                "current_state_events WHERE type = 'm.room.member' AND membership = '{membership}'"
            ))
        };
        Ok(Self {
            users: rows("users")?,
            deactivated: rows("users WHERE deactivated = 1")?,
            devices: rows("devices WHERE NOT hidden")?,
            rooms: rows("rooms")?,
            spaces: rows("room_stats_state WHERE room_type = 'm.space'")?,
            encrypted: rows("current_state_events WHERE type = 'm.room.encryption'")?,
            events: rows("events WHERE NOT outlier")?,
            joined: members("join")?,
            invited: members("invite")?,
            left: members("leave")?,
            banned: members("ban")?,
            aliases: rows("room_aliases")?,
            account_data: rows("account_data")?,
            room_account_data: rows("room_account_data")?,
            tags: rows("room_tags")?,
            push_rules: rows("push_rules")?,
            receipts: rows("receipts_linearized")?,
            media: rows("local_media_repository")?,
            media_bytes: number(
                "SELECT coalesce(sum(media_length), 0) FROM local_media_repository",
            )?,
        })
    }
}

/// Whether Synapse has caught up with its own work on the user directory and the statistics, and has done its
/// background updates, without which `synapse_port_db` refuses.
pub(super) fn settled(path: &Path) -> Result<bool> {
    let sql = "SELECT (SELECT stream_id FROM user_directory_stream_pos) >= last
        AND (SELECT stream_id FROM stats_incremental_position) >= last
        AND NOT EXISTS (SELECT 1 FROM background_updates)
        FROM (SELECT max(stream_id) AS last FROM current_state_delta_stream)";
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|database| database.query_row(sql, [], |row| row.get::<_, Option<bool>>(0)))
        .map(|settled| settled == Some(true))
        .map_err(LabError::database(path))
}

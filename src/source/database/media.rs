//! `local_media_repository` and the media store: what users of this server have uploaded.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use ruma::OwnedUserId;

use super::{Database, Row, batch::text};
use crate::{
    Result,
    job::Phase,
    model::media::MediaRef,
    source::intake::{Intake, Record, problem},
};

/// Hands over every item but previews of web pages, with its content where that is wanted and in the store.
///
/// The content of a quarantined item is left out unless it is asked for: Synapse gives it to no user, and the next server
/// knows no quarantine.
pub(super) fn read(database: &mut Database, store: Option<&Path>, to: &Intake) -> Result<()> {
    let mut total = 0;
    let local = "FROM local_media_repository WHERE url_cache IS NULL";
    database.each(&format!("SELECT COUNT(*) {local}"), &mut |row| {
        total = row.count(0).unwrap_or_default();
        Ok(())
    })?;
    to.begin(Phase::ExportMedia, total);
    let sha256 = if database.has_column("local_media_repository", "sha256")? {
        "sha256"
    } else {
        "NULL"
    };
    let sql = format!(
        "SELECT media_id, user_id, media_type, upload_name, media_length, created_ts, quarantined_by, \
         safe_from_quarantine, {sha256} {local} ORDER BY CASE WHEN user_id IS NULL THEN 1 ELSE 0 END, {}, {}",
        database.bytewise("user_id"),
        database.bytewise("media_id")
    );
    let contents_since = to.wanted().media.contents_since(to.started_ms());
    let mut done = 0;
    database.each(&sql, &mut |row| {
        done += 1;
        to.done(Phase::ExportMedia, done);
        let item = match item(row) {
            Ok(item) => item,
            Err(reason) => {
                let id = row.text(0).unwrap_or("?");
                return to.send_blocking(Record::Problem(problem("media", id, &reason)));
            }
        };
        let wanted = match &item.user_id {
            Some(user) => to.matcher().user(user),
            None => to.matcher().takes_all_users(),
        };
        if !wanted {
            return Ok(());
        }
        let has_content = item.length.is_some()
            && (item.quarantined_by.is_none() || to.wanted().quarantined)
            && contents_since.is_some_and(|since| item.created_ts.unwrap_or_default() >= since);
        let mut content: Option<Box<dyn Read + Send>> = None;
        if has_content {
            match open(store, &item.media_id) {
                Ok(file) => content = Some(Box::new(file)),
                Err(reason) => to.send_blocking(Record::Problem(problem(
                    "media content",
                    &item.media_id,
                    &reason,
                )))?,
            }
        }
        to.send_blocking(Record::Media(item, content))
    })?;
    Ok(())
}

fn item(row: &Row<'_>) -> Result<MediaRef, String> {
    let user_id = row
        .text(1)
        .map(OwnedUserId::try_from)
        .transpose()
        .map_err(|error| format!("its uploader is no user ID ({error})"))?;
    let media_id = text(row, 0, "ID")?;
    if path(media_id).is_none() {
        return Err("its ID is none of Synapse's".to_owned());
    }
    let owned = |index| row.text(index).map(str::to_owned);
    Ok(MediaRef {
        media_id: media_id.to_owned(),
        user_id,
        media_type: owned(2),
        upload_name: owned(3),
        length: row.count(4),
        created_ts: row.count(5),
        sha256: owned(8),
        quarantined_by: owned(6),
        safe_from_quarantine: row.flag(7).unwrap_or_default(),
    })
}

fn open(store: Option<&Path>, media_id: &str) -> Result<File, String> {
    let path = store
        .zip(path(media_id))
        .map(|(store, path)| store.join(path))
        .ok_or("there is no media store")?;
    File::open(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Where the store has an item: `local_content/AA/BB/REST` (`media/filepath.py`). The ID comes from a table, so
/// nothing that leads elsewhere is let through.
fn path(media_id: &str) -> Option<PathBuf> {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    if media_id.len() < 5 || !media_id.bytes().all(is_plain) {
        return None;
    }
    let (one, rest) = media_id.split_at(2);
    let (two, rest) = rest.split_at(2);
    Some(Path::new("local_content").join(one).join(two).join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_lead_into_the_store() {
        assert_eq!(
            path("AAbbREST_-"),
            Some("local_content/AA/bb/REST_-".into())
        );
        for id in ["", "AABB", "..bbREST", "AA/../../x", "AAé...", "AAbb\0x"] {
            assert_eq!(path(id), None, "{id:?}");
        }
    }
}

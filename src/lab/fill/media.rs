//! Uploads of many kinds and sizes, some with an admin's mark.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    FilledUser, ODD, Town,
    people::{PICTURE, PIXEL},
};
use crate::lab::{
    Result,
    client::{Client, field},
    path::path,
};

/// One local upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Medium {
    /// Whose it is.
    pub user_id: String,
    /// As sent.
    pub media_type: Option<&'static str>,
    /// As sent; an empty name is none.
    pub name: Option<&'static str>,
    /// The bytes; `None` was announced and never uploaded.
    pub content: Option<Vec<u8>>,
    /// An admin has locked it away; Synapse then locks all uploads of the same bytes.
    pub quarantined: bool,
    /// An admin has protected it from that.
    pub protected: bool,
}

/// Who, name, type, bytes.
type Upload = (&'static str, Option<&'static str>, &'static str, Vec<u8>);

/// The name of the plaza's picture.
pub(super) const PLAZA: &str = "plaza.png";

/// The plaza's picture.
pub(super) fn plaza_picture() -> Vec<u8> {
    [PIXEL, b"plaza"].concat()
}

fn uploads() -> Vec<Upload> {
    let text = "Grüße 🚢\n".as_bytes();
    vec![
        (
            "alice",
            Some("chart.png"),
            "image/png",
            [PIXEL, b"chart"].concat(),
        ),
        (
            "bob",
            Some("notes.txt"),
            "text/plain; charset=utf-8",
            text.to_vec(),
        ),
        (
            "carol",
            Some("copy of notes.txt"),
            "text/plain",
            text.to_vec(),
        ),
        (
            "erin",
            None,
            "application/pdf",
            b"%PDF-1.4 no name".to_vec(),
        ),
        (
            "erin",
            Some(""),
            "application/octet-stream",
            vec![0, 255, 10, 13, 0],
        ),
        (
            "frank",
            Some("Fähr plan/2 «日本» 🗺️.csv"),
            "text/csv",
            b"a;b\n1;2\n".to_vec(),
        ),
        (
            "grace",
            Some("large.bin"),
            "application/octet-stream",
            noise(300_000),
        ),
        ("heidi", Some("empty.txt"), "text/plain", Vec::new()),
        ("judy", Some("voice.ogg"), "audio/ogg", noise(4_321)),
        (
            "mallory",
            Some("evil.exe"),
            "application/x-msdownload",
            b"MZ quarantined".to_vec(),
        ),
        (
            "mallory",
            Some("left behind.txt"),
            "text/plain",
            b"by one who is gone".to_vec(),
        ),
        (
            "victor",
            Some("erased.txt"),
            "text/plain",
            b"by one who is erased".to_vec(),
        ),
        (
            ODD,
            Some("odd.txt"),
            "text/plain",
            b"by an odd name".to_vec(),
        ),
        (
            "dave",
            Some("kept.txt"),
            "text/plain",
            b"protected from quarantine".to_vec(),
        ),
    ]
}

/// The same in every run, and no compressor gets far with it.
fn noise(length: u32) -> Vec<u8> {
    (0..length)
        .map(|number| {
            number
                .wrapping_mul(2_654_435_761)
                .wrapping_add(number >> 3)
                .to_be_bytes()[0]
        })
        .collect()
}

/// Uploads all of them; gives the profile pictures as well. By `mxc://` URI.
pub(super) async fn upload(
    town: &Town,
    users: &BTreeMap<&'static str, FilledUser>,
    rooms: &BTreeMap<&'static str, String>,
) -> Result<BTreeMap<String, Medium>> {
    let mut media = BTreeMap::new();
    for user in users.values() {
        if let Some(uri) = &user.avatar {
            let medium = medium(&user.user_id, Some(PICTURE), "image/png", PIXEL.to_vec());
            media.insert(uri.clone(), medium);
        }
    }
    let of_plaza = town
        .who("carol")
        .state_content(&rooms["plaza"], "m.room.avatar", "")
        .await?;
    let uri = field(&of_plaza, "m.room.avatar", "url")?;
    let picture = medium(town.id("dave"), Some(PLAZA), "image/png", plaza_picture());
    media.insert(uri, picture);
    for (name, file, kind, content) in uploads() {
        let uri = town.who(name).upload(file, kind, &content).await?;
        let mut medium = medium(
            town.id(name),
            file.filter(|file| !file.is_empty()),
            kind,
            content,
        );
        medium.quarantined = file == Some("evil.exe");
        medium.protected = file == Some("kept.txt");
        mark(town.who("alice"), &uri, &medium).await?;
        media.insert(uri, medium);
    }
    let bob = town.who("bob");
    let request = "/_matrix/media/v1/create";
    let uri = field(
        &bob.post(request, &json!({})).await?,
        request,
        "content_uri",
    )?;
    let announced = Medium {
        media_type: None,
        content: None,
        ..medium(bob.user_id(), None, "", Vec::new())
    };
    media.insert(uri, announced);
    Ok(media)
}

fn medium(
    user_id: &str,
    name: Option<&'static str>,
    media_type: &'static str,
    content: Vec<u8>,
) -> Medium {
    Medium {
        user_id: user_id.to_owned(),
        media_type: Some(media_type),
        name,
        content: Some(content),
        quarantined: false,
        protected: false,
    }
}

async fn mark(admin: &Client, uri: &str, medium: &Medium) -> Result<()> {
    let Some((server, id)) = uri.trim_start_matches("mxc://").split_once('/') else {
        return Ok(());
    };
    if medium.quarantined {
        let quarantine = path("/_synapse/admin/v1/media/quarantine", &[server, id]);
        admin.post(&quarantine, &json!({})).await?;
    }
    if medium.protected {
        let protect = path("/_synapse/admin/v1/media/protect", &[id]);
        admin.post(&protect, &json!({})).await?;
    }
    Ok(())
}

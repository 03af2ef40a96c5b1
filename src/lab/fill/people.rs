//! The inhabitants: accounts, display names, pictures.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::{PARALLEL, accounts};
use crate::lab::{Result, client::Client, synapse::Synapse, target::OPERATOR};

/// A localpart with every character that a user ID may have beside letters and digits.
pub const ODD: &str = "odd.name_=x/y-z+1";

/// The name of everybody's profile picture.
pub(super) const PICTURE: &str = "picture.png";

/// The smallest PNG: one pixel.
pub const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4,
    0x89, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x60, 0x60, 0xf8,
    0x0f, 0x00, 0x01, 0x04, 0x01, 0x00, 0x5f, 0xe5, 0xc3, 0x4b, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Localpart, display name, whether there is a picture. Alice is the admin.
const PEOPLE: [(&str, Option<&str>, bool); 13] = [
    ("alice", Some("Alice Appleby"), true),
    ("bob", Some("Bob"), true),
    ("carol", Some("Carol \"CC\" O'Connor"), true),
    ("dave", Some("Dave <dave@example.org>"), false),
    ("erin", Some("Erin ☘️"), true),
    ("frank", Some("Fränk Müller-Lüdenscheidt"), true),
    ("grace", Some("グレース"), true),
    ("heidi", None, false),
    ("ivan", Some("Иван"), false),
    ("judy", Some("Judy 👩‍🚀"), true),
    ("mallory", Some("Mallory"), true),
    (ODD, Some("Odd Name"), false),
    (OPERATOR, Some("The Operator"), true),
];

/// One account of the source.
#[derive(Debug, Clone)]
pub struct FilledUser {
    /// Full ID.
    pub user_id: String,
    /// The password on the source; empty if there is none.
    pub password: String,
    /// Display name; `None` leaves Synapse's default, the localpart.
    pub displayname: Option<&'static str>,
    /// `mxc://` URI.
    pub avatar: Option<String>,
    /// Closed at the end.
    pub deactivated: bool,
    /// A session on the source; a closed account's is over.
    pub client: Client,
}

/// Somebody's password on the source.
#[must_use]
pub fn password(localpart: &str) -> String {
    format!("old password of {localpart}")
}

/// Makes all accounts.
pub(super) async fn settle(synapse: &Synapse) -> Result<BTreeMap<&'static str, FilledUser>> {
    let (admin, ..) = PEOPLE[0];
    let admin = synapse.register(admin, &password(admin), true).await?;
    let special = accounts::settle(synapse, &admin);
    let ordinary = stream::iter(PEOPLE)
        .map(|(name, displayname, picture)| {
            let admin = &admin;
            async move {
                let user = settle_one(synapse, admin, name, displayname, picture).await?;
                Ok((name, user))
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<_>>();
    let (special, ordinary) = tokio::try_join!(special, ordinary)?;
    Ok(ordinary.into_iter().chain(special).collect())
}

async fn settle_one(
    synapse: &Synapse,
    admin: &Client,
    name: &str,
    displayname: Option<&'static str>,
    picture: bool,
) -> Result<FilledUser> {
    let user_id = synapse.user_id(name);
    let client = if user_id == admin.user_id() {
        admin.clone()
    } else {
        synapse.create_user(admin, name, &password(name)).await?
    };
    if let Some(displayname) = displayname {
        client.set_displayname(displayname).await?;
    }
    let mut avatar = None;
    if picture {
        let uri = client.upload(Some(PICTURE), "image/png", PIXEL).await?;
        client.set_avatar(&uri).await?;
        avatar = Some(uri);
    }
    Ok(FilledUser {
        user_id,
        password: password(name),
        displayname,
        avatar,
        deactivated: name == "mallory",
        client,
    })
}

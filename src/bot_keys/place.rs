//! Where a bot's crypto store is, and of which kind.

use std::path::{Path, PathBuf};

use ruma::UserId;
use sha2::{Digest, Sha256};

use crate::{Error, Result, hex::hex};

/// The file of an SQLite store.
const SQLITE: &str = "matrix-sdk-crypto.sqlite3";
/// Where matrix-bot-sdk has the store below its storage folder, and what may be given instead of that folder.
const BELOW: [&str; 6] = [
    "",
    "encrypted",
    "encrypted/matrix-sdk-crypto",
    "encrypted/matrix-sdk-state",
    "matrix-sdk-crypto",
    "matrix-sdk-state",
];
/// The store of an application service's own user.
const APPSERVICE: &str = "_default";

/// What a store is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Sled 0.34: a folder with `db`.
    Sled,
    /// SQLite: a file.
    Sqlite,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its folder (Sled) or file (SQLite).
    pub path: PathBuf,
    /// What it is made of.
    pub kind: Kind,
}

/// The stores in a folder: the folder itself, a bot's storage folder, the one of an application service (with `user`: of
/// that user, else of its own one), or a file. An error names the folder and what was looked for.
pub fn find(at: &Path, user: Option<&UserId>) -> Result<Vec<Place>> {
    let account = user.map_or_else(
        || APPSERVICE.to_owned(),
        |user| hex(&Sha256::digest(user.as_str())),
    );
    let join =
        |folder: &Path, below: &str| -> PathBuf { folder.join(below).components().collect() };
    let below = BELOW.iter().map(|below| join(at, below));
    let of_account = BELOW
        .iter()
        .filter(|below| !below.starts_with("encrypted"))
        .flat_map(|below| {
            [&account, &format!("encrypted/{account}")].map(|folder| join(&at.join(folder), below))
        });
    let mut places: Vec<Place> = Vec::new();
    for place in below.chain(of_account).filter_map(|path| kind_of(&path)) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Err(Error::BotStore {
            path: at.to_owned(),
            reason: format!(
                "no crypto store is there: a folder with `db` (Sled) or a file {SQLITE} was looked for in it and in {}, {account}: give the bot's storage folder",
                BELOW[1..].join(", ")
            ),
        });
    }
    Ok(places)
}

fn kind_of(path: &Path) -> Option<Place> {
    if path.is_file() && path.extension().is_some_and(|end| end == "sqlite3") {
        return Some(Place {
            path: path.to_owned(),
            kind: Kind::Sqlite,
        });
    }
    let file = path.join(SQLITE);
    if file.is_file() {
        return Some(Place {
            path: file,
            kind: Kind::Sqlite,
        });
    }
    path.join("db").is_file().then(|| Place {
        path: path.to_owned(),
        kind: Kind::Sled,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ruma::user_id;

    use super::*;

    fn names(at: &Path, user: Option<&UserId>) -> Vec<String> {
        let places = find(at, user).unwrap();
        places
            .iter()
            .map(|place| place.path.strip_prefix(at).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn a_store_is_found_where_bots_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let bot = user_id!("@bot:example.org");
        let of_bot = hex(&Sha256::digest(bot.as_str()));
        for store in [
            "a/encrypted/matrix-sdk-crypto/db",
            "b/encrypted/matrix-sdk-state/db",
            "c/_default/matrix-sdk-crypto/db",
            &format!("c/{of_bot}/db"),
            "d/encrypted/matrix-sdk-crypto.sqlite3",
        ] {
            let path = at.join(store);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(names(&at.join("a"), None), ["encrypted/matrix-sdk-crypto"]);
        assert_eq!(names(&at.join("a/encrypted"), None), ["matrix-sdk-crypto"]);
        assert_eq!(names(&at.join("a/encrypted/matrix-sdk-crypto"), None), [""]);
        assert_eq!(names(&at.join("b"), None), ["encrypted/matrix-sdk-state"]);
        assert_eq!(names(&at.join("c"), None), ["_default/matrix-sdk-crypto"]);
        assert_eq!(names(&at.join("c"), Some(bot)), [of_bot]);
        assert_eq!(
            names(&at.join("d"), None),
            ["encrypted/matrix-sdk-crypto.sqlite3"]
        );
        assert_eq!(
            names(&at.join("d/encrypted/matrix-sdk-crypto.sqlite3"), None),
            [""]
        );
    }

    #[test]
    fn a_wrong_path_is_an_error_and_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(&folder.path().join("nothing"), None).unwrap_err();
        insta::assert_snapshot!(
            error.to_string().replace(&folder.path().display().to_string(), "…"),
            @"crypto store …/nothing: no crypto store is there: a folder with `db` (Sled) or a file matrix-sdk-crypto.sqlite3 was looked for in it and in encrypted, encrypted/matrix-sdk-crypto, encrypted/matrix-sdk-state, matrix-sdk-crypto, matrix-sdk-state, _default: give the bot's storage folder"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

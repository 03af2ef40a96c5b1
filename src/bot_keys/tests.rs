//! Stores as bots left them, whole and damaged. `tests/fixtures/sled-stores` has the programs that wrote them.

mod cross_check;
mod damage;
mod decoders;
mod defects;
mod made_log;
mod read_back;
mod signers;
mod sqlite;
mod versions;
mod written;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    RoomKey,
    extract::{Extracted, Wish, extract},
};
use crate::job::Job;

/// The passphrase of the stores that have one.
const PASSPHRASE: &str = "correct horse";
/// Sessions of each store.
pub(super) const SESSIONS: usize = 12;

/// A store of the repository, unpacked, and what the crate that wrote it exports.
pub(super) struct Fixture {
    pub(super) folder: TempDir,
    expected: Keys,
}

/// Room, sender's key and session: the key.
type Keys = BTreeMap<(String, String, String), Value>;

impl Fixture {
    pub(super) fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sled-stores");
        let packed = fs::File::open(root.join(format!("{name}.tar.zst"))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        tar::Archive::new(zstd::Decoder::new(packed).unwrap())
            .unpack(folder.path())
            .unwrap();
        let lines = fs::read_to_string(folder.path().join("expected.jsonl")).unwrap();
        let expected = by_name(
            lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap()),
        );
        assert_eq!(expected.len(), SESSIONS);
        Self { folder, expected }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("matrix-sdk-crypto/db")
    }

    fn wish(&self) -> Wish {
        wish(self.folder.path())
    }

    fn extract(&self) -> crate::Result<Extracted> {
        extract(&self.wish())
    }

    fn skipping(&self) -> crate::Result<Extracted> {
        extract(&Wish {
            skip_errors: true,
            ..self.wish()
        })
    }
}

fn wish(store: &Path) -> Wish {
    Wish {
        store: store.to_owned(),
        user: None,
        passphrase: None,
        skip_errors: false,
        job: Job::new().0,
        work: std::env::temp_dir(),
    }
}

fn with_passphrase(wish: Wish, passphrase: &str) -> Wish {
    Wish {
        passphrase: Some(SecretString::from(passphrase)),
        ..wish
    }
}

fn by_name(keys: impl Iterator<Item = Value>) -> Keys {
    keys.map(|key| {
        let field = |name: &str| key[name].as_str().unwrap().to_owned();
        let name = (field("room_id"), field("sender_key"), field("session_id"));
        (name, key)
    })
    .collect()
}

fn keys(extracted: &Extracted) -> Keys {
    let mut keys = Vec::new();
    extracted
        .each_key(|key: RoomKey| {
            let mut key = serde_json::to_value(&key).unwrap();
            key.as_object_mut().unwrap().remove("ferryman.proved");
            keys.push(key);
            Ok(())
        })
        .unwrap();
    let total = keys.len();
    let keys = by_name(keys.into_iter());
    assert_eq!(keys.len(), total, "each key comes once");
    assert_eq!(extracted.total().unwrap(), total as u64);
    keys
}

fn broken(extracted: &Extracted) -> Vec<super::Broken> {
    let mut all = Vec::new();
    extracted
        .each_broken(|broken| {
            all.push(broken);
            Ok(())
        })
        .unwrap();
    assert_eq!(extracted.total_broken().unwrap(), all.len() as u64);
    all
}

/// An error without its paths.
fn sentence(result: crate::Result<Extracted>, folder: &Path) -> String {
    let error = result.err().expect("it should fail").to_string();
    error.replace(&folder.display().to_string(), "…")
}

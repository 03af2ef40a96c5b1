//! A crypto store as bots of former years have it, written by the crates that they used.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use ferryman::lab::python::cache;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sled-stores");

/// Which crates wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// matrix-sdk-sled 0.1 with matrix-sdk-crypto 0.5.
    V4,
    /// matrix-sdk-sled 0.2 with matrix-sdk-crypto 0.6.
    V5,
}

impl Version {
    /// The program that writes such stores, built once outside the project, which takes a minute or two.
    fn program(self) -> PathBuf {
        let name = match self {
            Self::V4 => "v4",
            Self::V5 => "v5",
        };
        let target = cache().unwrap().join(format!("sled-store-{name}"));
        fs::create_dir_all(&target).unwrap();
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(format!("{PROGRAMS}/{name}/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            // Those of this build are for this build.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .status()
            .unwrap();
        assert!(built.success(), "the program for old stores can't be built");
        target.join(format!("debug/sled-store-{name}"))
    }

    /// Begins to write a store of so many sessions in a folder, and beside it `expected.jsonl`: the crate's own export of
    /// each that is in the store.
    pub(super) fn begin(
        self,
        folder: &Path,
        sessions: usize,
        rooms: usize,
        passphrase: &str,
    ) -> Child {
        let numbers = [sessions, rooms].map(|number| number.to_string());
        Command::new(self.program())
            .arg(folder)
            .args(numbers)
            .arg(passphrase)
            .spawn()
            .unwrap()
    }

    /// Writes it whole.
    pub(super) fn make(self, folder: &Path, sessions: usize, rooms: usize, passphrase: &str) {
        let mut writes = self.begin(folder, sessions, rooms, passphrase);
        assert!(writes.wait().unwrap().success());
    }
}

/// Writes a store with these room keys (a list, as in an export) into a bot's storage folder.
pub(super) fn write(storage: &Path, keys: &str, user: &str, device: &str) {
    let store = storage.join("encrypted");
    fs::create_dir_all(&store).unwrap();
    let file = storage.join("keys.json");
    fs::write(&file, keys).unwrap();
    let written = Command::new(Version::V5.program())
        .arg("import")
        .args([&store, &file])
        .args([user, device, "empty"])
        .status()
        .unwrap();
    assert!(written.success());
    fs::remove_file(file).unwrap();
    let kept = serde_json::json!({"deviceId": device});
    fs::write(store.join("bot-sdk.json"), kept.to_string()).unwrap();
}

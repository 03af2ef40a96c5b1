//! A crypto store as bots of former years have it, written by the crates that they used.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use ferryman::lab::python::cache;

const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/sled-stores/v5/Cargo.toml"
);

/// The program that writes stores of version 5, built once outside the project, which takes a minute or two.
fn program() -> PathBuf {
    let target = cache().unwrap().join("sled-store-v5");
    fs::create_dir_all(&target).unwrap();
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--locked"])
        .args(["--manifest-path", PROGRAM, "--target-dir"])
        .arg(&target)
        // Those of this build are for this build.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .unwrap();
    assert!(built.success(), "the program for old stores can't be built");
    target.join("debug/sled-store-v5")
}

/// Writes a store of so many sessions in a folder, and beside it `expected.jsonl`: the crate's own export of each.
pub(super) fn make(folder: &Path, sessions: usize, rooms: usize, passphrase: &str) {
    let numbers = [sessions, rooms].map(|number| number.to_string());
    let written = Command::new(program())
        .arg(folder)
        .args(numbers)
        .arg(passphrase)
        .status()
        .unwrap();
    assert!(written.success());
}

/// Writes a store with these room keys (a list, as in an export) into a bot's storage folder.
pub(super) fn write(storage: &Path, keys: &str, user: &str, device: &str) {
    let store = storage.join("encrypted");
    fs::create_dir_all(&store).unwrap();
    let file = storage.join("keys.json");
    fs::write(&file, keys).unwrap();
    let written = Command::new(program())
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

//! What the target in `fuzz/` calls: whatever the bytes of a store are, reading ends, and nothing panics.

use std::{fs, path::Path};

use super::{
    carve, cipher,
    extract::{Wish, extract},
    sealed::Sealed,
    stored_session::{from_json, from_message_pack},
};
use crate::job::Job;

/// The bytes as one value, and as a store: its log up to the first `|||`, a blob from there on.
///
/// # Panics
///
/// Where there is no room for temporary files.
#[expect(clippy::expect_used, reason = "a fuzzer's own files")]
pub fn store(data: &[u8]) {
    let _any = (
        from_json(data).is_ok(),
        from_message_pack(data).is_ok(),
        cipher::row(data).is_some(),
        Sealed::read(data).is_ok(),
        Sealed::fingerprint(data).is_some(),
    );
    carve::behind_checksums(data);
    let (log, blob) = match memchr::memmem::find(data, b"|||") {
        Some(at) => (&data[..at], &data[at + 3..]),
        None => (data, &b""[..]),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = folder.path().join("blobs");
    fs::create_dir(&blobs).expect("a folder");
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("a file");
    write(&folder.path().join("db"), log);
    write(&blobs.join("7"), blob);
    let _any = extract(&Wish {
        store: folder.path().to_owned(),
        user: None,
        passphrase: None,
        skip_errors: true,
        job: Job::new().0,
        work: std::env::temp_dir(),
    })
    .is_ok();
}

//! Carving: the values of a Sled store found in its files, without Sled.
//!
//! Sled writes into a store whenever it opens it, so that a store that is only to be read has to be copied first; and it
//! panics or never ends on damaged files. This needs neither a lock nor a copy, and works while a bot uses the store.
//!
//! # Why it finds every value
//!
//! - Sled 0.34 serialises a value as its length and its bytes, whether in a row that was set (`Link::Set`) or in a node
//!   that was written whole (a leaf: all keys, then all values). Keys lose the prefix that all of a node have; values are
//!   never touched.
//! - A message lies whole in one segment of `db`: what does not fit into the rest of a segment goes into the next one, and
//!   what is longer than a quarter of a segment goes into a file of its own in `blobs`. So no value is ever cut.
//! - Sled can compress (`use_compression`), but the SDK never turns it on: matrix-sdk-sled 0.1 and 0.2 build Sled without
//!   that feature. `conf` says so of each store, and one that says otherwise is refused.
//! - The SDK writes values by `serde_json` in the order of the fields, so their beginnings are known byte by byte; a
//!   ciphertext is numbers and commas, in which no other beginning can occur.
//! - A page's messages stay in the file until a newer one of the whole page is written, and a segment is overwritten from
//!   its beginning on: what is left of older content lost its front, not its end.
//!
//! # What else it finds
//!
//! Copies: the newest and older ones of the same row. Of several for one session the one with the lowest index is kept.
//! Rows that were deleted may appear again, which harms nobody: a session that nobody needs decrypts nothing.
//!
//! # What proves a value
//!
//! An encrypted one proves itself (its tag). A plain one is proved by the checksum of its message ([`log`]), whose row also
//! has the key against which room, sender and session are checked.

mod files;
mod log;
mod placed;
mod seen;
mod starts;
mod value;

use std::{
    path::Path,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use memchr::memmem;
use rayon::iter::{ParallelBridge, ParallelIterator};
use secrecy::SecretString;

use self::{
    files::{STRETCH, StoreFile, Stretch, files, stretches},
    log::key_before,
    placed::Placed,
    seen::Seen,
    starts::starts,
    value::{Reading, read},
};
use super::{
    broken::Broken,
    cipher::{self, Cipher, Closed},
    key_index::{KeyIndex, Origin},
    room_key::RoomKey,
    signer::{Signer, Signers},
};
use crate::{
    Error, Result,
    job::{Event, Job},
};

/// Any bytes as what is behind the checksums of a log.
#[cfg(feature = "fuzzing")]
pub(super) fn behind_checksums(bytes: &[u8]) {
    for kind in [log::Kind::Link, log::Kind::Node] {
        let _any = log::rows(kind, bytes, 0..bytes.len()).is_some();
    }
    let _any = (
        key_before(bytes, bytes.len() / 2),
        log::blob(bytes).is_some(),
    );
}

/// How often a store that changes meanwhile is read.
const ROUNDS: u32 = 3;
/// Harvests that wait for the index.
const WAITING: usize = 4;
/// Different rows that are tried as the cipher's.
const MOST_ROWS: usize = 16;

/// What came of it; the keys are in the index.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carved {
    /// Encrypted values that no cipher was there for.
    pub(super) locked: u64,
    /// Whether the store still changed while it was read the last time.
    pub(super) changed: bool,
}

/// What a stretch has.
#[derive(Default)]
struct Harvest {
    /// How long it is.
    bytes: u64,
    keys: Vec<(RoomKey, Origin)>,
    broken: Vec<Broken>,
    signers: Vec<Signer>,
    locked: u64,
    /// Pages that were written whole: page and LSN.
    nodes: Vec<(u64, u64)>,
    /// What was written into blobs: blob, page and LSN.
    blobs: Vec<(u64, u64, u64)>,
}

/// The store's cipher: nothing where it has none.
pub(super) fn find_cipher(
    store: &Path,
    passphrase: &SecretString,
) -> Result<Option<Cipher>, CipherError> {
    let files = files(store, "")?;
    let tried = Mutex::new(Vec::<Vec<u8>>::new());
    let opened = stretches(&files).par_bridge().find_map_any(|stretch| {
        let bytes = match stretch.read(&files) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        [cipher::JSON, cipher::MESSAGE_PACK]
            .iter()
            .flat_map(|begin| memmem::find_iter(&bytes, begin))
            .find_map(|at| {
                let row = cipher::row(bytes.get(at..)?)?;
                let mut known = tried.lock().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= MOST_ROWS || known.iter().any(|known| known == row) {
                    return None;
                }
                known.push(row.to_vec());
                drop(known);
                match Cipher::open(row, passphrase) {
                    Ok(cipher) => Some(Ok(cipher)),
                    Err(Closed::Passphrase | Closed::NoRow) => None,
                }
            })
    });
    match opened {
        Some(cipher) => Ok(Some(cipher?)),
        None if tried
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty() =>
        {
            Ok(None)
        }
        None => Err(CipherError::Passphrase),
    }
}

/// Why there is no cipher although there should be.
pub(super) enum CipherError {
    /// The passphrase opens none of the rows.
    Passphrase,
    /// The files can't be read.
    Other(Error),
}

impl From<Error> for CipherError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Reads the whole store into the index, and once more if it has changed meanwhile. Its files are told with `label` before
/// their names.
pub(super) fn carve(
    store: &Path,
    label: &str,
    cipher: Option<&Cipher>,
    index: &KeyIndex,
    signers: &mut Signers,
    job: &Job,
) -> Result<Carved> {
    let segment = segment_size(store)?;
    let seen = Seen::new();
    let mut before = files(store, label)?;
    let mut round = 1;
    loop {
        let locked = carve_files(&before, segment, cipher, &seen, index, signers, job)?;
        index.miss_blobs(label, |name| before.iter().any(|file| file.name == name))?;
        let after = files(store, label)?;
        let changed = after != before;
        if !changed || round == ROUNDS {
            return Ok(Carved { locked, changed });
        }
        index.begin_again(label)?;
        before = after;
        round += 1;
    }
}

/// Bytes of a segment, or nothing if they are none that a stretch has several of.
fn segment_size(store: &Path) -> Result<Option<usize>> {
    let path = store.join("conf");
    let text = match std::fs::read(&path) {
        // Behind its lines there is a checksum.
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // Nothing but the checksums' places depends on it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::file(path)(error)),
    };
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_prefix(": ").map(str::trim)
    };
    if value("use_compression") == Some("true") {
        return Err(Error::BotStore {
            path: store.to_owned(),
            reason: "its values are compressed, which no version of the SDK does: take the keys out with the program that wrote it".into(),
        });
    }
    let size = value("segment_size").map_or(Some(512 << 10), |size| size.parse().ok());
    let stretch = usize::try_from(STRETCH).unwrap_or_default();
    Ok(size.filter(|size| (256..=stretch).contains(size) && size.is_power_of_two()))
}

fn carve_files(
    files: &[StoreFile],
    segment: Option<usize>,
    cipher: Option<&Cipher>,
    seen: &Seen,
    index: &KeyIndex,
    signers: &mut Signers,
    job: &Job,
) -> Result<u64> {
    let total: u64 = files.iter().map(|file| file.length).sum();
    let mut done = 0;
    let (harvests, incoming) = mpsc::sync_channel(WAITING);
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            stretches(files)
                .par_bridge()
                .try_for_each_with(harvests, |harvests, stretch| {
                    let harvest = harvest(&stretch, files, segment, cipher, seen);
                    // Nobody listens any more where the index has failed.
                    harvests.send(harvest).map_err(drop)
                })
        });
        let mut locked = 0;
        for harvest in incoming {
            let harvest = harvest?;
            done = total.min(done + harvest.bytes);
            locked += store_harvest(harvest, index, signers)?;
            job.emit(Event::Bytes { done, total });
            job.blocking_turn()?;
        }
        match reader.join() {
            // It ends early only where nobody listens.
            Ok(_ended) => Ok(locked),
            // What it had not read would be missing without a word.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn store_harvest(harvest: Harvest, index: &KeyIndex, signers: &mut Signers) -> Result<u64> {
    for signer in harvest.signers {
        signers.add(signer);
    }
    for (key, origin) in &harvest.keys {
        index.keep(key, origin)?;
    }
    for broken in &harvest.broken {
        index.broken(broken)?;
    }
    for (page, lsn) in harvest.nodes {
        index.node(page, lsn)?;
    }
    for (blob, page, lsn) in harvest.blobs {
        index.blob(blob, page, lsn)?;
    }
    Ok(harvest.locked)
}

fn harvest(
    stretch: &Stretch,
    files: &[StoreFile],
    segment: Option<usize>,
    cipher: Option<&Cipher>,
    seen: &Seen,
) -> Result<Harvest> {
    let bytes = stretch.read(files)?;
    let about = files.get(stretch.file);
    let name = about.map_or("", |file| &file.name);
    let mut harvest = Harvest::default();
    let placed = if about.is_some_and(|file| file.is_log) {
        Placed::in_log(&bytes, segment, &mut harvest.nodes, &mut harvest.blobs)
    } else {
        Placed::in_blob(&bytes, stretch.from)
    };
    let own = usize::try_from(STRETCH).unwrap_or(usize::MAX);
    harvest.bytes = bytes.len().min(own) as u64;
    let longest = about.map_or(0, StoreFile::longest);
    let longest = usize::try_from(longest).unwrap_or(usize::MAX);
    for (at, form) in starts(&bytes) {
        if at >= own {
            break;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let rest = rest.get(..longest).unwrap_or(rest);
        let mut origin = Origin {
            file: name.to_owned(),
            offset: stretch.from + u64::try_from(at).unwrap_or_default(),
            ..Origin::default()
        };
        let mut failed = |origin: Origin, error| {
            harvest.broken.push(Broken {
                file: origin.file,
                offset: Some(origin.offset),
                row_key: origin.row_key,
                error,
            });
        };
        match read(rest, form, cipher, seen) {
            Reading::Sealed(key) => {
                origin.proved = true;
                harvest.keys.push((key, origin));
            }
            Reading::Plain(key) => {
                let place = placed.at(&bytes, at);
                origin.proved = place.sound;
                match place.row_key {
                    Some(row) if !value::is_of(&key, &row) => {
                        origin.row_key = Some(row);
                        failed(origin, "its row is that of another session".into());
                    }
                    row_key => {
                        origin.row_key = row_key;
                        harvest.keys.push((key, origin));
                    }
                }
            }
            Reading::Signer(signer) => harvest.signers.push(signer),
            Reading::Locked => harvest.locked += 1,
            Reading::Nothing => {}
            Reading::Broken(error) => {
                origin.row_key = placed
                    .at(&bytes, at)
                    .row_key
                    .or_else(|| key_before(&bytes, at));
                failed(origin, error);
            }
        }
    }
    Ok(harvest)
}

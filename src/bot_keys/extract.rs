//! Taking the sessions out of a bot's crypto store.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use secrecy::SecretString;

use super::{
    broken::Broken,
    carve::{self, CipherError},
    cipher::{Cipher, Closed},
    cross_check::Row,
    key_index::KeyIndex,
    place::{Kind, Place, find},
    room_key::RoomKey,
    signer::Signers,
    sqlite_store::SqliteStore,
};
use crate::{Error, Result, bundle::work::Work, job::Job};

/// What the names of the private folders begin with.
pub(super) const PREFIX: &str = "bot-keys-";

/// What is wanted of which store.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The bot's storage folder, the store in it, or an application service's folder of stores.
    pub store: PathBuf,
    /// Whose store is meant in an application service's folder; nothing for its own user.
    pub user: Option<ruma::OwnedUserId>,
    /// The store's passphrase. Nothing: the empty one, which matrix-bot-sdk uses, and none.
    pub passphrase: Option<SecretString>,
    /// Goes on behind what is broken, and lists it.
    pub skip_errors: bool,
    /// Is told how far it is, and may end it.
    pub job: Job,
    /// A folder for a private folder with all the keys while they are at hand: on a disk to which secrets may go.
    pub work: PathBuf,
}

/// The sessions of a store, on disk until the value goes.
pub struct Extracted {
    index: KeyIndex,
    places: Vec<Place>,
    changed: bool,
    signers: Signers,
    owners: BTreeSet<OwnedUserId>,
    /// It goes last.
    _work: Work,
}

/// Takes all sessions out of a store, which is only read. One that stands in it several times is taken at its lowest index.
///
/// # Errors
///
/// [`Error::BotStore`] where no store is, where none of its sessions can be had, where the passphrase is wrong, and,
/// without `skip_errors`, where one of them is broken. [`Error::File`] where a file can't be read.
pub fn extract(wish: &Wish) -> Result<Extracted> {
    let places = find(&wish.store, wish.user.as_deref())?;
    let work = Work::new(&wish.work, PREFIX)?;
    let index = KeyIndex::new(work.path())?;
    let mut changed = false;
    let mut signers = Signers::default();
    for place in &places {
        // The files of several stores have the same names.
        let label = if places.len() > 1 {
            label(place, &wish.store)
        } else {
            String::new()
        };
        index.next_store()?;
        changed |= match place.kind {
            Kind::Sled => read_sled(place, &label, wish, &index, &mut signers)?,
            Kind::Sqlite => {
                let store = SqliteStore::copy(&place.path, work.path(), &label)?;
                let (cipher, given) = with_passphrase(wish, |passphrase| store.cipher(passphrase))?;
                let cipher = cipher.map_err(|_closed| wrong_passphrase(&place.path, given))?;
                store.signers(cipher.as_ref(), &mut signers)?;
                store.read(cipher.as_ref(), &index)?;
                false
            }
        };
    }
    let mut extracted = Extracted::new(index, places, changed, work);
    extracted.owners = signers
        .iter()
        .map(|signer| signer.user().to_owned())
        .collect();
    extracted.signers = signers;
    extracted.check(wish)?;
    Ok(extracted)
}

/// What goes before the names of a store's files: its folder as it is below the one that was given.
fn label(place: &Place, given: &Path) -> String {
    let folder = match place.kind {
        Kind::Sled => Some(place.path.as_path()),
        Kind::Sqlite => place.path.parent(),
    };
    match folder.and_then(|folder| folder.strip_prefix(given).ok()) {
        Some(below) if below.as_os_str().is_empty() => String::new(),
        Some(below) => format!("{}/", below.display()),
        None => String::new(),
    }
}

/// Whether the store changed to the end.
fn read_sled(
    place: &Place,
    label: &str,
    wish: &Wish,
    index: &KeyIndex,
    signers: &mut Signers,
) -> Result<bool> {
    let (cipher, given) = with_passphrase(wish, |passphrase| {
        match carve::find_cipher(&place.path, passphrase) {
            Ok(cipher) => Ok(Ok(cipher)),
            Err(CipherError::Passphrase) => Ok(Err(Closed::Passphrase)),
            Err(CipherError::Other(error)) => Err(error),
        }
    })?;
    let cipher = cipher.map_err(|_closed| wrong_passphrase(&place.path, given))?;
    let carved = carve::carve(
        &place.path,
        label,
        cipher.as_ref(),
        index,
        signers,
        &wish.job,
    )?;
    if carved.locked > 0 {
        let error = format!(
            "{} encrypted values are there, and the row with the store's cipher is nowhere: without it they are lost",
            carved.locked
        );
        if !wish.skip_errors {
            return Err(fault(&place.path, error));
        }
        index.broken(&Broken {
            file: format!("{label}db"),
            offset: None,
            row_key: None,
            error,
        })?;
    }
    Ok(carved.changed)
}

/// What comes of the given passphrase, or of the empty one; and whether one was given.
fn with_passphrase<T>(
    wish: &Wish,
    open: impl Fn(&SecretString) -> Result<Result<Option<Cipher>, T>>,
) -> Result<(Result<Option<Cipher>, T>, bool)> {
    let empty = SecretString::from("");
    let passphrase = wish.passphrase.as_ref();
    Ok((open(passphrase.unwrap_or(&empty))?, passphrase.is_some()))
}

fn wrong_passphrase(path: &Path, given: bool) -> Error {
    fault(
        path,
        if given {
            "the passphrase is wrong, or the row with the store's cipher is damaged"
        } else {
            "it is encrypted, and not with the empty passphrase that bots use: give its passphrase"
        },
    )
}

fn fault(path: &Path, reason: impl Into<String>) -> Error {
    Error::BotStore {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

impl Extracted {
    /// What is in an index, which lies in a folder that goes with it.
    pub(super) fn new(index: KeyIndex, places: Vec<Place>, changed: bool, work: Work) -> Self {
        Self {
            index,
            places,
            changed,
            signers: Signers::default(),
            owners: BTreeSet::new(),
            _work: work,
        }
    }

    fn check(&self, wish: &Wish) -> Result<()> {
        let (total, broken) = (self.total()?, self.total_broken()?);
        if total > 0 && (broken == 0 || wish.skip_errors) {
            return Ok(());
        }
        if broken == 0 {
            let places: Vec<_> = self
                .places
                .iter()
                .map(|place| place.path.display().to_string())
                .collect();
            return Err(fault(
                &wish.store,
                format!(
                    "no inbound Megolm session is in {}: is it this bot's store?",
                    places.join(" or ")
                ),
            ));
        }
        let mut first = None;
        self.each_broken(|broken| {
            first.get_or_insert(broken);
            Ok(())
        })?;
        let first = first.map(|first| first.to_string()).unwrap_or_default();
        Err(fault(
            &wish.store,
            if total > 0 {
                format!(
                    "{broken} broken, the first one at {first}: give --skip-errors to take out all that is intact and to have the broken ones listed"
                )
            } else {
                format!("no session in it can be read: {broken} broken, the first one at {first}")
            },
        ))
    }

    /// Whose sessions they are, as a store's account or a file says it.
    pub fn owners(&self) -> &BTreeSet<OwnedUserId> {
        &self.owners
    }

    pub(super) fn set_owners(&mut self, owners: BTreeSet<OwnedUserId>) {
        self.owners = owners;
    }

    /// The stores that were read.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether a store still changed after it had been read several times: a bot is using it, and its newest sessions may
    /// be missing.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// What the stores have to sign with.
    pub fn signers(&self) -> &Signers {
        &self.signers
    }

    /// Sessions.
    pub fn total(&self) -> Result<u64> {
        self.index.total()
    }

    /// Rooms that have one.
    pub fn rooms(&self) -> Result<u64> {
        self.index.rooms()
    }

    /// Broken places.
    pub fn total_broken(&self) -> Result<u64> {
        self.index.total_broken()
    }

    /// Each session, room by room; only one is in memory.
    pub fn each_key(&self, tell: impl FnMut(RoomKey) -> Result<()>) -> Result<()> {
        self.index.each_key(tell)
    }

    /// The sessions of one room.
    pub fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>> {
        self.index.of_room(room)
    }

    /// All rooms, and how many sessions each has.
    pub fn by_room(&self) -> Result<Vec<(OwnedRoomId, u64)>> {
        self.index.by_room()
    }

    /// From which message on a session was taken out, if at all.
    pub(super) fn first_of(&self, row: &Row) -> Result<Option<u32>> {
        self.index
            .first_of(&row.room_id, &row.sender_key, &row.session_id)
    }

    /// Each broken place, by file and offset.
    pub fn each_broken(&self, tell: impl FnMut(Broken) -> Result<()>) -> Result<()> {
        self.index.each_broken(tell)
    }
}

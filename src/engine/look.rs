//! One user, one room, one failure: from the bundle and the ledger alone.

use std::path::PathBuf;

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId};

use super::{Engine, memory::Memory, opening::blocking, own};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::Problem,
    ledger::Ledger,
    migration::{room_state::RoomState, user_state::UserState},
};

impl Engine {
    /// What became of one user, named by ID or, if local, by the part before the colon.
    pub async fn user(&self, bundle: Option<PathBuf>, name: &str) -> Result<UserState> {
        let user = self.user_id(name)?;
        let bundle = self.open(bundle).await?;
        let ledger = self.ledger_of(&bundle)?;
        let own = own(&self.target()?);
        blocking(move || UserState::read(&bundle, ledger.as_ref(), &own, &user)).await
    }

    /// What became of one room, named by ID or by an alias.
    pub async fn room(&self, bundle: Option<PathBuf>, name: &str) -> Result<RoomState> {
        let bundle = self.open(bundle).await?;
        let room = room_id(&bundle, name)?;
        let ledger = self.ledger_of(&bundle)?;
        blocking(move || RoomState::read(&bundle, ledger.as_ref(), &room)).await
    }

    /// What the last import could not do, or the export of which `others` are the problems, by its reference or the
    /// beginning of it.
    pub fn why(&self, reference: &str, others: Vec<Problem>) -> Result<Problem> {
        let mut problems = match Memory::read(&self.config.data_dir)? {
            Some(last) => self.ledger(&last.id)?.problems()?,
            None => Vec::new(),
        };
        problems.extend(others);
        let wanted = reference.trim_matches('`').to_lowercase();
        problems.retain(|problem| !wanted.is_empty() && problem.reference().starts_with(&wanted));
        let mut found = problems.into_iter();
        let Some(first) = found.next() else {
            return Err(Error::Usage(format!(
                "neither the last export nor the last import has a failure {reference}: it may have been mended since; `report` lists those that are left"
            )));
        };
        // Export and import may have failed at the same thing.
        if found.any(|other| other.reference() != first.reference()) {
            return Err(Error::Usage(format!(
                "{reference} begins more than one reference: give all of its eight signs"
            )));
        }
        Ok(first)
    }

    /// The ledger of a bundle's import, if it is the last one.
    fn ledger_of(&self, bundle: &Bundle) -> Result<Option<Ledger>> {
        let last = Memory::read(&self.config.data_dir)?;
        last.filter(|last| last.name == bundle.name())
            .map(|last| self.ledger(&last.id))
            .transpose()
    }

    pub(super) fn user_id(&self, name: &str) -> Result<OwnedUserId> {
        let whole = if name.starts_with('@') && name.contains(':') {
            name.to_owned()
        } else {
            format!(
                "@{}:{}",
                name.trim_start_matches('@'),
                self.config.server_name
            )
        };
        OwnedUserId::try_from(whole).map_err(|error| {
            Error::Usage(format!(
                "{name} is no user ID ({error}): write one such as @anna:{}",
                self.config.server_name
            ))
        })
    }
}

/// A room by its ID or an alias.
pub(super) fn room_id(bundle: &Bundle, name: &str) -> Result<OwnedRoomId> {
    if let Ok(alias) = OwnedRoomAliasId::try_from(name) {
        let aliases = bundle.aliases()?;
        return aliases.get(&alias).cloned().ok_or_else(|| {
            Error::Usage(format!(
                "{} has no alias {name}: give the room's ID",
                bundle.name()
            ))
        });
    }
    OwnedRoomId::try_from(name).map_err(|_| {
        Error::Usage(format!(
            "{name} is neither a room ID nor an alias: write one such as !abc:example.org or #lobby:example.org"
        ))
    })
}

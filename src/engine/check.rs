//! `check`: can the move begin? Everything that can be looked at is, also after something was found bad.
//!
//! Nothing is changed: the target's admin room gets the question whether the resident is reached, and the target may keep
//! the resident's public key.

mod accepted;
mod bundle;
mod clock;
mod disk;
mod keys;
mod old_server;
mod people;
mod resident;
mod rooms;
mod source;
mod target;

use std::path::PathBuf;

use super::Engine;
use crate::{
    Result,
    migration::check::{Check, Round, What},
};

/// What is found, in the order in which it is told.
#[derive(Debug, Default)]
struct Found(Vec<Check>);

impl Found {
    fn add(&mut self, what: What) {
        self.0.push(what.into());
    }

    /// What is about subjects, if there are any.
    fn about<T: ToString>(&mut self, what: What, subjects: impl IntoIterator<Item = T>) {
        self.0.extend(Check::about(what, subjects));
    }
}

impl Engine {
    /// Looks at source, target, keys, resident, bundle (default: the newest, if there is one), its rooms and users, disk
    /// and clocks. Keeps what it found for [`Engine::acknowledge`].
    ///
    /// Where users get another server's name, it looks at what federation mode needs.
    pub async fn check(&self, bundle: Option<PathBuf>) -> Result<Round> {
        let mut found = Found::default();
        let source = source::look(self, &mut found).await;
        let target = target::look(self, &mut found).await;
        clock::look(&source, target.as_ref(), &mut found);
        if self.config.renames() {
            old_server::look(self, target.as_ref(), &mut found).await;
        } else {
            resident::look(self, target.as_ref(), &mut found).await;
        }
        let bundle = bundle::look(self, bundle, &source, target.as_ref(), &mut found).await;
        keys::look(
            self,
            source.keys.as_ref(),
            bundle.as_ref(),
            target.as_ref(),
            &mut found,
        );
        disk::look(self, &source, bundle.as_ref(), &mut found)?;
        accepted::keep(&self.config.data_dir, Round(found.0))
    }

    /// Accepts a warning of the last check by its code; who does so is kept.
    pub fn acknowledge(&self, code: &str, by: &str) -> Result<()> {
        accepted::add(&self.config.data_dir, code, by, self.clock.now_ms())
    }
}

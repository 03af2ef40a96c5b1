//! The media that the target fetches at this moment.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use super::Resident;

/// One file, as the resident hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// Its content.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// MIME type, as the uploader said.
    pub media_type: Option<String>,
    /// File name, as the uploader said.
    pub name: Option<String>,
}

/// What is handed out now, by media ID.
#[derive(Debug, Default)]
pub struct Shelf(RwLock<HashMap<String, Arc<Medium>>>);

impl Shelf {
    /// A medium that is on the shelf.
    #[must_use]
    pub fn of(&self, media_id: &str) -> Option<Arc<Medium>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(media_id)
            .cloned()
    }
}

/// Keeps a medium on the shelf; dropping it takes it away.
#[derive(Debug)]
pub struct MediumGuard {
    resident: Arc<Resident>,
    media_id: String,
}

impl Resident {
    /// Hands out a medium from now on, until the guard is dropped.
    #[must_use]
    pub fn lay_out(self: &Arc<Self>, media_id: &str, medium: Medium) -> MediumGuard {
        self.shelf
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(media_id.to_owned(), Arc::new(medium));
        MediumGuard {
            resident: Arc::clone(self),
            media_id: media_id.to_owned(),
        }
    }
}

impl Drop for MediumGuard {
    fn drop(&mut self) {
        self.resident
            .shelf
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.media_id);
    }
}

//! The bundle that is open: who looks something up while a job has it open reads the same one instead of unpacking it again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::SystemTime,
};

use tokio::sync::Mutex;

use crate::{Error, Result, bundle::Bundle};

/// What was opened last, as long as somebody holds it. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<Last>>);

type Last = Option<(Seal, Weak<Bundle>)>;

/// A file that was not written since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    path: PathBuf,
    bytes: u64,
    modified: SystemTime,
}

impl Shelf {
    /// The bundle of a path, if it is open, else from `open`. One at a time is opened: the second who wants it gets the
    /// first one's.
    pub(super) async fn take(
        &self,
        path: PathBuf,
        open: impl AsyncFnOnce(PathBuf) -> Result<Bundle>,
    ) -> Result<Arc<Bundle>> {
        // Without one there is nothing that could be open; opening it says what is wrong.
        let seal = Seal::of(&path).ok();
        let mut last = self.0.lock().await;
        if let Some((sealed, bundle)) = &*last
            && Some(sealed) == seal.as_ref()
            && let Some(bundle) = bundle.upgrade()
        {
            return Ok(bundle);
        }
        let bundle = Arc::new(open(path).await?);
        if let Some(seal) = seal {
            *last = Some((seal, Arc::downgrade(&bundle)));
        }
        Ok(bundle)
    }
}

impl Seal {
    /// Of an archive, or of a folder's manifest, which is written last.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let file = if path.is_dir() {
            path.join("manifest.json")
        } else {
            path.to_owned()
        };
        let about = fs::metadata(&file).map_err(Error::file(&file))?;
        Ok(Self {
            bytes: about.len(),
            modified: about.modified().map_err(Error::file(&file))?,
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bundle::{BundleWriter, Origin, SourceKind},
        model::wanted::Wanted,
    };

    fn write(dir: &Path, server_name: &str) {
        let origin = Origin {
            source: SourceKind::Database,
            synapse_version: None,
            server_name: server_name.try_into().unwrap(),
            exported_ts: 7,
            stream_position: None,
            wanted: Wanted::default(),
        };
        let path = dir.join("bundle.tar");
        let _none_is_there_at_first = fs::remove_file(&path);
        let writer = BundleWriter::create(&path, origin).unwrap();
        writer
            .finish(&|_, _| String::new(), &mut |_, _| {})
            .unwrap();
    }

    #[tokio::test]
    async fn an_open_bundle_is_opened_once_and_a_changed_one_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, work) = (dir.path().join("bundle.tar"), dir.path().join("work"));
        write(dir.path(), "a.test");
        let shelf = Shelf::default();
        let open = async |path: PathBuf| Bundle::open(&path, &work);
        let first = shelf.take(path.clone(), open).await.unwrap();
        let second = shelf.take(path.clone(), open).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        write(dir.path(), "another.test");
        let third = shelf.take(path.clone(), open).await.unwrap();
        assert_eq!(third.server_name(), "another.test");
        assert_eq!(first.server_name(), "a.test");
        let held = Arc::downgrade(&third);
        drop(third);
        assert!(held.upgrade().is_none(), "nobody keeps it open");
        let missing = shelf.take(dir.path().join("none.tar"), open).await;
        assert!(
            missing
                .err()
                .unwrap()
                .to_string()
                .contains("nothing of this name")
        );
    }
}

//! The large server at rest: made once, in the lab's cache, and copied from there.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    SERVER_NAME,
    counts::{Counts, settled},
    make,
    plan::Plan,
};
use crate::{
    lab::{
        LabError, Result,
        folder::{Folder, copy},
        python::cache,
        synapse::{DatabasePlace, MEDIA, SIGNING_KEY, SQLITE_FILE, Synapse, SynapseOptions},
    },
    secret::{ExposeSecret, write_private},
};

/// Counts up with every change of the plan or of the making.
const FORMAT: u32 = 1;
/// Counts and the admin's credentials.
const FACTS: &str = "large.json";
/// How long Synapse may take for its own work after the last request.
const SETTLED: Duration = Duration::from_mins(5);

/// What is known of the large server without looking into it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) counts: Counts,
    pub(super) admin: String,
    pub(super) password: String,
    pub(super) access_token: String,
    /// How long the making took.
    pub(super) seconds: u64,
}

/// Its folder in the cache.
#[derive(Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    /// Makes it if it isn't there; two processes don't make it both.
    pub(super) async fn ready() -> Result<Self> {
        let cache = cache()?;
        let folder = cache.join(format!("large-{FORMAT}"));
        if !folder.exists() {
            fs::create_dir_all(&cache).map_err(LabError::file(&cache))?;
            let _lock = lock(folder.with_extension("lock")).await?;
            if !folder.exists() {
                make_all(&folder).await?;
            }
        }
        Ok(Self(folder))
    }

    pub(super) fn facts(&self) -> Result<Facts> {
        let path = self.path(FACTS);
        let text = fs::read(&path).map_err(LabError::file(&path))?;
        serde_json::from_slice(&text)
            .map_err(|error| LabError::file(&path)(std::io::Error::other(error)))
    }

    /// Something in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Copies signing key and media, and the SQLite database if it is wanted.
    pub(super) async fn copy_to(&self, folder: &Folder, database: bool) -> Result<()> {
        for name in [SIGNING_KEY, MEDIA] {
            copy(&self.path(name), &folder.path().join(name)).await?;
        }
        if database {
            copy(&self.path(SQLITE_FILE), &folder.path().join(SQLITE_FILE)).await?;
        }
        Ok(())
    }
}

/// Waits for the others that make the same thing; the lock goes with the value.
pub(super) async fn lock(path: PathBuf) -> Result<File> {
    let file = path.clone();
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::create(&file)?;
        file.lock()?;
        Ok(file)
    });
    locked
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(LabError::file(path))
}

async fn make_all(folder: &Path) -> Result<()> {
    let start = Instant::now();
    let mut options = SynapseOptions::source(super::server_name());
    // Nobody reads what the push rules of hundreds of members would say to every event.
    options
        .settings
        .insert("push".to_owned(), json!({ "enabled": false }));
    options
        .settings
        .insert("caches".to_owned(), json!({ "global_factor": 10 }));
    let plan = Plan::new();
    let mut synapse = Synapse::start(options).await?;
    let localpart = &plan.people[0].localpart;
    let password = make::password(localpart);
    let admin = synapse.register(localpart, &password, true).await?;
    make::make(&synapse, &admin, &plan).await?;
    let DatabasePlace::Sqlite(database) = synapse.database().clone() else {
        unreachable!("the options say so");
    };
    wait_until_settled(&database).await?;
    synapse.server.stop().await?;
    // Else the last events are in the write-ahead log only.
    rusqlite::Connection::open(&database)
        .and_then(|database| database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .map_err(LabError::database(&database))?;
    let facts = Facts {
        counts: Counts::read(&database)?,
        admin: admin.user_id().to_owned(),
        password,
        access_token: admin
            .token()
            .map(|token| token.expose_secret().to_owned())
            .unwrap_or_default(),
        seconds: start.elapsed().as_secs(),
    };
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(LabError::file(&partial))?;
    }
    crate::secret::private_dir(&partial).map_err(LabError::file(&partial))?;
    for name in [SQLITE_FILE, SIGNING_KEY, MEDIA] {
        copy(&synapse.server.folder().join(name), &partial.join(name)).await?;
    }
    let text = serde_json::to_vec_pretty(&facts)
        .map_err(|error| LabError::file(&partial)(std::io::Error::other(error)))?;
    write_private(&partial.join(FACTS), &text).map_err(LabError::file(&partial))?;
    fs::rename(&partial, folder).map_err(LabError::file(folder))?;
    tracing::info!("{SERVER_NAME} made in {} s", facts.seconds);
    Ok(())
}

async fn wait_until_settled(database: &Path) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < SETTLED {
        if settled(database)? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(LabError::Late {
        what: "the end of Synapse's own work in the background".to_owned(),
        seconds: SETTLED.as_secs(),
    })
}

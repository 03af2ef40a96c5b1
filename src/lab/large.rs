//! A large Synapse: 1,000 users, 1,000 rooms, 20,000 memberships, 60,000 events.
//!
//! Its making takes many minutes. So it is made once, through Synapse's own APIs, and kept in the lab's cache
//! ([`super::python::cache`]); whoever wants one gets a running copy.

mod counts;
mod kept_postgres;
mod make;
mod plan;
mod store;

use ruma::OwnedServerName;

use self::store::{Facts, Store};
use super::{
    Result,
    client::Client,
    folder::Folder,
    postgres::Postgres,
    synapse::{Database, Synapse, SynapseOptions},
};

pub use counts::Counts;

/// The same everywhere, so without a port.
pub const SERVER_NAME: &str = "large.localhost";

/// A running copy.
#[derive(Debug)]
pub struct Large {
    /// The server.
    pub synapse: Synapse,
    /// Its admin's session.
    pub admin: Client,
    /// What it had when it was made.
    pub counts: Counts,
    /// How many seconds its making took.
    pub made_in: u64,
}

impl Large {
    /// A copy on SQLite; makes the original first if there is none.
    pub async fn sqlite() -> Result<Self> {
        let store = Store::ready().await?;
        let folder = Folder::new("large")?;
        store.copy_to(&folder, true).await?;
        let options = SynapseOptions::source(server_name());
        let synapse = Synapse::start_on(folder, None, options).await?;
        Ok(Self::new(synapse, store.facts()?))
    }

    /// A copy on PostgreSQL; ports the original first if that hasn't been done with this major version.
    pub async fn postgres() -> Result<Self> {
        let store = Store::ready().await?;
        let kept = kept_postgres::ready(&store).await?;
        let postgres = Postgres::start_from(&kept).await?;
        let folder = Folder::new("large")?;
        store.copy_to(&folder, false).await?;
        let options = SynapseOptions {
            database: Database::Postgres,
            ..SynapseOptions::source(server_name())
        };
        let synapse = Synapse::start_on(folder, Some(postgres), options).await?;
        Ok(Self::new(synapse, store.facts()?))
    }

    fn new(synapse: Synapse, facts: Facts) -> Self {
        Self {
            admin: synapse
                .anonymous()
                .with_token(&facts.admin, &facts.access_token),
            synapse,
            counts: facts.counts,
            made_in: facts.seconds,
        }
    }
}

fn server_name() -> OwnedServerName {
    OwnedServerName::try_from(SERVER_NAME).unwrap_or_else(|_| {
        unreachable!("a constant that is a server name");
    })
}

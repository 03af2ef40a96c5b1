//! The reader that asks Synapse's Admin and Client API with an admin's token: any database, any machine.

mod alone;
mod closure;
mod keys;
mod room;
mod room_list;
mod rooms;
mod timeline;
mod users;

use std::{collections::BTreeSet, sync::Arc};

use ruma::{OwnedServerName, OwnedUserId};
use serde_json::Value;

use super::{about::About, admin_api::Client, intake::Intake, reader::Reader};
use crate::{Result, bundle::SourceKind, job::Problem};

/// One Synapse by its API.
pub struct ApiReader {
    client: Arc<Client>,
    server_name: OwnedServerName,
    /// Synapse's list, from when it was asked whether the token is an admin's.
    listed: Vec<Value>,
    /// Those that could be read.
    users: BTreeSet<OwnedUserId>,
    warnings: Vec<Problem>,
}

impl ApiReader {
    /// A reader of the server `server_name`; nothing is sent yet.
    pub fn new(client: Client, server_name: OwnedServerName) -> Self {
        Self {
            client: Arc::new(client),
            server_name,
            listed: Vec::new(),
            users: BTreeSet::new(),
            warnings: Vec::new(),
        }
    }

    /// With something that the operator should hear of in any case.
    #[must_use]
    pub fn warned(mut self, warning: Option<Problem>) -> Self {
        self.warnings.extend(warning);
        self
    }
}

impl Reader for ApiReader {
    async fn about(&mut self) -> Result<About> {
        let synapse_version = self.client.server_version().await?;
        let admin = self.client.whoami().await?;
        // Before anything is written: this is also where a token that is no admin's is refused.
        self.listed = self.client.users().await?;
        Ok(About {
            source: SourceKind::AdminApi,
            server_name: admin.server_name().to_owned(),
            synapse_version: Some(synapse_version),
            stream_position: None,
            unseen: Vec::new(),
            warnings: self.warnings.clone(),
        })
    }

    async fn users(&mut self, to: &Intake) -> Result<()> {
        let listed = std::mem::take(&mut self.listed);
        self.users = users::read(&self.client, listed, to).await?;
        Ok(())
    }

    async fn key_backups(&mut self, _to: &Intake) -> Result<()> {
        Ok(())
    }

    async fn rooms(&mut self, to: &Intake) -> Result<()> {
        let list = room_list::read(&self.client, &self.server_name, &self.users, to).await?;
        rooms::read(&self.client, &self.server_name, list, to).await
    }

    async fn media(&mut self, _to: &Intake) -> Result<()> {
        Ok(())
    }

    async fn server_keys(&mut self, servers: BTreeSet<OwnedServerName>, to: &Intake) -> Result<()> {
        keys::read(&self.client, &self.server_name, servers, to).await
    }

    fn requests(&self) -> u64 {
        self.client.requests()
    }
}

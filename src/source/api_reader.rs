//! The reader that asks Synapse's Admin and Client API with an admin's token: any database, any machine.

mod acting;
mod alone;
mod closure;
mod cross_signing;
mod device_keys;
mod in_order;
mod key_backups;
mod keys;
mod last_state;
mod media;
mod newest;
mod now;
mod own;
mod pending;
mod push_rules;
mod receipts;
mod redactions;
mod room;
mod room_list;
mod rooms;
mod snapshots;
mod timeline;
mod unseen;
mod user;
mod users;
mod window;

use std::{collections::BTreeSet, sync::Arc};

use ruma::{OwnedServerName, OwnedUserId};
use serde_json::Value;

use super::{
    about::About,
    admin_api::{Client, has_custom_profiles},
    intake::Intake,
    reader::Reader,
};
use crate::{Result, bundle::SourceKind, job::Problem, model::wanted::Wanted};
use acting::Acting;
use users::Users;

/// One Synapse by its API.
pub struct ApiReader {
    client: Arc<Client>,
    server_name: OwnedServerName,
    wanted: Wanted,
    /// Known from when Synapse was asked whose token it is.
    admin: Option<OwnedUserId>,
    custom_profiles: bool,
    /// Synapse's list, from when it was asked whether the token is an admin's.
    listed: Vec<Value>,
    users: Users,
    acting: Option<Acting>,
    warnings: Vec<Problem>,
}

impl ApiReader {
    /// A reader of the server `server_name`; nothing is sent yet.
    pub fn new(client: Client, server_name: OwnedServerName, wanted: &Wanted) -> Self {
        Self {
            client: Arc::new(client),
            server_name,
            wanted: wanted.clone(),
            admin: None,
            custom_profiles: true,
            listed: Vec::new(),
            users: Users::default(),
            acting: None,
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
        self.custom_profiles = has_custom_profiles(&synapse_version);
        let server_name = admin.server_name().to_owned();
        self.admin = Some(admin);
        Ok(About {
            source: SourceKind::AdminApi,
            server_name,
            synapse_version: Some(synapse_version),
            stream_position: None,
            unseen: unseen::of(&self.wanted),
            warnings: self.warnings.clone(),
        })
    }

    async fn users(&mut self, to: &Intake) -> Result<()> {
        let listed = std::mem::take(&mut self.listed);
        let client = &self.client;
        self.acting = self
            .admin
            .clone()
            .filter(|_| to.wanted().act_as_users)
            .map(|admin| Acting::new(Arc::clone(client), admin, to.started_ms()));
        let acting = self.acting.clone();
        let read = users::read(client, acting, self.custom_profiles, listed, to).await;
        self.settled().await;
        self.users = read?;
        Ok(())
    }

    async fn key_backups(&mut self, to: &Intake) -> Result<()> {
        let users = std::mem::take(&mut self.users.with_backup);
        let Some(acting) = &self.acting else {
            return Ok(());
        };
        let read = key_backups::read(&self.client, acting, users, to).await;
        self.settled().await;
        read
    }

    async fn rooms(&mut self, to: &Intake) -> Result<()> {
        to.set_erased(std::mem::take(&mut self.users.erased));
        let list = room_list::read(&self.client, &self.server_name, &self.users, to).await?;
        rooms::read(&self.client, &self.server_name, list, to).await
    }

    async fn media(&mut self, to: &Intake) -> Result<()> {
        media::read(&self.client, &self.server_name, &self.users.names, to).await
    }

    async fn server_keys(&mut self, servers: BTreeSet<OwnedServerName>, to: &Intake) -> Result<()> {
        keys::read(&self.client, &self.server_name, servers, to).await
    }

    fn requests(&self) -> u64 {
        self.client.requests()
    }
}

impl ApiReader {
    /// When no token is good any more that acted as somebody.
    async fn settled(&self) {
        if let Some(acting) = &self.acting {
            drop(acting.settled().await);
        }
    }
}

//! The server that is entered: a Tuwunel, or a second Synapse that stands in for it.

use super::{
    Result,
    client::Client,
    names::Names,
    registration::Registration,
    server::Server,
    synapse::{Synapse, SynapseOptions},
    tuwunel::{Tuwunel, TuwunelOptions, find_binary},
};

/// Localpart of the operator, who has an account on the target before anything is carried over.
pub const OPERATOR: &str = "operator";
/// The operator's password on the target.
pub const OPERATOR_PASSWORD: &str = "the operator's new password";

/// A running target with its operator, an admin of it.
#[derive(Debug)]
pub struct Target {
    /// Which server it is.
    pub kind: TargetKind,
    /// The operator's session.
    pub operator: Client,
}

/// Either server.
#[derive(Debug)]
pub enum TargetKind {
    /// The real one.
    Tuwunel(Box<Tuwunel>),
    /// For accounts, joins and members only: it takes no history.
    StandIn(Box<Synapse>),
}

impl Target {
    /// A Tuwunel if this machine has one, else a stand-in.
    pub async fn start(names: &Names, registrations: Vec<Registration>) -> Result<Self> {
        if find_binary().is_some() {
            Self::tuwunel(names, registrations).await
        } else {
            Self::stand_in(names, registrations).await
        }
    }

    /// A Tuwunel.
    pub async fn tuwunel(names: &Names, registrations: Vec<Registration>) -> Result<Self> {
        let tuwunel = Tuwunel::start(TuwunelOptions {
            server_name: names.server_name.clone(),
            registrations,
            trusted_server: Some(names.resident.clone()),
        })
        .await?;
        let operator = tuwunel.register(OPERATOR, OPERATOR_PASSWORD).await?;
        Ok(Self {
            kind: TargetKind::Tuwunel(Box::new(tuwunel)),
            operator,
        })
    }

    /// A second Synapse of the same name with a signing key of its own.
    pub async fn stand_in(names: &Names, registrations: Vec<Registration>) -> Result<Self> {
        let synapse = Synapse::start(SynapseOptions {
            registrations,
            trusted_server: Some(names.resident.clone()),
            ..SynapseOptions::source(names.server_name.clone())
        })
        .await?;
        let operator = synapse.register(OPERATOR, OPERATOR_PASSWORD, true).await?;
        Ok(Self {
            kind: TargetKind::StandIn(Box::new(synapse)),
            operator,
        })
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        match &self.kind {
            TargetKind::Tuwunel(tuwunel) => tuwunel.url(),
            TargetKind::StandIn(synapse) => synapse.url(),
        }
    }

    /// Its process and folder: stop, kill, start again.
    pub fn server(&mut self) -> &mut Server {
        match &mut self.kind {
            TargetKind::Tuwunel(tuwunel) => &mut tuwunel.server,
            TargetKind::StandIn(synapse) => &mut synapse.server,
        }
    }

    /// Nobody's client.
    pub fn anonymous(&self) -> &Client {
        match &self.kind {
            TargetKind::Tuwunel(tuwunel) => tuwunel.anonymous(),
            TargetKind::StandIn(synapse) => synapse.anonymous(),
        }
    }

    /// Registers somebody.
    pub async fn register(&self, localpart: &str, password: &str) -> Result<Client> {
        match &self.kind {
            TargetKind::Tuwunel(tuwunel) => tuwunel.register(localpart, password).await,
            TargetKind::StandIn(synapse) => synapse.register(localpart, password, false).await,
        }
    }

    /// What it is, for people.
    pub async fn describe(&self) -> Result<String> {
        match &self.kind {
            TargetKind::Tuwunel(tuwunel) => tuwunel.version().await,
            TargetKind::StandIn(_) => Ok(format!(
                "Synapse {} as a stand-in",
                super::python::SYNAPSE_VERSION
            )),
        }
    }

    /// Makes somebody (the bot, as a rule) an admin of it.
    pub async fn make_admin(&self, user_id: &str) -> Result<()> {
        match &self.kind {
            TargetKind::Tuwunel(tuwunel) => tuwunel.make_admin(&self.operator, user_id).await,
            TargetKind::StandIn(synapse) => synapse.make_admin(&self.operator, user_id).await,
        }
    }
}

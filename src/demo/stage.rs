//! The stage: a filled source, a target, and an installation between them, set up as the README says.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};

use super::installation::{Between, Installation};
use crate::{
    Error, Result,
    bot::{self, client::Client},
    clock::SystemClock,
    engine::Engine,
    lab::{
        LabError,
        admin_room::AdminRoom,
        fill::{self, Filled},
        names::Names,
        python::SYNAPSE_VERSION,
        synapse::Synapse,
        target::{Target, TargetKind},
    },
};

/// Everything that runs for a journey; all of it ends with the value.
#[derive(Debug)]
pub struct Stage {
    /// The server that is left.
    pub source: Synapse,
    /// What is in it.
    pub filled: Filled,
    /// The server that is entered.
    pub target: Target,
    /// Ferryman's own folder and configuration.
    pub installation: Installation,
    /// The names of all of them.
    pub names: Names,
}

/// A bot that runs in this process.
#[derive(Debug)]
pub struct RunningBot {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Stage {
    /// Starts and fills the source, starts a target (Tuwunel or a stand-in), registers Ferryman there and makes its bot
    /// an admin.
    pub async fn set(tuwunel: bool) -> Result<Self> {
        let names = Names::fresh()?;
        let trusted = names.clone();
        Self::trusting(names, &trusted, tuwunel).await
    }

    /// The same with the outskirts ([`fill::fill_wholly`]): rooms of every kind, also such as can't be carried.
    pub async fn set_wholly(tuwunel: bool) -> Result<Self> {
        let names = Names::fresh()?;
        let source = Synapse::start(fill::source_options(names.server_name.clone())).await?;
        let filled = Box::pin(fill::fill_wholly(&source)).await?;
        let trusted = names.clone();
        Self::between(source, filled, names, &trusted, tuwunel).await
    }

    /// The same, but the target trusts another resident's name: what comes of a wrong `trusted_servers`.
    pub async fn trusting(names: Names, trusted: &Names, tuwunel: bool) -> Result<Self> {
        let source = Synapse::start(fill::source_options(names.server_name.clone())).await?;
        let filled = Box::pin(fill::fill(&source)).await?;
        Self::between(source, filled, names, trusted, tuwunel).await
    }

    async fn between(
        source: Synapse,
        filled: Filled,
        names: Names,
        trusted: &Names,
        tuwunel: bool,
    ) -> Result<Self> {
        let admin_token = filled
            .admin()
            .token()
            .cloned()
            .ok_or_else(|| Error::Target("the source's admin has no token".to_owned()))?;
        let between = Between {
            names: &names,
            source: source.url(),
            admin_token,
        };
        let (installation, target) = install(&between, trusted, tuwunel).await?;
        Ok(Self {
            source,
            filled,
            target,
            installation,
            names,
        })
    }

    /// What the source is and holds, for people.
    #[must_use]
    pub fn describe_source(&self) -> String {
        let counts = self.filled.counts;
        format!(
            "Synapse {SYNAPSE_VERSION} with {} users, {} rooms and {} events",
            counts.users, counts.rooms, counts.events
        )
    }

    /// An engine as `ferryman run` makes it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::new(
            Arc::new(self.installation.config.clone()),
            Arc::new(self.installation.tokens.clone()),
            Arc::new(SystemClock),
        )
    }

    /// Starts the application service in this process.
    #[must_use]
    pub fn start_bot(&self) -> RunningBot {
        start_bot(self.engine())
    }
}

/// Starts the application service of an installation in this process.
#[must_use]
pub fn start_bot(engine: Engine) -> RunningBot {
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(bot::run(engine, async {
        let _dropped = stopped.await;
    }));
    RunningBot { stop, task }
}

impl RunningBot {
    /// Stops it and says how it ended.
    pub async fn stop(self) -> Result<()> {
        let _ended_before = self.stop.send(());
        self.task
            .await
            .map_err(|error| Error::Target(format!("the bot ended badly: {error}")))?
    }
}

/// Starts a target that trusts the resident of these names, and makes an installation between it and a source, as the
/// README says.
pub async fn install(
    between: &Between<'_>,
    trusted: &Names,
    tuwunel: bool,
) -> Result<(Installation, Target)> {
    let mut installation = Installation::make(between)?;
    let target = if tuwunel {
        Target::tuwunel(trusted, Vec::new()).await?
    } else {
        Target::stand_in(trusted, installation.registrations()).await?
    };
    installation.enter(target.url())?;
    hand_over(&target, &installation).await?;
    Ok((installation, target))
}

/// What the README tells the operator to do on Tuwunel: both registrations and the bot's rights, by the admin room.
pub async fn hand_over(target: &Target, installation: &Installation) -> Result<()> {
    let config = &installation.config;
    let TargetKind::Tuwunel(tuwunel) = &target.kind else {
        // Tuwunel makes the bot's account with its registration; here the registration's own user is another.
        let token = installation.tokens.bot_as.clone();
        let bot = Client::new(&config.target.url, token, &config.bot_id(), Duration::ZERO)?;
        return bot.register(&config.bot.localpart).await;
    };
    let admin = AdminRoom::find(&target.operator, tuwunel.server_name().as_str()).await?;
    for file in [&installation.written.bot, &installation.written.puppets] {
        let yaml = std::fs::read_to_string(file).map_err(Error::file(file))?;
        let reply = admin
            .command(&format!(
                "!admin appservices register\n```yaml\n{yaml}\n```"
            ))
            .await?;
        if !reply.contains("registered") {
            return Err(LabError::Late {
                what: format!("the registration of {} ({reply})", file.display()),
                seconds: 0,
            }
            .into());
        }
    }
    target.make_admin(&config.bot_id()).await?;
    Ok(())
}

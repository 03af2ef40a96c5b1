//! `bot-keys` without a configuration: for bots of any homeserver.

use std::sync::Arc;

use super::{Admin, Asker, Known, Means, Outcome, carry_out};
use crate::{
    Error, Result,
    clock::Clock,
    command::Command,
    job::Job,
    operation::{Answer, Board, Preview, Runner, Surface},
    report,
};

/// Runs `bot-keys` in the shell, and nothing else.
#[derive(Clone)]
pub struct Alone {
    clock: Arc<dyn Clock>,
    board: Board,
}

impl Alone {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            board: Board::default(),
        }
    }
}

impl Runner for Alone {
    async fn run(&self, command: Command, job: Job) -> Result<Answer> {
        let Command::BotKeys(order) = command else {
            return Err(Error::Usage(
                "this command needs a configuration".to_owned(),
            ));
        };
        let asker = Asker::new(Surface::Shell);
        let means = Means {
            clock: &*self.clock,
            job: &job,
            asker: &asker,
            admin: &Admin::default(),
        };
        let outcomes = carry_out(&order, &Known::nothing(), &means).await?;
        Ok(Answer {
            good: outcomes.iter().all(Outcome::is_good),
            data: Some(report::bot_keys::data(&outcomes)),
            ..Answer::of(Surface::Shell.spoken(&report::bot_keys::short(&outcomes)))
        })
    }

    async fn preview(&self, _: Command) -> Result<Preview> {
        Err(Error::Usage("this command needs no preview".to_owned()))
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

//! Orders that change a server: shown first, carried out when their giver says so.

use rand::{Rng, seq::IndexedRandom};

use super::{
    decide::{NO, YES},
    store::Waiting,
    talk::Talk,
    worker::Worker,
};
use crate::{
    Error, Result,
    command::{Command, chat},
    operation::Runner,
    report,
};

/// An order waits so long.
const WAITS_MS: u64 = 10 * 60 * 1000;

/// Without those that look like others.
const LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// So many letters; whoever guesses must be the same operator.
const LENGTH: usize = 5;

impl<R: Runner> Worker<R> {
    /// Shows what a command would do, and how to confirm it.
    pub(super) async fn preview(
        &self,
        talk: &Talk,
        (sender, words): (&str, &str),
        command: Command,
    ) -> Result<()> {
        let name = command.name();
        let shown = self.runner.preview(command).await?;
        let Some(digest) = shown.digest else {
            talk.reply("answer", &shown.markdown).await;
            return Ok(());
        };
        let code = code(&mut rand::rng());
        let text = report::bot::preview(name, &shown.markdown, &code);
        let Some(preview) = talk.ask(&text, &code).await else {
            return Ok(());
        };
        self.store.wait_for(&Waiting {
            code,
            sender: sender.to_owned(),
            words: words.to_owned(),
            digest,
            preview: preview.clone(),
            until_ms: self.clock.now_ms() + WAITS_MS,
        })?;
        for key in [YES, NO] {
            let txn = format!("ferryman-{preview}-{key}");
            if let Err(error) = self.client.react(&self.room, &txn, &preview, key).await {
                tracing::warn!("a reaction was not set: {error}");
            }
        }
        Ok(())
    }

    /// The command of a confirmed order, which is forgotten by that.
    pub(super) fn confirmed(&self, waiting: &Waiting, sender: &str) -> Result<Command> {
        if waiting.sender != sender {
            return Err(Error::Usage(format!(
                "this is the order of {}: only they can confirm it",
                waiting.sender
            )));
        }
        if !self.store.forget(&waiting.code)? {
            return Err(unknown(&waiting.code));
        }
        if self.clock.now_ms() > waiting.until_ms {
            return Err(Error::Usage(format!(
                "the order {} has waited for more than {} min and was not carried out: send it again",
                waiting.words,
                WAITS_MS / 60_000
            )));
        }
        Ok(match chat::parse(&waiting.words)? {
            Command::Import(mut import) => {
                import.confirmed = Some(waiting.digest);
                Command::Import(import)
            }
            Command::Retry(mut retry) => {
                retry.confirmed = Some(waiting.digest);
                Command::Retry(retry)
            }
            other => other,
        })
    }

    /// The order that waits under a code.
    pub(super) fn waiting(&self, code: &str) -> Result<Waiting> {
        self.store.waiting_as(code)?.ok_or_else(|| unknown(code))
    }
}

fn unknown(code: &str) -> Error {
    Error::Usage(format!(
        "no order waits under the code {code}: each counts once, and a newer order of yours takes the place of the last; send the order again"
    ))
}

fn code(random: &mut impl Rng) -> String {
    (0..LENGTH)
        .filter_map(|_| LETTERS.choose(random))
        .map(|letter| char::from(*letter))
        .collect()
}

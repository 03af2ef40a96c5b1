//! Orders that change a server: shown first, carried out when their giver says so.

use rand::{Rng, seq::IndexedRandom};

use super::{
    answers::Ended,
    decide::{NO, YES},
    store::Waiting,
    talk::Talk,
    worker::{Order, WAIT, Worker},
};
use crate::{
    Error, Result,
    command::{Command, chat},
    operation::{Runner, lock},
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
    ) -> Result<Ended> {
        let name = command.name();
        let shown = self.runner.preview(command).await?;
        let Some(digest) = shown.digest else {
            return Ok(Ended::Answered(shown.markdown));
        };
        let code = code(&mut rand::rng());
        // A reaction is never encrypted, so it would be no answer in an encrypted room.
        let by_reaction = !self.voice.is_encrypted();
        let text = report::bot::preview(name, &shown.markdown, &code, by_reaction);
        let Some(preview) = self.until_sent(|| talk.ask(&text, &code)).await else {
            return Ok(Ended::Untold);
        };
        self.store.wait_for(&Waiting {
            code,
            sender: sender.to_owned(),
            words: words.to_owned(),
            digest,
            preview: preview.clone(),
            until_ms: self.clock.now_ms() + WAITS_MS,
        })?;
        let keys: &[&str] = if by_reaction { &[YES, NO] } else { &[] };
        for key in keys {
            let txn = format!("ferryman-{preview}-{key}");
            if let Err(error) = self.voice.react(&txn, &preview, key).await {
                tracing::warn!("a reaction was not set: {error}");
            }
        }
        talk.post(&shown.files).await;
        Ok(Ended::Told)
    }

    /// An operator's command: carried out at once, or shown first.
    pub(super) async fn order(&self, order: Order, command: Command) {
        let done = self.allowed(&order, &command).await;
        let done = match (done, command) {
            (Err(error), _) => Err(error),
            (Ok(()), Command::Confirm(confirm)) => match self.waiting(&confirm.code) {
                Ok(waiting) => return self.answered(order, waiting, true).await,
                Err(error) => Err(error),
            },
            (Ok(()), command) if command.needs_confirmation() => {
                let talk = self.talk_below(&order);
                talk.mark(WAIT).await;
                let whose = (&*order.sender, &*order.words);
                self.preview(&talk, whose, command).await
            }
            (Ok(()), command) => return self.obey(order, command).await,
        };
        self.end(&order, done).await;
    }

    /// An answer to a preview.
    pub(super) async fn answered(&self, mut order: Order, waiting: Waiting, yes: bool) {
        order.words.clone_from(&waiting.words);
        let done = if yes {
            match self.confirmed(&order, &waiting).await {
                Ok(command) => return self.obey(order, command).await,
                Err(error) => Err(error),
            }
        } else {
            self.dropped(&order, &waiting)
        };
        self.end(&order, done).await;
    }

    fn dropped(&self, order: &Order, waiting: &Waiting) -> Result<Ended> {
        belongs(waiting, &order.sender)?;
        if !self.store.forget(&waiting.code)? {
            return Err(unknown(&waiting.code));
        }
        Ok(Ended::Answered(report::bot::DROPPED.to_owned()))
    }

    /// The command of a confirmed order. Its code is used up last, when nothing is in the way any more.
    async fn confirmed(&self, order: &Order, waiting: &Waiting) -> Result<Command> {
        let command = self.meant(waiting, &order.sender)?;
        self.allowed(order, &command).await?;
        lock::free(&self.config.data_dir)?;
        if self.is_stopping() {
            return Err(Error::Usage(report::bot::STOPPING.to_owned()));
        }
        let (code, name) = (&waiting.code, command.name());
        if !self.store.confirm(code, &order.event_id, name)? {
            return Err(unknown(code));
        }
        Ok(command)
    }

    /// What a waiting order says, if it is its giver who asks, and in time.
    fn meant(&self, waiting: &Waiting, sender: &str) -> Result<Command> {
        belongs(waiting, sender)?;
        if self.clock.now_ms() > waiting.until_ms {
            self.store.forget(&waiting.code)?;
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

fn belongs(waiting: &Waiting, sender: &str) -> Result<()> {
    if waiting.sender == sender {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "this is the order of {}: only they can confirm it",
        waiting.sender
    )))
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

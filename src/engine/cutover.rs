//! The last steps: which there are, what is done of them, and what each one looks at.

mod back;
mod federation;
mod settings;
mod switch;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};

pub use back::{Back, Since, Where};

use super::{Engine, memory::Memory};
use crate::{
    Error, Result,
    bundle::Bundle,
    ledger::Ledger,
    migration::outcome::{Finding, Health},
    model::cutover::Step,
    outside::{Door, Doors, Outside},
    secret::{private_dir, write_private},
};

/// The file's name.
const FILE: &str = "cutover.json";

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When, in milliseconds since the Unix epoch.
    pub at_ts: u64,
    /// Whether something was wrong, and the operator went on all the same.
    pub accepted: bool,
}

/// How far the cutover is: `<data_dir>/cutover.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutover {
    /// What is done.
    pub steps: BTreeMap<Step, Done>,
    /// What was said in rooms that other servers share.
    #[serde(default)]
    pub hellos: BTreeMap<OwnedRoomId, OwnedEventId>,
}

impl Cutover {
    fn load(data_dir: &Path) -> Result<Self> {
        let path = file(data_dir);
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            other => {
                let text = other.map_err(Error::file(&path))?;
                serde_json::from_slice(&text).map_err(|error| {
                    Error::Config(format!(
                        "{} can't be read ({error}), so nobody knows how far the cutover is: remove the file to begin it again",
                        path.display()
                    ))
                })
            }
        }
    }

    fn save(&self, data_dir: &Path) -> Result<()> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = file(data_dir);
        let text = serde_json::to_vec(self).map_err(|error| Error::file(&path)(error.into()))?;
        write_private(&path, &text).map_err(Error::file(&path))
    }

    /// The first step that is not done.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        let mut steps = Step::ALL.into_iter();
        steps.find(|step| !self.steps.contains_key(step))
    }

    /// Since when everybody is on the target, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn switched_ts(&self) -> Option<u64> {
        self.steps.get(&Step::Switch).map(|done| done.at_ts)
    }

    /// Whether a step is done although something was wrong with it.
    #[must_use]
    pub fn has_accepted(&self, step: Step) -> bool {
        self.steps.get(&step).is_some_and(|done| done.accepted)
    }

    /// Whether a step can be taken, or taken once more.
    pub fn allows(&self, step: Step) -> Result<()> {
        if self.switched_ts().is_some() && step < Step::Verify {
            return Err(Error::Usage(format!(
                "everybody is on Tuwunel since the switch, so `cutover {}` comes too late: `rollback` says how to go back to Synapse",
                step.name()
            )));
        }
        match self.next() {
            Some(next) if next < step => Err(Error::Usage(format!(
                "`cutover {}` comes after `cutover {}`, which is not done yet",
                step.name(),
                next.name()
            ))),
            _ => Ok(()),
        }
    }

    /// Notes that a step is done. Until the switch, what comes after it is to be done again; the switch itself keeps its time.
    fn mark(&mut self, step: Step, mut done: Done) {
        match self.switched_ts() {
            None => self.steps.retain(|other, _| *other < step),
            Some(at_ts) if step == Step::Switch => done.at_ts = at_ts,
            Some(_) => {}
        }
        self.steps.insert(step, done);
    }
}

fn opened() -> Error {
    Error::Usage(
        "Synapse takes what is written again, so the last sync is not the last: run `cutover freeze` again"
            .to_owned(),
    )
}

fn nothing() -> Error {
    Error::Usage(
        "nothing has been imported yet, so there is nothing to switch to: run `import` first"
            .to_owned(),
    )
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

impl Engine {
    /// How far the cutover is.
    pub fn cutover(&self) -> Result<Cutover> {
        if Memory::read(&self.config.data_dir)?.is_none() {
            return Err(nothing());
        }
        Cutover::load(&self.config.data_dir)
    }

    /// Notes that a step is done; `accepted` if something was wrong with it.
    pub fn has_done(&self, step: Step, accepted: bool) -> Result<Cutover> {
        let mut cutover = Cutover::load(&self.config.data_dir)?;
        let at_ts = self.clock.now_ms();
        cutover.mark(step, Done { at_ts, accepted });
        cutover.save(&self.config.data_dir)?;
        Ok(cutover)
    }

    /// The bundle of the last import or sync.
    pub fn last_bundle(&self) -> Result<Option<PathBuf>> {
        let memory = Memory::read(&self.config.data_dir)?;
        Ok(memory.map(|memory| memory.path))
    }

    /// The same, opened, and what was done of it.
    async fn last_import(&self) -> Result<(Arc<Bundle>, Ledger)> {
        let memory = Memory::read(&self.config.data_dir)?;
        let memory = memory.ok_or_else(nothing)?;
        Ok((
            self.open(Some(memory.path)).await?,
            self.ledger(&memory.id)?,
        ))
    }

    /// Whether nobody can write, as `freeze` wants it, or everybody can, as `unfreeze` does.
    pub async fn doors(&self, closed: bool) -> Result<Vec<Finding>> {
        let outside = Outside::find(&self.config).await?;
        let doors = outside.doors().await;
        Ok(findings(&outside, &doors, closed))
    }

    /// An error if somebody can write on Synapse.
    pub async fn is_frozen(&self) -> Result<()> {
        let outside = Outside::find(&self.config).await?;
        if outside.doors().await.are_closed() {
            return Ok(());
        }
        Err(opened())
    }

    /// An error if Synapse is seen to take what somebody writes. That it is off, or can't be seen just now, is none, and
    /// what the target takes behind the same addresses is its own.
    pub async fn is_still_frozen(&self) -> Result<()> {
        let Ok(outside) = Outside::find(&self.config).await else {
            return Ok(());
        };
        if outside.doors().await.is_any_open()
            && !matches!(
                self.serves_clients(&outside).await,
                Ok(switch::Serves::Target)
            )
        {
            return Err(opened());
        }
        Ok(())
    }
}

/// What each door is, beside what it should be.
fn findings(outside: &Outside, doors: &Doors, closed: bool) -> Vec<Finding> {
    let (clients, servers) = (outside.clients_url(), outside.servers_url());
    let read = match &doors.unread {
        None => good("reading", format!("clients can read at {clients}")),
        // The doors would say the same in other words.
        Some(why) => {
            return vec![bad(
                "reading",
                format!(
                    "clients can't even read at {clients} ({why}): look whether the address is right, a server runs behind it, and the proxy lets through what is no write"
                ),
            )];
        }
    };
    let ways = [
        ("messages", clients, &doors.messages),
        ("logins", clients, &doors.logins),
        ("other servers", servers, &doors.servers),
    ];
    let tried = ways.map(|(name, url, door)| match (door, closed) {
        (Door::Closed, true) => good(name, format!("what is written at {url} is answered with a 503")),
        (Door::Open, false) => good(name, format!("what is written at {url} is taken")),
        (Door::Open, true) => bad(
            name,
            format!("what is written at {url} is still taken: look whether the lines are in the right place, and whether the proxy was reloaded"),
        ),
        (Door::Closed, false) => bad(
            name,
            format!("what is written at {url} is answered with a 503: take the freeze's lines out, and reload the proxy"),
        ),
        (Door::Unclear(what), _) => bad(
            name,
            format!("what is written at {url} is answered neither by a Matrix server nor with a 503 ({what}): look whether the address is right and the server runs"),
        ),
    });
    std::iter::once(read).chain(tried).collect()
}

fn good(check: &str, text: String) -> Finding {
    of(check, Health::Good, text)
}

fn warning(check: &str, text: String) -> Finding {
    of(check, Health::Warning, text)
}

fn bad(check: &str, text: String) -> Finding {
    of(check, Health::Bad, text)
}

fn of(check: &str, state: Health, text: String) -> Finding {
    Finding {
        check: check.to_owned(),
        state,
        text,
    }
}

#[cfg(test)]
mod tests;

//! What was said in a room is said again: by whoever has said it, in its order, with its time. Each once, whatever becomes
//! of the answer.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ruma::{EventId, OwnedEventId, OwnedUserId};

use super::Work;
use crate::{
    Error, Result,
    migration::local::{
        messages::{Fate, Message, Messages, Why, relations},
        wanted::VISIBILITY,
    },
    target::resend::{Again, Resent},
};

/// What a server says to somebody who has reacted in the same way before.
const TWICE: &str = "M_DUPLICATE_ANNOTATION";

/// How far the ledger can be trusted about what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nothing was ever sent.
    None,
    /// It lacks one event at the most: the one that was being sent.
    OfLast,
    /// It was lost.
    OfAll,
}

/// A room's messages under way.
struct Sending {
    doubt: Doubt,
    /// What was found there, by its ID of before; anybody may have said so.
    found: HashMap<OwnedEventId, Vec<Resent>>,
    /// As whom it was looked for.
    looked: BTreeSet<OwnedUserId>,
    /// Who was told to be missing.
    missed: BTreeSet<OwnedUserId>,
    /// The last one that is there.
    last: Option<OwnedEventId>,
    done: u64,
}

impl Work<'_> {
    /// All that are not there yet. Everybody who sees them must be in by now, and nobody else.
    pub(super) async fn messages(&mut self) -> Result<()> {
        let (import, how) = (self.import, self.how);
        let (Some(planned), Some(room)) = (&how.messages, import.rooms.get(self.old)) else {
            return Ok(());
        };
        // Who comes later must not see more than they would have seen.
        let (there, wanted) = (&self.there, &self.wanted.state);
        let key = (VISIBILITY.to_owned(), String::new());
        if wanted
            .get(&key)
            .is_some_and(|it| there.get(VISIBILITY, "") != Some(it))
        {
            return Ok(());
        }
        let (total, name) = (planned.sent, Arc::from(self.name));
        let mut sending = self.begin().await?;
        let (old, keeps_id) = (self.old.to_owned(), self.id == *self.old);
        let mut messages = tokio::task::block_in_place(|| {
            Messages::read(&import.bundle, room, import.able(), keeps_id)
        })?;
        while let Some(fate) = tokio::task::block_in_place(|| messages.next()) {
            match fate? {
                Fate::Sent(message) => {
                    self.one(&mut sending, message).await?;
                    import.in_hand(&old, &name, sending.done, total);
                }
                Fate::Left(event, Why::Redacted) => self.delete(&mut sending, &event).await?,
                Fate::Left(..) => {}
            }
        }
        import.ledger.look_through(self.old)
    }

    async fn begin(&self) -> Result<Sending> {
        let (ledger, old) = (&self.import.ledger, self.old);
        let mut sending = Sending {
            doubt: Doubt::OfLast,
            found: HashMap::new(),
            looked: BTreeSet::new(),
            missed: BTreeSet::new(),
            last: None,
            done: 0,
        };
        if ledger.is_looked_through(old)? {
            return Ok(sending);
        }
        sending.doubt = Doubt::None;
        if let Some(reader) = self.by() {
            self.look(&mut sending, &reader).await?;
        }
        if sending.found.is_empty() {
            ledger.look_through(old)?;
        } else {
            sending.doubt = Doubt::OfAll;
        }
        Ok(sending)
    }

    /// Looks for what was sent and not noted.
    async fn look(&self, sending: &mut Sending, reader: &OwnedUserId) -> Result<()> {
        let last = sending.last.clone();
        let as_far_as = last.filter(|_| sending.doubt != Doubt::OfAll);
        let mut found = Vec::new();
        let target = &self.import.target;
        target
            .resent(reader, &self.id, as_far_as.as_deref(), |it| found.push(it))
            .await?;
        for resent in found {
            let of = resent.of.clone();
            sending.found.entry(of).or_default().push(resent);
        }
        sending.looked.insert(reader.clone());
        Ok(())
    }

    /// One message, unless it is there.
    async fn one(&mut self, sending: &mut Sending, message: Message) -> Result<()> {
        let (import, old) = (self.import, self.old);
        if let Some(id) = import.ledger.resent(old, message.event_id.as_str())? {
            sending.is_there(id);
            return Ok(());
        }
        let sender = &message.sender;
        if self.there.membership(sender) != Some("join") {
            if sending.missed.insert(sender.clone()) {
                let why = "they are not in the room".to_owned();
                self.note(&format!("messages of {sender}"), Err(Error::Target(why)))?;
            }
            return Ok(());
        }
        if sending.doubt != Doubt::None && !sending.looked.contains(sender) {
            self.look(sending, sender).await?;
        }
        if self.is_found(sending, &message)? {
            return Ok(());
        }
        let what = format!("message {}", message.event_id);
        let mut content = message.content.clone();
        let new = |old_id: &str| {
            let new = import.ledger.resent(old, old_id)?;
            Ok(new.map(|id| id.to_string()))
        };
        if !relations::rewrite(&mut content, new)? {
            let why = "what it belongs to could not be sent again".to_owned();
            return self.note(&what, Err(Error::Target(why))).map(drop);
        }
        import.job.turn().await?;
        let again = Again {
            sender,
            room: &self.id,
            kind: &message.kind,
            event_id: &message.event_id,
            ts: message.ts,
        };
        let sent = import.target.send_again(&again, content).await;
        if matches!(&sent, Err(Error::Answer { errcode, .. }) if errcode == TWICE) {
            // The answer to the first try may have been lost.
            self.look(sending, sender).await?;
            if self.is_found(sending, &message)? {
                return Ok(());
            }
        }
        match sent {
            Ok(id) => {
                import.ledger.resend(old, &message.event_id, &id)?;
                sending.is_there(id);
                Ok(())
            }
            Err(error) => self.note(&what, Err(error)).map(drop),
        }
    }

    /// Whether it was found there; then it is noted.
    fn is_found(&self, sending: &mut Sending, message: &Message) -> Result<bool> {
        let mut found = sending.found.get(&message.event_id).into_iter().flatten();
        let Some(found) = found.find(|it| it.sender == message.sender).cloned() else {
            return Ok(false);
        };
        let ledger = &self.import.ledger;
        ledger.resend(self.old, &message.event_id, &found.event_id)?;
        sending.is_there(found.event_id);
        Ok(true)
    }

    /// What was sent by an earlier import and deleted since is deleted here, too.
    async fn delete(&mut self, sending: &mut Sending, event: &EventId) -> Result<()> {
        let (import, old) = (self.import, self.old);
        let Some(by) = self.by() else {
            return Ok(());
        };
        let noted = import.ledger.resent(old, event.as_str())?;
        // Of what was sent and not noted nobody knows the sender here.
        if noted.is_none() && sending.doubt != Doubt::None && !sending.looked.contains(&by) {
            self.look(sending, &by).await?;
        }
        let found = sending.found.get(event).into_iter().flatten();
        let mut there: BTreeSet<_> = found.map(|it| it.event_id.clone()).collect();
        there.extend(noted);
        if there.is_empty() {
            return Ok(());
        }
        let mut deleted = Ok(());
        for there in there {
            import.job.turn().await?;
            deleted = deleted.and(import.target.delete_again(&by, &self.id, &there).await);
        }
        // Whatever is left of it is looked for by what is noted.
        if self.note(&format!("message {event}"), deleted)? {
            import.ledger.unsend(old, event)?;
        }
        Ok(())
    }
}

impl Sending {
    fn is_there(&mut self, id: OwnedEventId) {
        self.last = Some(id);
        self.done += 1;
    }
}

//! Which of a room's messages are there, by their mark.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruma::{OwnedEventId, OwnedUserId, RoomId};

use super::{Counted, Fate, Messages};
use crate::{
    Result, bundle::Bundle, migration::outcome::Comparison, model::room::Room, target::Target,
};

/// What must be there of a room's messages.
#[derive(Debug, Default)]
pub struct Expected {
    /// Who has said each.
    messages: HashMap<OwnedEventId, OwnedUserId>,
    counted: Counted,
}

impl Expected {
    /// By the bundle; `keeps_id` says whether the room has its own ID on the target.
    pub fn read(
        bundle: &Bundle,
        room: &Room,
        able: &BTreeSet<OwnedUserId>,
        keeps_id: bool,
    ) -> Result<Self> {
        let mut expected = Self::default();
        for fate in Messages::read(bundle, room, able, keeps_id)? {
            match fate? {
                Fate::Sent(message) => {
                    expected.counted.sent += 1;
                    expected.messages.insert(message.event_id, message.sender);
                }
                Fate::Left(_, why) => *expected.counted.left.entry(why).or_default() += 1,
            }
        }
        Ok(expected)
    }

    /// Looks for them: as one member, and for what that one doesn't see as whoever has said it.
    pub async fn compare(
        mut self,
        target: &Target,
        room: &RoomId,
        reader: &OwnedUserId,
    ) -> Result<Comparison> {
        let mut readers = BTreeSet::new();
        let mut next = Some(reader.clone());
        while let Some(reader) = next.filter(|_| !self.messages.is_empty()) {
            let found = |resent: crate::target::resend::Resent| {
                if self.messages.get(&resent.of) == Some(&resent.sender) {
                    self.messages.remove(&resent.of);
                }
            };
            target.resent(&reader, room, None, found).await?;
            readers.insert(reader);
            // People don't see those whom they ignore.
            let mut senders = self.messages.values();
            next = senders.find(|it| !readers.contains(*it)).cloned();
        }
        Ok(self.end())
    }

    fn end(self) -> Comparison {
        let missing: BTreeMap<_, _> = self.messages.into_iter().collect();
        let left = self.counted.left.iter();
        Comparison {
            expected: self.counted.sent,
            equal: self.counted.sent - missing.len() as u64,
            differences: missing
                .iter()
                .map(|(event, sender)| {
                    format!("the message {event} of {sender} was not sent again")
                })
                .collect(),
            known: left
                .map(|(why, number)| format!("{number} of what was said is not sent again: {why}"))
                .collect(),
        }
    }
}

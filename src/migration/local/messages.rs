//! What was said in a room that is made anew, and which of it is sent again. One pass over the bundle's events; no requests.

pub mod relations;
pub mod verify;
pub mod view;
pub mod why;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ruma::{CanonicalJsonObject, OwnedEventId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use self::view::{Openness, Said, View};
pub use self::why::Why;
use super::wanted;
use crate::{
    Result,
    bundle::{Bundle, Events},
    model::{event_line::EventLine, room::Room},
};

const ENCRYPTED: &str = "m.room.encrypted";

/// What people see in a conversation.
const SHOWN: [&str; 10] = [
    "m.room.message",
    "m.sticker",
    "m.reaction",
    "m.poll.start",
    "m.poll.response",
    "m.poll.end",
    "org.matrix.msc3381.poll.start",
    "org.matrix.msc3381.poll.response",
    "org.matrix.msc3381.poll.end",
    ENCRYPTED,
];

/// A message that asks for a verification: an old one means nothing any more.
const VERIFICATION: &str = "m.key.verification.request";

/// How many messages are sent again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counted {
    /// These are.
    pub sent: u64,
    /// So many are not, and why.
    pub left: BTreeMap<Why, u64>,
}

impl Counted {
    /// Takes in those of another room.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        for (why, number) in &other.left {
            *self.left.entry(*why).or_default() += number;
        }
    }
}

/// A message that is to be sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its ID in the bundle.
    pub event_id: OwnedEventId,
    /// Type.
    pub kind: String,
    /// Who has said it.
    pub sender: OwnedUserId,
    /// When, in milliseconds since the Unix epoch.
    pub ts: u64,
    /// What; its relations name events of the bundle, and only such as are sent again.
    pub content: Map<String, Value>,
}

/// An event that is no state.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is sent again.
    Sent(Message),
    /// It is not. If it was before, it was deleted since.
    Left(OwnedEventId, Why),
}

/// What decides.
#[derive(Debug)]
pub struct Terms {
    server_name: OwnedServerName,
    able: BTreeSet<OwnedUserId>,
    /// Who is to be joined.
    joined: BTreeSet<OwnedUserId>,
    now: Openness,
    keeps_id: bool,
}

/// The messages of a room, in their order.
pub struct Messages<'a> {
    bundle: &'a Bundle,
    room: &'a Room,
    events: Events,
    walk: Walk,
}

struct Walk {
    terms: Terms,
    view: View,
    /// Events of the timeline before which the bundle has the state.
    gaps: BTreeSet<OwnedEventId>,
    sent: HashSet<OwnedEventId>,
}

#[derive(Deserialize)]
struct Pdu<'a> {
    #[serde(rename = "type")]
    kind: String,
    sender: OwnedUserId,
    state_key: Option<String>,
    origin_server_ts: u64,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Default, Deserialize)]
struct State {
    membership: Option<String>,
    history_visibility: Option<String>,
}

/// Counts a room's messages.
pub fn count(
    bundle: &Bundle,
    room: &Room,
    able: &BTreeSet<OwnedUserId>,
    keeps_id: bool,
) -> Result<Counted> {
    let mut counted = Counted::default();
    for fate in Messages::read(bundle, room, able, keeps_id)? {
        match fate? {
            Fate::Sent(_) => counted.sent += 1,
            Fate::Left(_, why) => *counted.left.entry(why).or_default() += 1,
        }
    }
    Ok(counted)
}

impl<'a> Messages<'a> {
    /// Begins to read. `able` can act on the target; `keeps_id` says whether the room has its own ID there.
    pub fn read(
        bundle: &'a Bundle,
        room: &'a Room,
        able: &BTreeSet<OwnedUserId>,
        keeps_id: bool,
    ) -> Result<Self> {
        let members = bundle.memberships(&room.room_id)?.into_iter();
        let joined = members.filter(|(user, is)| is == "join" && able.contains(user));
        let terms = Terms {
            server_name: bundle.server_name().to_owned(),
            able: able.clone(),
            joined: joined.map(|(user, _)| user).collect(),
            now: Openness::of(wanted::visibility_of(bundle, room)?.as_deref()),
            keeps_id,
        };
        Ok(Self {
            bundle,
            room,
            events: bundle.events(&room.room_id)?,
            walk: Walk::new(terms, bundle.snapshots(&room.room_id)?),
        })
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Fate>;

    fn next(&mut self) -> Option<Self::Item> {
        for line in self.events.by_ref() {
            let passed = line.and_then(|line| {
                let (bundle, room) = (self.bundle, &self.room.room_id);
                self.walk
                    .pass(&line, || bundle.snapshot(room, &line.event_id))
            });
            match passed {
                Ok(None) => {}
                Ok(Some(fate)) => return Some(Ok(fate)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

impl Walk {
    fn new(terms: Terms, gaps: BTreeSet<OwnedEventId>) -> Self {
        Self {
            view: View::new(terms.joined.clone(), terms.now),
            terms,
            gaps,
            sent: HashSet::new(),
        }
    }

    /// The next event, with the state before it if it stands at a gap.
    fn pass(
        &mut self,
        line: &EventLine,
        before: impl FnOnce() -> Result<Option<Vec<OwnedEventId>>>,
    ) -> Result<Option<Fate>> {
        if self.gaps.contains(&line.event_id)
            && let Some(state) = before()?
        {
            self.view.restart(&state);
        }
        let is_in_timeline = line.is_in_timeline();
        let Ok(pdu) = serde_json::from_str::<Pdu<'_>>(line.pdu.get()) else {
            let fate = Fate::Left(line.event_id.clone(), Why::Unreadable);
            return Ok(is_in_timeline.then_some(fate));
        };
        if let Some(key) = &pdu.state_key {
            if let Some(said) = said(&pdu, key) {
                if !self.gaps.is_empty() {
                    self.view.keep(&line.event_id, &said);
                }
                if is_in_timeline {
                    self.view.pass(&said);
                }
            }
            return Ok(None);
        }
        // What deletes is told with what was deleted.
        if !is_in_timeline || pdu.kind == "m.room.redaction" {
            return Ok(None);
        }
        Ok(Some(match self.decide(line, pdu)? {
            Ok(message) => {
                self.sent.insert(message.event_id.clone());
                Fate::Sent(message)
            }
            Err(why) => Fate::Left(line.event_id.clone(), why),
        }))
    }

    fn decide(&self, line: &EventLine, pdu: Pdu<'_>) -> Result<Result<Message, Why>> {
        if line.redacted_by.is_some() {
            return Ok(Err(Why::Redacted));
        }
        if !SHOWN.contains(&pdu.kind.as_str()) {
            return Ok(Err(Why::Other));
        }
        if let Some(why) = self.terms.cannot_say(&pdu.sender) {
            return Ok(Err(why));
        }
        if pdu.kind == ENCRYPTED && !self.terms.keeps_id {
            return Ok(Err(Why::Encrypted));
        }
        if !self.view.may_be_seen() {
            return Ok(Err(Why::Hidden));
        }
        // Old rooms may hold numbers that no server takes from a client.
        let is_canonical = serde_json::from_str::<CanonicalJsonObject>(pdu.content.get()).is_ok();
        let content = serde_json::from_str::<Map<String, Value>>(pdu.content.get());
        let Some(mut content) = content.ok().filter(|_| is_canonical) else {
            return Ok(Err(Why::Unreadable));
        };
        if content
            .get("msgtype")
            .is_some_and(|kind| kind == VERIFICATION)
        {
            return Ok(Err(Why::Other));
        }
        let same = |id: &str| {
            let id = OwnedEventId::try_from(id).ok();
            let is_sent = id.filter(|id| self.sent.contains(id));
            Ok(is_sent.map(|id| id.to_string()))
        };
        if !relations::rewrite(&mut content, same)? {
            return Ok(Err(Why::Related));
        }
        Ok(Ok(Message {
            event_id: line.event_id.clone(),
            kind: pdu.kind,
            sender: pdu.sender,
            ts: pdu.origin_server_ts,
            content,
        }))
    }
}

impl Terms {
    /// Why somebody can't say it again, if they can't.
    fn cannot_say(&self, sender: &OwnedUserId) -> Option<Why> {
        if self.joined.contains(sender) {
            None
        } else if sender.server_name() != &*self.server_name {
            Some(Why::Remote)
        } else if self.able.contains(sender) {
            Some(Why::Gone)
        } else {
            Some(Why::Closed)
        }
    }
}

fn said(pdu: &Pdu<'_>, key: &str) -> Option<Said> {
    let content = || serde_json::from_str::<State>(pdu.content.get()).unwrap_or_default();
    match pdu.kind.as_str() {
        "m.room.create" => Some(Said::Create),
        wanted::VISIBILITY if key.is_empty() => {
            let text = content().history_visibility;
            Some(Said::Openness(Openness::of(text.as_deref())))
        }
        wanted::MEMBER => {
            let is_joined = content().membership.as_deref() == Some("join");
            Some(Said::Member(key.try_into().ok()?, is_joined))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;

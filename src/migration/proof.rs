//! An open bundle proved from within: numbers that must agree, events that must be what their IDs say, and signatures.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    CanonicalJsonObject, OwnedServerName, OwnedUserId, RoomVersionId, UserId,
    canonical_json::redact,
    room_version_rules::RoomVersionRules,
    serde::Base64,
    signatures::{PublicKeyMap, VerificationError, Verified, verify_event},
};
use serde::Serialize;

use crate::{
    Result,
    bundle::Bundle,
    job::{Event, Job, Phase, Problem},
    model::{event_line::EventLine, pdu, room::Room},
    resident::notary::all_keys,
};

/// So many faults are named; the others are counted.
const NAMED: usize = 1_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Proof {
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Events, those outside the timelines included.
    pub events: u64,
    /// Media with their contents.
    pub media: u64,
    /// Events whose signatures are right.
    pub signed: u64,
    /// Events of servers whose keys the bundle does not have: nobody can check them from it.
    pub no_key: u64,
    /// Events of rooms whose version is not known: nobody can check them.
    pub no_version: u64,
    /// What is wrong.
    pub faults: Vec<Problem>,
    /// How many more faults there are than are named.
    pub more: u64,
    /// Whether the export came to its end.
    pub complete: bool,
    /// What the export itself could not read.
    pub problems: u64,
}

impl Proof {
    /// Everything agrees, and nothing is missing that the export was asked for.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.faults.is_empty() && self.complete
    }

    fn fault(&mut self, step: &str, subject: &str, reason: String) {
        if self.faults.len() == NAMED {
            self.more += 1;
            return;
        }
        self.faults.push(Problem {
            step: step.to_owned(),
            subject: subject.to_owned(),
            reason,
        });
    }
}

/// Proves it; blocks for as long as reading all of its events takes.
///
/// That each file is as it was written, [`Bundle::open`] has found out before.
pub fn prove(bundle: &Bundle, job: &Job) -> Result<Proof> {
    let rooms = bundle.rooms()?;
    let mut proof = Proof {
        users: bundle.users()?.len() as u64,
        rooms: rooms.len() as u64,
        complete: bundle.schema().complete,
        problems: bundle.problems()?.len() as u64,
        ..Proof::default()
    };
    let known = Known::of(bundle)?;
    let total = rooms.len() as u64;
    let phase = Phase::VerifyBundle;
    job.emit(Event::Phase { phase, total });
    for (done, room) in (1..).zip(&rooms) {
        job.blocking_turn()?;
        self::room(bundle, room, &known, &mut proof);
        job.emit(Event::Done { phase, done });
    }
    media(bundle, &mut proof)?;
    Ok(proof)
}

/// What events are proved by.
struct Known {
    keys: PublicKeyMap,
    /// Events that Synapse has with another content than was signed, as the export has noted.
    changed: BTreeSet<String>,
    server_name: OwnedServerName,
    /// Local users who are not erased.
    kept: BTreeSet<OwnedUserId>,
}

impl Known {
    fn of(bundle: &Bundle) -> Result<Self> {
        let problems = bundle.problems()?.into_iter();
        let users = bundle.users()?.into_iter();
        Ok(Self {
            keys: keys(bundle)?,
            changed: problems
                .filter(|problem| problem.step == Problem::EVENT_CONTENT)
                .map(|problem| problem.subject)
                .collect(),
            server_name: bundle.server_name().to_owned(),
            kept: users
                .filter(|user| !user.erased)
                .map(|user| user.user_id)
                .collect(),
        })
    }

    /// Whether an event has rightly another content than was signed: it was redacted, or it is the membership of an erased
    /// user, from which Synapse takes the name and the picture. Not every bundle has all users.
    fn may_differ(&self, mut object: CanonicalJsonObject, rules: &RoomVersionRules) -> bool {
        object.remove("unsigned");
        let text = |name| object.get(name).and_then(|value| value.as_str());
        let member = text("state_key").filter(|_| text("type") == Some("m.room.member"));
        let member = member.and_then(|user| <&UserId>::try_from(user).ok());
        let is_erased = member.is_some_and(|user| {
            user.server_name() == self.server_name && !self.kept.contains(user)
        });
        let content = object.get("content").and_then(|value| value.as_object());
        let is_bare = content.is_some_and(|content| {
            !content.contains_key("displayname") && !content.contains_key("avatar_url")
        });
        (is_erased && is_bare)
            || redact(object.clone(), &rules.redaction, None)
                .is_ok_and(|redacted| redacted == object)
    }
}

fn room(bundle: &Bundle, room: &Room, known: &Known, proof: &mut Proof) {
    let id = room.room_id.as_str();
    let version = room.version.as_ref();
    let version = version.and_then(|version| Some((version, pdu::rules(version).ok()?)));
    let (mut timeline, mut seen) = (0, BTreeSet::new());
    let events = match bundle.events(&room.room_id) {
        Ok(events) => events,
        Err(error) => return proof.fault("room", id, error.to_string()),
    };
    for event in events {
        let event = match event {
            Ok(event) => event,
            // The others after it can't be read, either.
            Err(error) => return proof.fault("room", id, error.to_string()),
        };
        proof.events += 1;
        timeline += u64::from(!event.outlier && !event.rejected && !event.soft_failed);
        if !seen.insert(event.event_id.clone()) {
            proof.fault(
                "event",
                event.event_id.as_str(),
                "it is there twice: export again".into(),
            );
        }
        match &version {
            Some((version, rules)) => one(&event, (version, rules), known, proof),
            None => proof.no_version += 1,
        }
    }
    let inventory = bundle
        .schema()
        .wanted
        .as_ref()
        .is_some_and(|it| it.inventory);
    if bundle.schema().exporter_version > 1 && !inventory && timeline != room.event_count {
        let reason = format!(
            "rooms.json says {} events, and there are {timeline}: export again",
            room.event_count
        );
        proof.fault("room", id, reason);
    }
}

/// An event is what its ID says, its servers have signed it, and its content is what they have signed.
fn one(
    event: &EventLine,
    (version, rules): (&RoomVersionId, &RoomVersionRules),
    known: &Known,
    proof: &mut Proof,
) {
    let id = event.event_id.as_str();
    // Numbers that no request between servers may have: nothing but its export can have looked at it.
    let Ok(object) = serde_json::from_str::<CanonicalJsonObject>(event.pdu.get()) else {
        proof.no_key += 1;
        return;
    };
    match pdu::event_id(&event.pdu, version) {
        Ok(real) if real == event.event_id => {}
        Ok(real) => {
            let reason = format!("by its content it is {real}: export again");
            return proof.fault("event", id, reason);
        }
        Err(error) => return proof.fault("event", id, format!("{error}: export again")),
    }
    match verify_event(&known.keys, &object, rules) {
        Ok(Verified::All) => proof.signed += 1,
        Ok(Verified::Signatures) if known.may_differ(object, rules) => proof.signed += 1,
        Ok(Verified::Signatures) => {
            let reason = if known.changed.contains(id) {
                "Synapse has it with another content than was signed (problems.json): the target will empty it; another export changes nothing"
            } else {
                "its content is not the one that was signed: the target will empty it; export again"
            };
            proof.fault("event", id, reason.to_owned());
        }
        Err(
            VerificationError::NoPublicKeysForEntity(_)
            | VerificationError::NoSupportedSignatureForEntity(_),
        ) => proof.no_key += 1,
        Err(error) => proof.fault(
            "event",
            id,
            format!("its signature is wrong ({error}): no other server will take it; export again, and if that changes nothing, it was so on Synapse"),
        ),
    }
}

/// Each server's keys, old ones included.
fn keys(bundle: &Bundle) -> Result<PublicKeyMap> {
    let mut all = PublicKeyMap::new();
    for (server, objects) in bundle.server_keys()? {
        let of: &mut BTreeMap<_, _> = all.entry(server.to_string()).or_default();
        for object in objects {
            let Ok(published) = all_keys(&object) else {
                continue;
            };
            let found = published.old.into_iter().chain(published.current);
            of.extend(found.filter_map(|(id, key)| Some((id, Base64::parse(key).ok()?))));
        }
    }
    Ok(all)
}

/// Contents have the length that the list says.
fn media(bundle: &Bundle, proof: &mut Proof) -> Result<()> {
    for item in bundle.media()? {
        let Some(file) = bundle.media_file(&item.media_id)? else {
            continue;
        };
        proof.media += 1;
        if let Some(length) = item.length
            && length != file.bytes
        {
            let reason = format!(
                "it has {} bytes instead of the {length} that media_refs.json says: export again",
                file.bytes
            );
            proof.fault("media", &item.media_id, reason);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! What the large server is to hold, as plain data: the same in every making.

mod people;
mod rooms;

use rand::{SeedableRng, rngs::StdRng};

/// Any number; another one makes another server.
const SEED: u64 = 20_000;

/// Accounts, the admin included.
pub(super) const PEOPLE: usize = 1000;

/// The whole server. People and rooms refer to each other by their place in the lists.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first is the admin.
    pub(super) people: Vec<Person>,
    /// Biggest first, spaces last.
    pub(super) rooms: Vec<Room>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) localpart: String,
    pub(super) displayname: Option<String>,
    /// Size of the picture in bytes.
    pub(super) avatar: Option<usize>,
    /// Log-ins beside the first.
    pub(super) more_devices: usize,
    pub(super) has: Vec<Belonging>,
    pub(super) fate: Fate,
}

/// What not everybody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belonging {
    /// A confirmed e-mail address.
    Email,
    /// A link to an identity provider.
    SingleSignOn,
    /// A push rule of one's own.
    PushRule,
    /// Account data of a type that no client knows.
    Settings,
}

/// What becomes of an account at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Deactivated,
    Erased,
    Locked,
}

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) kind: Kind,
    pub(super) version: &'static str,
    pub(super) name: Option<String>,
    pub(super) topic: Option<String>,
    /// Size of the picture in bytes.
    pub(super) avatar: Option<usize>,
    /// Localparts of its aliases; the first is the canonical one.
    pub(super) aliases: Vec<String>,
    pub(super) encrypted: bool,
    /// The creator, then the others in the order of their joins.
    pub(super) members: Vec<usize>,
    pub(super) messages: usize,
    /// Sizes in bytes of the files that are sent.
    pub(super) files: Vec<usize>,
    /// Joined and then went.
    pub(super) left: Vec<usize>,
    /// Joined and then were removed.
    pub(super) kicked: Vec<usize>,
    /// Joined and then were removed for good.
    pub(super) banned: Vec<usize>,
    /// Have not answered yet.
    pub(super) invited: Vec<usize>,
    /// Those of the members who read up to the last message.
    pub(super) readers: Vec<usize>,
    /// Those of the members who tag the room, and how.
    pub(super) tags: Vec<(usize, &'static str)>,
    /// A space's rooms.
    pub(super) children: Vec<usize>,
}

/// What a room is for; it decides who may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anybody may join, and it is listed in the directory.
    Public,
    /// By invitation.
    Private,
    /// Two people.
    Direct,
    /// A public space.
    Space,
}

impl Plan {
    pub(super) fn new() -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        Self {
            people: people::people(&mut random),
            rooms: rooms::rooms(&mut random),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_plan_has_the_promised_size() {
        let plan = Plan::new();
        assert_eq!(plan.people.len(), PEOPLE);
        assert_eq!(plan.rooms.len(), 1000);
        let closed: BTreeSet<usize> = (0..PEOPLE)
            .filter(|&person| matches!(plan.people[person].fate, Fate::Deactivated | Fate::Erased))
            .collect();
        let joined: usize = plan
            .rooms
            .iter()
            .flat_map(|room| &room.members)
            .filter(|member| !closed.contains(member))
            .count();
        assert!((20_000..23_000).contains(&joined), "{joined}");
        let big = plan.rooms.iter().filter(|room| room.members.len() >= 300);
        assert!((8..=20).contains(&big.count()));
        let aliased = plan.rooms.iter().filter(|room| !room.aliases.is_empty());
        assert!((200..=260).contains(&aliased.count()));
        let files: usize = plan.rooms.iter().map(|room| room.files.len()).sum();
        let pictures = plan
            .people
            .iter()
            .filter(|one| one.avatar.is_some())
            .count()
            + plan.rooms.iter().filter(|one| one.avatar.is_some()).count();
        assert!(
            (1350..1450).contains(&(files + pictures)),
            "{files} + {pictures}"
        );
    }

    #[test]
    fn names_are_unique_and_nobody_is_twice_in_a_room() {
        let plan = Plan::new();
        let names: BTreeSet<&str> = plan.people.iter().map(|one| &*one.localpart).collect();
        assert_eq!(names.len(), PEOPLE);
        let aliases: Vec<&str> = plan
            .rooms
            .iter()
            .flat_map(|room| &room.aliases)
            .map(String::as_str)
            .collect();
        assert_eq!(aliases.iter().collect::<BTreeSet<_>>().len(), aliases.len());
        for room in &plan.rooms {
            let all = [
                &room.members,
                &room.left,
                &room.kicked,
                &room.banned,
                &room.invited,
            ];
            let all: Vec<usize> = all.into_iter().flatten().copied().collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
            assert!(room.readers.iter().all(|one| room.members.contains(one)));
            assert!(room.tags.iter().all(|(one, _)| room.members.contains(one)));
        }
    }

    #[test]
    fn two_makings_are_the_same() {
        assert_eq!(format!("{:?}", Plan::new()), format!("{:?}", Plan::new()));
    }
}

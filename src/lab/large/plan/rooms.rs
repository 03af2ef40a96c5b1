//! The rooms: a few that nearly everybody is in, and very many small ones.

use rand::{Rng, rngs::StdRng, seq::index::sample};

use super::{Kind, PEOPLE, Room, people::file_size};

/// How many rooms of a sort there are, their members and messages from the biggest to the smallest, and their kind.
const SORTS: [(usize, [usize; 2], [usize; 2], Kind); 6] = [
    (12, [760, 300], [1500, 500], Kind::Public),
    (60, [130, 50], [180, 60], Kind::Public),
    (300, [30, 12], [40, 12], Kind::Public),
    (348, [12, 4], [30, 8], Kind::Private),
    (250, [2, 2], [24, 4], Kind::Direct),
    (30, [45, 25], [0, 0], Kind::Space),
];

/// The current default, the one before, a few old ones, and the newest.
const VERSIONS: [&str; 10] = ["10", "11", "10", "12", "10", "9", "10", "11", "10", "6"];

/// Rooms with an alias; one in six of them has two.
const ALIASED: usize = 230;
/// Files that people send.
const FILES: usize = 560;

/// All rooms, spaces last.
pub(super) fn rooms(random: &mut StdRng) -> Vec<Room> {
    let mut rooms = Vec::new();
    for (count, members, messages, kind) in SORTS {
        for number in 0..count {
            let between = |[from, to]: [usize; 2]| from - (from - to) * number / count;
            let room = room(
                rooms.len(),
                kind,
                between(members),
                between(messages),
                random,
            );
            rooms.push(room);
        }
    }
    give_aliases(&mut rooms);
    give_files(&mut rooms, random);
    give_children(&mut rooms);
    rooms
}

fn room(number: usize, kind: Kind, size: usize, messages: usize, random: &mut StdRng) -> Room {
    let gone = match kind {
        Kind::Public => [
            size / 25,
            size / 100 + number % 2,
            size / 150 + number % 3 / 2,
            size / 60,
        ],
        Kind::Private => [number % 3 / 2, 0, 0, number % 4 / 3],
        Kind::Direct | Kind::Space => [0; 4],
    };
    let all = sample(random, PEOPLE, size + gone.iter().sum::<usize>()).into_vec();
    let (members, mut rest) = all.split_at(size);
    let [left, kicked, banned, invited] = gone.map(|count| {
        let (some, others) = rest.split_at(count);
        rest = others;
        some.to_vec()
    });
    let readers = members
        .iter()
        .copied()
        .filter(|one| (one + number).is_multiple_of(7));
    let tags = members
        .iter()
        .filter_map(|&one| match (one + 3 * number) % 31 {
            0 => Some((one, "m.favourite")),
            1 => Some((one, "m.lowpriority")),
            2 if one % 2 == 0 => Some((one, "u.work")),
            _ => None,
        });
    let named = kind != Kind::Direct && number % 17 != 5;
    Room {
        kind,
        version: VERSIONS[number % VERSIONS.len()],
        name: named.then(|| format!("{} {number}", noun(kind, number))),
        topic: (named && number % 3 != 1).then(|| format!("What there is to say about {number}")),
        avatar: (named && number % 5 == 1).then(|| file_size(random)),
        aliases: Vec::new(),
        encrypted: match kind {
            Kind::Public => number % 40 == 20,
            Kind::Private => number.is_multiple_of(4),
            Kind::Direct => number % 5 < 3,
            Kind::Space => false,
        },
        readers: readers.collect(),
        tags: tags.collect(),
        members: members.to_vec(),
        messages,
        files: Vec::new(),
        left,
        kicked,
        banned,
        invited,
        children: Vec::new(),
    }
}

fn noun(kind: Kind, number: usize) -> &'static str {
    if kind == Kind::Space {
        return "Quarter";
    }
    [
        "Office",
        "Workshop",
        "Garden",
        "Kitchen",
        "Harbour",
        "Bücherei",
        "茶室",
        "Choir",
    ][number % 8]
}

/// The public ones come first; all spaces have one.
fn give_aliases(rooms: &mut [Room]) {
    let spaces = rooms.iter().filter(|room| room.kind == Kind::Space).count();
    let mut left = ALIASED - spaces;
    for (number, room) in rooms.iter_mut().enumerate() {
        match room.kind {
            Kind::Space => room.aliases.push(format!("space-{number}")),
            Kind::Public if left > 0 => {
                left -= 1;
                room.aliases.push(format!("room-{number}"));
                if number % 6 == 0 {
                    room.aliases.push(format!("räum-{number}"));
                }
            }
            _ => {}
        }
    }
}

fn give_files(rooms: &mut [Room], random: &mut StdRng) {
    for _ in 0..FILES {
        // Spaces have no talk, and in encrypted rooms the server knows of no file.
        let room = random.random_range(0..rooms.len() / 2);
        if !rooms[room].encrypted {
            let size = file_size(random);
            rooms[room].files.push(size);
        }
    }
}

/// Twenty rooms for each space; every fifth space is in the one before it, too.
fn give_children(rooms: &mut [Room]) {
    let spaces: Vec<usize> = (0..rooms.len())
        .filter(|&room| rooms[room].kind == Kind::Space)
        .collect();
    let public = rooms
        .iter()
        .filter(|room| room.kind == Kind::Public)
        .count();
    for (place, &space) in spaces.iter().enumerate() {
        let children = (0..20).map(|step| (place * 12 + step) % public);
        rooms[space].children = children.collect();
        if place % 5 == 4 {
            let before = spaces[place - 1];
            rooms[before].children.push(space);
        }
    }
}

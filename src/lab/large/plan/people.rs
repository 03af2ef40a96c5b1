//! The accounts.

use rand::{Rng, rngs::StdRng};

use super::{Belonging, Fate, PEOPLE, Person};

const FIRST: [&str; 25] = [
    "anna", "ben", "carla", "deniz", "emma", "felix", "greta", "hugo", "ines", "jonas", "klara",
    "leo", "maria", "nils", "olga", "paul", "quinn", "rosa", "samir", "tilda", "umut", "vera",
    "wim", "yara", "zoe",
];
const LAST: [&str; 40] = [
    "adler", "bauer", "costa", "dahl", "ek", "fuchs", "garcia", "haas", "ivanov", "jansen", "kaya",
    "lang", "meyer", "novak", "olsen", "popov", "quist", "rossi", "sato", "thoma", "ueda", "vogel",
    "weber", "xu", "yilmaz", "zeman", "arnold", "berg", "cohen", "demir", "engel", "frank",
    "gruber", "hahn", "ito", "jung", "klein", "lopez", "moser", "nagy",
];

/// Everybody; the admin comes first and stays.
pub(super) fn people(random: &mut StdRng) -> Vec<Person> {
    (0..PEOPLE).map(|number| person(number, random)).collect()
}

fn person(number: usize, random: &mut StdRng) -> Person {
    let first = FIRST[number % FIRST.len()];
    let last = LAST[number / FIRST.len() % LAST.len()];
    // Far enough from each other that no room loses many members.
    let fate = match number % 100 {
        40 | 80 => Fate::Deactivated,
        60 if number % 200 == 60 => Fate::Erased,
        20 if number % 500 == 20 => Fate::Locked,
        _ => Fate::Stays,
    };
    Person {
        localpart: if number == 0 {
            "admin".to_owned()
        } else {
            format!("{first}.{last}")
        },
        displayname: (number % 9 != 8).then(|| format!("{} {}", capital(first), capital(last))),
        avatar: (number % 10 < 7).then(|| file_size(random)),
        more_devices: [1, 0, 0, 1, 0, 0, 2, 0, 0, 0][number % 10],
        has: belongings(number),
        fate,
    }
}

fn belongings(number: usize) -> Vec<Belonging> {
    [
        (number % 5 == 2, Belonging::Email),
        (number % 20 == 7, Belonging::SingleSignOn),
        (number % 10 == 3, Belonging::PushRule),
        (number % 2 == 1, Belonging::Settings),
    ]
    .into_iter()
    .filter_map(|(has, belonging)| has.then_some(belonging))
    .collect()
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// Between 1 and 200 kB, more small ones than big ones.
pub(super) fn file_size(random: &mut StdRng) -> usize {
    let part: f64 = random.random();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1,000 and 200,000"
    )]
    let size = (part.powi(3) * 199_000.0) as usize;
    1000 + size
}

//! A part of a server: exactly what was asked for.

use ferryman::{
    bundle::{Bundle, OfUser},
    model::{account_data::AccountData, wanted::History},
};
use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::{
    equal, open,
    source::{Export, Source, Way},
    whole,
};

/// Some exports that take a part each, by both readers.
pub(super) fn are_exact(source: &Source, whole: &Bundle) {
    let of_some = [
        "--users",
        "bob",
        "c*",
        "--rooms",
        "#lobby:*",
        "#märkt/*",
        "--devices",
        "no",
        "--history",
        "3",
        "--media",
        "newer-than:1",
    ];
    let bundle = twice(source, "some", &of_some, Some("--act-as-users"));
    some(source, &bundle, whole);
    let bundle = twice(
        source,
        "none",
        &["--history", "none", "--media", "none"],
        Some("--act-as-users"),
    );
    histories(&bundle, whole, History::None);
    assert_eq!(bundle.media().unwrap().len(), 0);
    let bundle = twice(
        source,
        "future",
        &["--history", "since:2100-01-01", "--media", "newer-than:0"],
        None,
    );
    histories(&bundle, whole, "since:2100-01-01".parse().unwrap());
    let all = whole.media().unwrap();
    for (item, expected) in bundle.media().unwrap().iter().zip(&all) {
        assert_eq!(item.media_id, expected.media_id);
        assert!(bundle.media_content(&item.media_id).unwrap().is_none());
    }
    let bundle = twice(source, "inventory", &["--inventory"], None);
    inventory(&bundle, whole);
    carries_nothing(source, &bundle);
    let bundle = twice(source, "today", &["--history", "since:2020-01-01"], None);
    histories(&bundle, whole, "since:2020-01-01".parse().unwrap());
}

/// By both readers. What only acting as users shows is compared, where it is done.
fn twice(source: &Source, name: &str, arguments: &[&str], acting: Option<&str>) -> Bundle {
    let mut of_api = arguments.to_vec();
    of_api.extend(acting);
    let api = source.export(&format!("{name}-api"), Way::Api, &of_api);
    let database = source.export(&format!("{name}-database"), Way::Database, arguments);
    for Export { code, failure, .. } in [&api, &database] {
        assert!(matches!(code, Some(0 | 8)), "{name}: {code:?} {failure}");
    }
    // Whether an event outside a part of a history is redacted, the API does not say: those bundles can differ there.
    if matches!(name, "some" | "inventory") {
        equal::are(&api.path, &database.path, source);
    }
    open(source, &api.path)
}

fn some(source: &Source, bundle: &Bundle, whole: &Bundle) {
    let filled = &source.filled;
    let users: Vec<OwnedUserId> = bundle
        .users()
        .unwrap()
        .into_iter()
        .map(|user| user.user_id)
        .collect();
    let wanted: Vec<OwnedUserId> = ["bob", "carol"]
        .iter()
        .map(|name| filled.user(name).user_id().try_into().unwrap())
        .collect();
    assert_eq!(users, wanted);
    for user in whole.users().unwrap() {
        let devices: Value = bundle.of_user(OfUser::Devices, &user.user_id).unwrap();
        assert_eq!(devices, Value::Null, "{}", user.user_id);
        let data: AccountData = bundle.of_user(OfUser::AccountData, &user.user_id).unwrap();
        let expected: AccountData = if wanted.contains(&user.user_id) {
            whole.of_user(OfUser::AccountData, &user.user_id).unwrap()
        } else {
            AccountData::default()
        };
        assert_eq!(json!(data), json!(expected), "{}", user.user_id);
    }
    let mut rooms: Vec<String> = ["lobby", "plaza"]
        .iter()
        .map(|room| filled.room(room).to_owned())
        .collect();
    rooms.sort();
    let found = bundle.rooms().unwrap();
    assert!(found.iter().map(|room| room.room_id.as_str()).eq(&rooms));
    assert!(
        bundle
            .aliases()
            .unwrap()
            .values()
            .all(|room| rooms.contains(&room.to_string()))
    );
    histories(bundle, whole, History::Last(3));
    let media = bundle.media().unwrap();
    let expected: Vec<_> = whole
        .media()
        .unwrap()
        .into_iter()
        .filter(|item| {
            item.user_id
                .as_ref()
                .is_some_and(|user| wanted.contains(user))
        })
        .collect();
    assert_eq!(media, expected, "all of it is of today");
    assert!(media.len() > 3);
}

/// What there is, and nothing of what would be carried.
fn inventory(bundle: &Bundle, whole: &Bundle) {
    let mut users = whole.users().unwrap();
    for user in &mut users {
        user.profile.clear();
    }
    assert_eq!(bundle.users().unwrap(), users);
    assert_eq!(bundle.aliases().unwrap(), whole.aliases().unwrap());
    assert_eq!(bundle.media().unwrap().len(), 0);
    let (rooms, all) = (bundle.rooms().unwrap(), whole.rooms().unwrap());
    assert_eq!(rooms.len(), all.len());
    for (room, mut expected) in rooms.into_iter().zip(all) {
        expected.forward_extremities.clear();
        expected.event_count = 0;
        expected.history_complete = false;
        expected.blocked = None;
        assert_eq!(room, expected);
        let id = &room.room_id;
        assert_eq!(whole::timeline(bundle, id).len(), 0);
        assert_eq!(
            json!(bundle.room_state(id).unwrap()),
            json!(whole.room_state(id).unwrap())
        );
    }
    for user in bundle.users().unwrap() {
        let id = &user.user_id;
        let devices: Value = bundle.of_user(OfUser::Devices, id).unwrap();
        let expected: Value = whole.of_user(OfUser::Devices, id).unwrap();
        assert_eq!(devices, expected, "{id}");
        let data: Value = bundle.of_user(OfUser::AccountData, id).unwrap();
        assert_eq!(data, Value::Null, "{id}");
    }
}

fn carries_nothing(source: &Source, bundle: &Bundle) {
    let path = bundle.path().to_str().unwrap();
    let ended = source.ferryman(&["plan", "--bundle", path]).output();
    let ended = Export::of(bundle.path().to_owned(), ended.unwrap());
    assert_eq!(ended.code, Some(6), "{}", ended.failure);
    let (_, reason) = ended.failure.split_once(path).unwrap();
    insta::assert_snapshot!(reason, @": it is an inventory, which has no events and nothing of the users' own: export without --inventory, or name another with --bundle");
}

/// Parts of histories are the ends of the whole ones, and the current state is there.
fn histories(part: &Bundle, whole: &Bundle, history: History) {
    for room in part.rooms().unwrap() {
        let id = &room.room_id;
        let all = whole::timeline(whole, id);
        let expected = match history {
            History::Last(count) => {
                &all[all.len().saturating_sub(usize::try_from(count).unwrap())..]
            }
            History::Since { day } if day.year() < 2100 => &all[..],
            _ => &[],
        };
        assert_eq!(
            whole::timeline(part, id),
            expected,
            "{history} of {:?}",
            room.name
        );
        assert_eq!(
            json!(part.room_state(id).unwrap()),
            json!(whole.room_state(id).unwrap())
        );
        whole::is_complete(part, id);
    }
}

//! Rooms of a made-up database: what comes out, and what becomes of rows that Synapse would not have written.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    config::DatabaseAddress,
    job::{Job, Problem},
    lab::synthetic::{self, SERVER_NAME},
    model::{event_line::EventLine, snapshot::Snapshot, wanted::Wanted},
};

/// A made-up database that can be spoilt before it is read.
struct Made {
    dir: TempDir,
    connection: Connection,
}

/// What was read of a room.
struct Read {
    room: crate::bundle::RoomRecord,
    timeline: Vec<EventLine>,
    outliers: Vec<EventLine>,
    snapshots: Vec<Snapshot>,
}

impl Made {
    fn new(rooms: u64, events: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homeserver.db");
        synthetic::write(&path, rooms, events).unwrap();
        let connection = Connection::open(path).unwrap();
        Self { dir, connection }
    }

    fn run(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    /// A text that the query gives.
    fn text(&self, sql: &str) -> String {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    /// The ID of the event at this place of the room that comes first.
    fn event(&self, place: u64) -> String {
        self.text(&format!(
            "SELECT event_id FROM events WHERE room_id = (SELECT min(room_id) FROM rooms) \
             ORDER BY topological_ordering LIMIT 1 OFFSET {place}"
        ))
    }

    fn read(&self, wanted: Wanted) -> (Vec<Read>, Vec<Problem>) {
        let address = DatabaseAddress::Sqlite(self.dir.path().join("homeserver.db"));
        let mut database = Database::open(&address).unwrap();
        let server_name = <&ServerName>::try_from(SERVER_NAME).unwrap();
        let (intake, mut records) =
            Intake::new(Job::new().0, wanted, server_name, 0, None).unwrap();
        let reading =
            std::thread::spawn(move || read(&mut database, server_name, &intake).unwrap());
        let (mut rooms, mut problems) = (Vec::new(), Vec::new());
        let (mut timeline, mut outliers, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(record) = records.blocking_recv() {
            let several = match record {
                Record::Several(several) => several,
                one => vec![one],
            };
            for record in several {
                match record {
                    Record::Events(lines) => {
                        assert!(lines.len() <= 1000);
                        for line in lines {
                            if line.outlier {
                                outliers.push(line);
                            } else {
                                assert!(outliers.is_empty(), "the timeline comes first");
                                timeline.push(line);
                            }
                        }
                    }
                    Record::Snapshot(snapshot) => snapshots.push(snapshot),
                    Record::Room(room) => rooms.push(Read {
                        room: *room,
                        timeline: std::mem::take(&mut timeline),
                        outliers: std::mem::take(&mut outliers),
                        snapshots: std::mem::take(&mut snapshots),
                    }),
                    Record::Problem(problem) => problems.push(problem),
                    _ => panic!("only rooms are read"),
                }
            }
        }
        reading.join().unwrap();
        (rooms, problems)
    }

    fn all(&self) -> Vec<Read> {
        let (rooms, problems) = self.read(Wanted::default());
        assert_eq!(problems, []);
        rooms
    }

    fn part(&self, history: &str) -> Vec<Read> {
        let (rooms, problems) = self.read(Wanted {
            history: history.parse().unwrap(),
            ..Wanted::default()
        });
        assert_eq!(problems, []);
        rooms
    }
}

fn ids(lines: &[EventLine]) -> Vec<String> {
    lines.iter().map(|line| line.event_id.to_string()).collect()
}

#[test]
fn every_room_comes_with_its_timeline_in_the_order_of_ids() {
    let made = Made::new(30, 3000);
    let rooms = made.all();
    assert_eq!(rooms.len(), 30);
    assert!(rooms.is_sorted_by_key(|read| read.room.room.room_id.clone()));
    for read in &rooms {
        let facts = &read.room.room;
        assert_eq!((facts.event_count, read.timeline.len()), (100, 100));
        assert!(facts.history_complete && !read.room.disordered);
        assert_eq!((facts.joined_members, facts.joined_local_members), (1, 1));
        assert_eq!(
            facts.forward_extremities,
            [read.timeline[99].event_id.clone()]
        );
        assert_eq!(read.room.state.as_ref().unwrap().len(), 5);
        assert!(read.outliers.is_empty() && read.snapshots.is_empty());
        // Depth 50 redacts the one before it.
        assert_eq!(
            read.timeline[49].redacted_by.as_ref(),
            Some(&read.timeline[50].event_id)
        );
        assert!(read.timeline[49].pdu.get().contains(r#""content":{}"#));
        assert!(!read.timeline[50].pdu.get().contains("unsigned"));
    }
}

#[test]
fn a_room_that_passes_through_is_read_as_one_that_is_held() {
    let (big, small) = (Made::new(1, 9000), Made::new(1, 3000));
    let (big, small) = (big.all().remove(0), small.all().remove(0));
    assert_eq!(big.timeline.len(), 9000);
    assert_eq!(ids(&big.timeline[..3000]), ids(&small.timeline));
}

#[test]
fn a_part_of_the_history_begins_with_a_snapshot_and_has_its_state_outside() {
    let made = Made::new(3, 300);
    let read = made.part("10").remove(0);
    assert_eq!(
        ids(&read.timeline),
        (90..100).map(|place| made.event(place)).collect::<Vec<_>>()
    );
    let facts = &read.room.room;
    assert_eq!((facts.event_count, facts.history_complete), (10, false));
    let state: Vec<_> = (0..5).map(|place| made.event(place)).collect();
    // Each behind its auth events.
    assert_eq!(ids(&read.outliers)[..3], state[..3]);
    assert_eq!(read.outliers.len(), 5);
    let mut sorted = state.clone();
    sorted.sort();
    let [snapshot] = &read.snapshots[..] else {
        panic!("one gap");
    };
    assert_eq!(snapshot.event_id, made.event(90));
    assert_eq!(snapshot.state_before, sorted);

    let read = made.part("none").remove(0);
    assert!(read.timeline.is_empty() && read.snapshots.is_empty());
    assert_eq!(read.outliers.len(), 5);

    // The timeline begins with a state event: the state before lacks it.
    let read = made.part("97").remove(0);
    let [snapshot] = &read.snapshots[..] else {
        panic!("one gap");
    };
    assert_eq!(snapshot.event_id, made.event(3));
    let mut before = state[..3].to_vec();
    before.sort();
    assert_eq!(snapshot.state_before, before);
    assert_eq!(made.part("since:1970-01-01").remove(0).timeline.len(), 100);
    assert_eq!(made.part("since:2050-01-01").remove(0).timeline.len(), 0);
}

#[test]
fn patterns_choose_rooms_by_id_and_alias() {
    let made = Made::new(10, 100);
    let last = made.text("SELECT max(room_id) FROM rooms");
    made.run(&format!(
        "INSERT INTO room_aliases VALUES ('#b:{SERVER_NAME}', '{last}'), ('#a:{SERVER_NAME}', '{last}');
         INSERT INTO blocked_rooms VALUES ('{last}', '@a:x')"
    ));
    let first = made.text("SELECT min(room_id) FROM rooms");
    let (rooms, problems) = made.read(Wanted {
        rooms: vec!["#a*".to_owned(), first.clone()],
        ..Wanted::default()
    });
    assert_eq!(problems, []);
    let found: Vec<_> = rooms
        .iter()
        .map(|read| read.room.room.room_id.as_str())
        .collect();
    assert_eq!(found, [&first, &last]);
    let aliases = &rooms[1].room.aliases;
    assert_eq!(
        aliases
            .iter()
            .map(|alias| alias.alias())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(rooms[1].room.room.blocked, Some(true));
    assert_eq!(rooms[0].room.room.blocked, Some(false));
}

#[test]
fn rows_that_are_wrong_become_problems_and_the_rest_goes_on() {
    let made = Made::new(1, 100);
    let [json, hash, gone, notes, content] = [20, 21, 22, 23, 24].map(|place| made.event(place));
    made.run(&format!(
        "UPDATE event_json SET json = '{{' WHERE event_id = '{json}';
         UPDATE event_json SET json = replace(json, '\"depth\":', '\"depth\":1') WHERE event_id = '{hash}';
         DELETE FROM event_json WHERE event_id = '{gone}';
         UPDATE event_json SET internal_metadata = '' WHERE event_id = '{notes}';
         UPDATE event_json SET json = replace(json, 'Message', 'Massage') WHERE event_id = '{content}'"
    ));
    let (rooms, problems) = made.read(Wanted::default());
    let said: Vec<_> = problems
        .iter()
        .map(|problem| {
            let place = [&json, &hash, &gone, &notes, &content]
                .iter()
                .position(|id| **id == problem.subject);
            let reason = problem.reason.split('$').next().unwrap();
            format!("{} {place:?}: {reason}", problem.step)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    event Some(0): not a readable event: EOF while parsing an object at line 1 column 1
    event Some(1): its hash makes it 
    event Some(2): the database has no JSON of it
    event Some(3): Synapse's notes on it can't be read: EOF while parsing a value at line 1 column 0
    event content Some(4): its content hash does not match: other servers will empty it
    ");
    assert_eq!(rooms[0].timeline.len(), 96);
}

#[test]
fn what_synapse_refused_is_kept_and_not_counted() {
    let made = Made::new(1, 40);
    let refused = made.event(30);
    made.run(&format!(
        "UPDATE events SET rejection_reason = 'auth_error' WHERE event_id = '{refused}'"
    ));
    let read = made.all().remove(0);
    assert_eq!((read.timeline.len(), read.room.room.event_count), (40, 39));
    assert!(read.timeline[30].rejected && !read.timeline[30].is_in_timeline());
    // As the API sees it: the next event follows something that isn't there.
    assert_eq!(read.snapshots.len(), 1);
    assert_eq!(read.snapshots[0].event_id, read.timeline[31].event_id);
}

#[test]
fn outliers_that_nothing_rests_on_stay_behind_and_invites_are_no_rooms() {
    let made = Made::new(2, 80);
    let first = made.text("SELECT min(room_id) FROM rooms");
    made.run(&format!(
        "UPDATE events SET outlier = true WHERE room_id = '{first}';
         DELETE FROM current_state_events WHERE room_id = '{first}'"
    ));
    let rooms = made.all();
    assert_eq!(rooms.len(), 1);
    assert_ne!(rooms[0].room.room.room_id.as_str(), first);

    // The beginning of the room is known only from what rests on it.
    let made = Made::new(1, 80);
    let [create, member, said] = [0, 1, 20].map(|place| made.event(place));
    made.run(&format!(
        "UPDATE events SET outlier = true WHERE event_id IN ('{create}', '{member}', '{said}')"
    ));
    let read = made.all().remove(0);
    assert_eq!(ids(&read.outliers), [create, member.clone()]);
    assert!(!read.room.room.history_complete);
    let gaps: Vec<_> = read
        .snapshots
        .iter()
        .map(|gap| gap.event_id.to_string())
        .collect();
    assert_eq!(gaps, [made.event(2), made.event(21)]);
    made.run(&format!(
        "DELETE FROM event_json WHERE event_id = '{member}'; DELETE FROM events WHERE event_id = '{member}'"
    ));
    let (_, problems) = made.read(Wanted::default());
    let missing: Vec<_> = problems.iter().filter(|it| it.subject == member).collect();
    assert_eq!(missing[0].reason, "it is not in the database");
}

#[test]
fn a_room_that_all_left_has_the_state_after_its_last_event() {
    let made = Made::new(1, 40);
    let whole = made.all().remove(0);
    made.run("DELETE FROM current_state_events");
    let left = made.all().remove(0);
    let texts = |read: &Read| -> Vec<String> {
        let state = read.room.state.as_ref().unwrap();
        state.iter().map(|event| event.get().to_owned()).collect()
    };
    assert_eq!(texts(&left), texts(&whole));
    // Without the last state event, hidden ones don't count.
    let name = made.event(4);
    made.run(&format!(
        "UPDATE event_json SET internal_metadata = '{{\"soft_failed\":true}}' \
         WHERE event_id IN (SELECT event_id FROM events WHERE depth > 4 OR event_id = '{name}')"
    ));
    assert_eq!(made.all().remove(0).room.state.unwrap().len(), 4);
}

#[test]
fn synapses_rules_for_redactions() {
    let redacted_by = |change: &str| {
        let made = Made::new(2, 300);
        let [target, redaction] = [49, 50].map(|place| made.event(place));
        let change = change
            .replace("TARGET", &target)
            .replace("REDACTION", &redaction)
            .replace("EARLIER", &made.event(30))
            .replace("CREATE", &made.event(0))
            .replace("OTHER", &made.text("SELECT max(room_id) FROM rooms"));
        made.run(&change);
        let read = made.read(Wanted::default()).0.remove(0);
        let by = read.timeline[49]
            .redacted_by
            .as_ref()
            .map(ToString::to_string);
        let other = read.timeline[0].redacted_by.is_some();
        match by {
            _ if other => "create event".to_owned(),
            Some(by) if by == redaction => "yes".to_owned(),
            Some(by) if by == made.event(30) => "earlier".to_owned(),
            Some(_) => "?".to_owned(),
            None => "no".to_owned(),
        }
    };
    let recheck = "UPDATE redactions SET recheck = true;";
    let notes = "UPDATE event_json SET internal_metadata = '{\"recheck_redaction\":true}' WHERE event_id = 'REDACTION';";
    let stranger = "UPDATE events SET sender = '@a:elsewhere' WHERE event_id = 'REDACTION';";
    let refused = "UPDATE events SET rejection_reason = 'x' WHERE event_id = 'REDACTION';";
    let elsewhere = "UPDATE events SET room_id = 'OTHER' WHERE event_id = 'REDACTION';";
    let lines = [
        ("checked", String::new()),
        ("to be checked", recheck.to_owned()),
        ("to be checked, refused", format!("{recheck}{refused}")),
        ("checked, refused", refused.to_owned()),
        (
            "to be checked, of another room",
            format!("{recheck}{elsewhere}"),
        ),
        ("same server", format!("{recheck}{notes}")),
        ("another server", format!("{recheck}{notes}{stranger}")),
        (
            "another server, but a moderator",
            format!("{recheck}{stranger}"),
        ),
        (
            "two of them",
            "INSERT INTO redactions VALUES ('EARLIER', 'TARGET', false, 1, false);".to_owned(),
        ),
        (
            "two of them, the earlier one to be checked",
            "INSERT INTO redactions VALUES ('EARLIER', 'TARGET', false, 1, true);".to_owned(),
        ),
        (
            "of a create event",
            "UPDATE redactions SET redacts = 'CREATE' WHERE event_id = 'REDACTION';".to_owned(),
        ),
    ];
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, change)| format!("{name}: {}", redacted_by(change)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    checked: yes
    to be checked: yes
    to be checked, refused: no
    checked, refused: yes
    to be checked, of another room: no
    same server: yes
    another server: no
    another server, but a moderator: yes
    two of them: earlier
    two of them, the earlier one to be checked: yes
    of a create event: no
    ");
}

#[test]
fn many_redactions_are_read_with_their_rooms_and_say_the_same() {
    let made = Made::new(3, 300);
    let redacted = || -> Vec<_> {
        let (rooms, problems) = made.read(Wanted::default());
        assert!(problems.is_empty());
        let lines = rooms.into_iter().flat_map(|room| room.timeline);
        lines
            .filter_map(|line| Some((line.event_id, line.redacted_by?)))
            .collect()
    };
    let few = redacted();
    assert!(!few.is_empty());
    made.run(&format!(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n <= {}) \
         INSERT INTO redactions SELECT '$by' || n, '$unknown' || n, false, n, false FROM number",
        redactions::FEW
    ));
    assert_eq!(redacted(), few);
}

#[test]
fn a_ban_redacts_what_its_member_wrote() {
    let made = Made::new(2, 200);
    let (ban, room) = (made.event(60), made.text("SELECT min(room_id) FROM rooms"));
    let sender = made.text(&format!(
        "SELECT creator FROM rooms WHERE room_id = '{room}'"
    ));
    let end = made.text(&format!(
        "SELECT CAST(stream_ordering AS TEXT) FROM events WHERE event_id = '{}'",
        made.event(20)
    ));
    made.run(&format!(
        "CREATE TABLE room_ban_redactions (room_id TEXT, user_id TEXT, redacting_event_id TEXT, redact_end_ordering BIGINT);
         INSERT INTO room_ban_redactions VALUES ('{room}', '{sender}', '{ban}', {end})"
    ));
    let read = made.all().remove(0);
    let by: Vec<_> = read.timeline[..22]
        .iter()
        .map(|line| line.redacted_by.as_ref().is_some_and(|by| *by == ban))
        .collect();
    // All but the create event, up to the end.
    assert_eq!(by.iter().filter(|redacted| **redacted).count(), 19);
    assert!(!by[0] && by[1] && by[19] && !by[20]);
    let name = read
        .room
        .state
        .as_ref()
        .unwrap()
        .iter()
        .find(|event| event.get().contains("m.room.name"));
    assert!(name.unwrap().get().contains(r#""content":{}"#));
}

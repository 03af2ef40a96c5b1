//! What an export says of a Synapse that dies, and of a database and a media store that are not as they should be.

use std::{fs, path::PathBuf};

use ferryman::{
    lab::synapse::DatabasePlace,
    model::{event_line::EventLine, media::MediaRef},
};
use ruma::OwnedRoomId;
use rusqlite::Connection;

use super::{
    broken::{begun, is_cut_short},
    open,
    source::{Export, Source, Way},
    whole,
};

/// All of it. Nothing can be asked of this Synapse afterwards.
pub(super) fn is_told(source: &mut Source) {
    dies(source);
    has_damage(source);
    is_of_another_schema(source);
}

/// Synapse ends in the middle, and doesn't come back.
fn dies(source: &mut Source) {
    let (path, child) = begun(source, "died", |_| {});
    source.synapse.server.kill();
    let export = Export::of(path, child.wait_with_output().unwrap());
    is_cut_short(
        source,
        &export,
        "check the address and that the server runs",
    );
}

fn database(source: &Source) -> Connection {
    let DatabasePlace::Sqlite(path) = source.synapse.database() else {
        panic!("it is no SQLite");
    };
    Connection::open(path).unwrap()
}

/// A file that is not there, rows that can't be read, and work that Synapse has not finished: each is said, and nothing
/// else is missing.
fn has_damage(source: &Source) {
    let export = |name| source.export(name, Way::Database, &["--media", "all"]);
    let before = export("sound");
    let odd = before.problem_lines();
    let sound = open(source, &before.path);
    let room: OwnedRoomId = source.filled.room("lobby").try_into().unwrap();
    let lines = sound.events(&room).unwrap().map(Result::unwrap);
    let messages: Vec<EventLine> = lines
        .filter(|line| line.pdu.get().contains(r#""m.room.message""#) && line.redacted_by.is_none())
        .take(2)
        .collect();
    let [torn, forged]: [EventLine; 2] = messages.try_into().unwrap();
    let media = sound.media().unwrap();
    let lost = &media[0];
    let user = source.filled.user("bob").user_id();

    fs::remove_file(stored(source, lost)).unwrap();
    let tables = database(source);
    let change = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        assert_eq!(tables.execute(sql, values).unwrap(), 1, "{sql}");
    };
    change(
        "UPDATE event_json SET json = substr(json, 1, 40) WHERE event_id = ?",
        &[&torn.event_id.as_str()],
    );
    change(
        "UPDATE event_json SET json = replace(json, '\"body\":', '\"corpse\":') WHERE event_id = ?",
        &[&forged.event_id.as_str()],
    );
    change(
        "UPDATE account_data SET content = '{' WHERE user_id = ? AND account_data_type = 'm.direct'",
        &[&user],
    );
    change(
        "INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('a_new_index', '{}', 1)",
        &[],
    );

    let after = export("damaged");
    assert_eq!(after.code, Some(8), "{}", after.failure);
    let said = |text: &str| {
        text.replace(torn.event_id.as_str(), "<torn>")
            .replace(forged.event_id.as_str(), "<forged>")
            .replace(&lost.media_id, "<lost>")
            .replace(&*stored(source, lost).to_string_lossy(), "<file>")
            .replace(user, "<bob>")
    };
    let mut lines = after.problem_lines();
    lines.retain(|line| !odd.contains(line));
    insta::assert_snapshot!(said(&lines.join("\n")), @r"
    account data: <bob>: its m.direct is no JSON (EOF while parsing an object at line 1 column 1)
    event: <torn>: not a readable event: EOF while parsing a string at line 1 column 40
    event content: <forged>: its content hash does not match: other servers will empty it
    media content: <lost>: <file>: No such file or directory (os error 2)
    ");
    assert!(after.said.contains("a_new_index"), "{}", after.said);
    let damaged = open(source, &after.path);
    let mut expected = whole::timeline(&sound, &room);
    expected.retain(|id| id != torn.event_id.as_str());
    assert_eq!(whole::timeline(&damaged, &room), expected);
    assert_eq!(damaged.media().unwrap().len(), media.len());
    assert!(damaged.media_content(&lost.media_id).unwrap().is_none());
    assert_eq!(damaged.users().unwrap(), sound.users().unwrap());
    assert_eq!(damaged.rooms().unwrap().len(), sound.rooms().unwrap().len());
}

/// Where Synapse keeps an upload.
fn stored(source: &Source, item: &MediaRef) -> PathBuf {
    let (id, folder) = (&item.media_id, source.synapse.media_path());
    folder
        .join("local_content")
        .join(&id[..2])
        .join(&id[2..4])
        .join(&id[4..])
}

/// A version that nobody knows is refused, and the known ones are named.
fn is_of_another_schema(source: &Source) {
    let tables = database(source);
    let mut said = Vec::new();
    for version in [81, 95] {
        tables
            .execute("UPDATE schema_version SET version = ?", [version])
            .unwrap();
        let export = source.export("refused", Way::Database, &[]);
        assert_eq!(export.code, Some(11), "{}", export.failure);
        assert!(!export.path.exists() && !export.path.with_extension("partial").exists());
        let (_, reason) = export.failure.split_once("homeserver.db").unwrap();
        said.push(reason.to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    ): its schema version is 81, and the known ones are 82 to 94: update Synapse first
    ): its schema version is 95, and the known ones are 82 to 94: look for a newer Ferryman, or export by the Admin API
    ");
}

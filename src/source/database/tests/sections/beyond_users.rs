//! Key backups, media, keys of servers, and the reader as a whole.

use super::*;

#[test]
fn key_backups_come_version_by_version() {
    let read = section(
        "INSERT INTO e2e_room_keys_versions (user_id, version, algorithm, auth_data, deleted) VALUES
           ('@b:ferry.test', 1, 'alg', '{}', 0), ('@a:ferry.test', 10, 'alg', '{\"k\":1}', 0),
           ('@a:ferry.test', 9, 'alg', '{}', 0), ('@a:ferry.test', 8, 'alg', '{}', 1),
           ('@c:ferry.test', 1, 'alg', 'not json', 0), ('@d:ferry.test', 1, 'alg', '{}', 0);
         INSERT INTO e2e_room_keys VALUES
           ('@a:ferry.test', '!r:x', 's2', 10, 1, 2, 1, '{\"ciphertext\":\"x\"}'),
           ('@a:ferry.test', '!r:x', 's1', 10, 0, 0, 0, '{}'),
           ('@a:ferry.test', '!q:x', 's3', 10, 0, 0, NULL, 'not json'),
           ('@a:ferry.test', '!r:x', 's1', 8, 0, 0, 0, '{}'),
           ('@c:ferry.test', '!r:x', 's1', 1, 0, 0, 0, '{}'),
           ('@d:ferry.test', '!r:x', 's1', 1, 0, 0, 0, '{}');",
        Wanted {
            users: vec!["?".to_owned()],
            ..Wanted::default()
        },
        key_backups::read,
    );
    let lines: Vec<String> = read
        .records
        .iter()
        .map(|record| match record {
            Record::KeyBackup(line) => serde_json::to_string(line).unwrap(),
            _ => panic!("no key backup"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"user_id":"@a:ferry.test","version":"9","algorithm":"alg","auth_data":{}}
    {"user_id":"@a:ferry.test","version":"10","algorithm":"alg","auth_data":{"k":1}}
    {"user_id":"@a:ferry.test","version":"10","room_id":"!r:x","session_id":"s1","session":{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{}}}
    {"user_id":"@a:ferry.test","version":"10","room_id":"!r:x","session_id":"s2","session":{"first_message_index":1,"forwarded_count":2,"is_verified":true,"session_data":{"ciphertext":"x"}}}
    {"user_id":"@b:ferry.test","version":"1","algorithm":"alg","auth_data":{}}
    {"user_id":"@d:ferry.test","version":"1","algorithm":"alg","auth_data":{}}
    {"user_id":"@d:ferry.test","version":"1","room_id":"!r:x","session_id":"s1","session":{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{}}}
    "#);
    insta::assert_snapshot!(read.problems.join("\n"), @r"
    key backup, @c:ferry.test: its auth_data is no JSON (expected ident at line 1 column 2)
    key backup, @a:ferry.test: a session of version 10: its session_data is no JSON (expected ident at line 1 column 2)
    ");
}

#[test]
fn media_come_with_their_contents_where_these_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("local_content/AA/AA");
    fs::create_dir_all(&folder).unwrap();
    for name in ["old", "new", "quarantined"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let rows = "INSERT INTO local_media_repository (media_id, user_id, media_type, upload_name, media_length,
             created_ts, quarantined_by, url_cache, safe_from_quarantine, sha256) VALUES
           ('AAAAold', '@a:ferry.test', 'image/png', 'ä.png', 3, 5, NULL, NULL, 1, 'ab'),
           ('AAAAnew', '@a:ferry.test', 'image/png', NULL, 3, 999999999, NULL, NULL, 0, NULL),
           ('AAAAquarantined', '@a:ferry.test', NULL, NULL, 11, 999999999, '@m:ferry.test', NULL, 0, NULL),
           ('AAAAmissing', NULL, NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL),
           ('../../x', '@b:ferry.test', NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL),
           ('AAAAreserved', '@b:ferry.test', NULL, NULL, NULL, 999999999, NULL, NULL, 0, NULL),
           ('AAAApreview', NULL, NULL, NULL, 5, 999999999, NULL, 'https://x', 0, NULL),
           ('AAAAwhose', 'nobody', NULL, NULL, 5, 999999999, NULL, NULL, 0, NULL);";
    let wanted = |media| Wanted {
        media,
        ..Wanted::default()
    };
    let path = dir.path().to_owned();
    let read = section(
        rows,
        wanted(Media::NewerThan { days: 1 }),
        move |database, to| media::read(database, Some(&path), to),
    );
    let lines: Vec<String> = read
        .records
        .into_iter()
        .map(|record| match record {
            Record::Media(item, content) => {
                let content = content.map(|mut content| {
                    let mut text = String::new();
                    content.read_to_string(&mut text).unwrap();
                    text
                });
                format!("{} {content:?}", serde_json::to_string(&item).unwrap())
            }
            _ => panic!("no media"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"media_id":"AAAAnew","user_id":"@a:ferry.test","media_type":"image/png","upload_name":null,"length":3,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} Some("new")
    {"media_id":"AAAAold","user_id":"@a:ferry.test","media_type":"image/png","upload_name":"ä.png","length":3,"created_ts":5,"sha256":"ab","quarantined_by":null,"safe_from_quarantine":true} None
    {"media_id":"AAAAquarantined","user_id":"@a:ferry.test","media_type":null,"upload_name":null,"length":11,"created_ts":999999999,"sha256":null,"quarantined_by":"@m:ferry.test","safe_from_quarantine":false} None
    {"media_id":"AAAAreserved","user_id":"@b:ferry.test","media_type":null,"upload_name":null,"length":null,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} None
    {"media_id":"AAAAmissing","user_id":null,"media_type":null,"upload_name":null,"length":5,"created_ts":999999999,"sha256":null,"quarantined_by":null,"safe_from_quarantine":false} None
    "#);
    let place = dir.path().display().to_string();
    insta::assert_snapshot!(read.problems.join("\n").replace(&place, "STORE"), @r"
    media, ../../x: its ID is none of Synapse's
    media, AAAAwhose: its uploader is no user ID (leading sigil is incorrect or missing)
    media content, AAAAmissing: STORE/local_content/AA/AA/missing: No such file or directory (os error 2)
    ");
    // What is quarantined only if it is asked for.
    let path = dir.path().to_owned();
    let with_quarantined = Wanted {
        quarantined: true,
        ..wanted(Media::NewerThan { days: 1 })
    };
    let read = section(rows, with_quarantined, move |database, to| {
        media::read(database, Some(&path), to)
    });
    let content = read.records.into_iter().find_map(|record| match record {
        Record::Media(item, content) if item.media_id == "AAAAquarantined" => content,
        _ => None,
    });
    let mut text = String::new();
    content.unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "quarantined");
    // Without contents nobody looks for files.
    let read = section(rows, wanted(Media::Refs), |database, to| {
        media::read(database, None, to)
    });
    assert_eq!((read.records.len(), read.problems.len()), (5, 2));
}

#[test]
fn other_servers_keys_are_the_latest_of_each_without_repetitions() {
    let read = section(
        "INSERT INTO server_keys_json VALUES
           ('b.test', 'ed25519:1', 'b.test', 1, 1, x'7b226f6c64223a317d'),
           ('b.test', 'ed25519:1', 'm.test', 2, 1, '{\"new\":1}'),
           ('b.test', 'ed25519:2', 'b.test', 2, 1, '{\"new\":1}'),
           ('b.test', 'ed25519:3', 'b.test', 2, 1, '{\"more\":1}'),
           ('c.test', 'ed25519:1', 'c.test', 2, 1, 'not json'),
           ('e.test', 'ed25519:1', 'e.test', 2, 1, '{}');",
        Wanted::default(),
        |database, to| {
            let servers = ["b.test", "c.test", "d.test", "ferry.test"]
                .map(|name| name.try_into().unwrap())
                .into();
            server_keys::others(database, server_name!("ferry.test"), servers, to)
        },
    );
    let lines: Vec<String> = read
        .records
        .iter()
        .map(|record| match record {
            Record::ServerKeys(server, keys) => format!("{server} {}", keys.get()),
            _ => panic!("no keys"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    b.test {"more":1}
    b.test {"new":1}
    "#);
    insta::assert_snapshot!(read.problems.join("\n"), @r"
    server keys, c.test: its key ed25519:1 is no JSON (expected ident at line 1 column 2)
    server keys, c.test: Synapse has none
    server keys, d.test: Synapse has none
    ");
}

#[test]
fn the_server_is_that_of_its_users() {
    let about = |rows: &str| {
        let mut database = database(&format!("{TABLES}{rows}"));
        about::read(&mut database, server_name!("configured.test")).map(|about| {
            format!(
                "{} at {:?}, {} warnings",
                about.server_name,
                about.stream_position,
                about.warnings.len()
            )
        })
    };
    let version = "INSERT INTO schema_version (version) VALUES (94);";
    assert_eq!(
        about(version).unwrap(),
        "configured.test at None, 0 warnings"
    );
    let rows = format!(
        "{version} INSERT INTO users (name) VALUES ('@a:old.test'); INSERT INTO events VALUES (7), (-3);
         INSERT INTO background_updates (update_name) VALUES ('x');"
    );
    assert_eq!(about(&rows).unwrap(), "old.test at Some(7), 1 warnings");
    let rows = format!("{version} INSERT INTO users (name) VALUES ('anna');");
    assert!(
        about(&rows)
            .unwrap_err()
            .to_string()
            .contains("is called \"anna\"")
    );
}

/// The reader's own way, from the configuration on.
#[tokio::test]
async fn the_reader_opens_what_the_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "homeserver.yaml",
        "server_name: ferry.test\ndatabase: {args: {database: h.db}}",
    );
    Connection::open(dir.path().join("h.db"))
        .unwrap()
        .execute_batch(&format!(
            "{TABLES} INSERT INTO schema_version (version) VALUES (94); {}",
            include_str!("../anna.sql")
        ))
        .unwrap();
    let mut settings = config::sample(dir.path()).synapse;
    let server = || server_name!("ferry.test").to_owned();
    let refused = DatabaseReader::new(&settings, server()).err().unwrap();
    insta::assert_snapshot!(refused, @"synapse.database is missing: give it, or synapse.homeserver_yaml, to read Synapse's database");
    settings.homeserver_yaml = Some(dir.path().join("homeserver.yaml"));
    let mut reader = DatabaseReader::new(&settings, server()).unwrap();
    assert_eq!(reader.about().await.unwrap().server_name, "ferry.test");

    // Contents are wanted, and the media store is not there.
    let wanted = Wanted {
        media: Media::All,
        ..Wanted::default()
    };
    let (job, _events) = Job::new();
    let (intake, mut records) = Intake::new(job, wanted, &server(), 0, None).unwrap();
    let refused = reader.users(&intake).await.unwrap_err().to_string();
    let place = dir.path().display().to_string();
    insta::assert_snapshot!(refused.replace(&place, "FOLDER"), @"Synapse's media store FOLDER/media_store is not there: set synapse.media_path to the folder that holds local_content, or export with --media refs");
    fs::create_dir(dir.path().join("media_store")).unwrap();
    reader.users(&intake).await.unwrap();
    assert!(matches!(records.recv().await, Some(Record::User(_))));

    // The own keys are made from the signing key that the yaml leads to.
    write(
        "ferry.test.signing.key",
        "ed25519 a YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n",
    );
    reader
        .server_keys([server()].into(), &intake)
        .await
        .unwrap();
    let Some(Record::ServerKeys(name, keys)) = records.recv().await else {
        panic!("no keys");
    };
    assert_eq!(name, "ferry.test");
    assert!(keys.get().contains("\"ed25519:a\""));

    // And without it Synapse is asked, which does not run here.
    fs::remove_file(dir.path().join("ferry.test.signing.key")).unwrap();
    settings.url = "http://127.0.0.1:9".to_owned();
    let yaml = HomeserverYaml::read(Path::new(settings.homeserver_yaml.as_ref().unwrap())).unwrap();
    assert!(yaml.key_object(0).is_err());
}

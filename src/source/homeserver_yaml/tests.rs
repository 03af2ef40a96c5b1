//! What is taken from a configuration of Synapse's, and what is refused in which words.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::secret::ExposeSecret;

/// As Debian's package writes it, with an unquoted number as password and things that nobody here reads.
const POSTGRES: &str = r#"
# a comment
server_name: "ferry.test"
pid_file: /var/run/matrix-synapse.pid
listeners:
  - port: 8008
    resources: [{names: [client, federation], compress: false}]
database:
  name: psycopg2
  txn_limit: 10000
  args:
    user: synapse_user
    password: 0123
    dbname: syn'apse
    host: localhost
    port: 5433
    cp_min: 5
    cp_max: 10
    keepalives_idle: 10
log_config: !!str /etc/log.yaml
media_store_path: /var/lib/media
signing_key_path: "/etc/homeserver.signing.key"
old_signing_keys:
  "ed25519:a_old": { key: "base64string", expired_ts: 123456789123 }
password_config:
  pepper: EVEN_MORE_SECRET
report_stats: yes
report_stats: no
"#;

fn read(text: &str) -> Result<HomeserverYaml> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("homeserver.yaml");
    fs::write(&path, text).unwrap();
    HomeserverYaml::read(&path).map_err(|error| {
        assert_eq!(error.exit_code(), 3);
        Error::Config(
            error
                .to_string()
                .replace(&path.display().to_string(), "FILE"),
        )
    })
}

fn sqlite(yaml: &HomeserverYaml) -> &Path {
    match &yaml.database {
        DatabaseAddress::Sqlite(path) => path,
        DatabaseAddress::Postgres(_) => panic!("PostgreSQL"),
    }
}

#[test]
fn a_postgresql_server_is_read() {
    let yaml = read(POSTGRES).unwrap();
    assert_eq!(yaml.server_name, "ferry.test");
    let DatabaseAddress::Postgres(text) = &yaml.database else {
        panic!("SQLite");
    };
    assert_eq!(
        text.expose_secret(),
        r"dbname='syn\'apse' user='synapse_user' password='0123' host='localhost' port='5433' "
    );
    assert_eq!(yaml.database.place(), "PostgreSQL syn'apse at localhost");
    assert_eq!(yaml.media_path, Path::new("/var/lib/media"));
    assert!(
        matches!(&yaml.signing_key, SigningKey::File(path) if path == Path::new("/etc/homeserver.signing.key"))
    );
    assert_eq!(
        yaml.old_signing_keys["ed25519:a_old"],
        OldSigningKey {
            key: "base64string".to_owned(),
            expired_ts: 123_456_789_123
        }
    );
    assert_eq!(
        yaml.pepper.as_ref().map(ExposeSecret::expose_secret),
        Some("EVEN_MORE_SECRET")
    );
    let shown = format!("{yaml:?}");
    assert!(
        !shown.contains("EVEN_MORE_SECRET") && !shown.contains("0123"),
        "{shown}"
    );
}

#[test]
fn a_later_file_of_a_folder_wins_key_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "homeserver.yaml",
        "server_name: ferry.test\nmedia_store_path: /a\npassword_config: {pepper: p}",
    );
    write(
        "zz.yaml",
        "database: {name: sqlite3, args: {database: h.db}}\npassword_config: {enabled: true}\nmedia_store_path: /b",
    );
    write("empty.yaml", "# nothing\n");
    write("notes.txt", "server_name: [");
    fs::create_dir(dir.path().join("sub.yaml")).unwrap();
    let yaml = HomeserverYaml::read(dir.path()).unwrap();
    assert_eq!(yaml.media_path, Path::new("/b"));
    assert!(yaml.pepper.is_none());
    assert_eq!(sqlite(&yaml), dir.path().join("h.db"));
    // Nothing says where the key is.
    assert!(
        matches!(yaml.signing_key, SigningKey::File(path) if path == dir.path().join("ferry.test.signing.key"))
    );
}

#[test]
fn the_other_ways_to_name_a_database() {
    let path = |text: &str| {
        let yaml = read(&format!("server_name: ferry.test\n{text}")).unwrap();
        sqlite(&yaml).file_name().unwrap().to_owned()
    };
    assert_eq!(path("database: {args: {database: a.db}}"), "a.db");
    assert_eq!(path("database_path: b.db"), "b.db");
    assert_eq!(
        path("database: {name: sqlite3, args: {database: a.db}}\ndatabase_path: b.db"),
        "b.db"
    );
    assert_eq!(
        path("databases: {master: {name: sqlite3, args: {database: c.db}}}"),
        "c.db"
    );
    let place = |text: &str| {
        let yaml = read(&format!("server_name: ferry.test\n{text}")).unwrap();
        yaml.database.place()
    };
    assert_eq!(
        place(
            "database: {name: psycopg2, args: {database: d, host: /run/pg}}\ndatabase_path: b.db"
        ),
        "PostgreSQL d at /run/pg"
    );
    assert_eq!(
        place(
            "x: &x {name: psycopg2}\ndatabase: {<<: *x, args: {dbname: e, sslmode: verify-full, password: null}}"
        ),
        "PostgreSQL e"
    );
}

#[test]
fn an_inline_key_wins() {
    let yaml = read(&POSTGRES.replace(
        "signing_key_path",
        "signing_key: ed25519 a S\nsigning_key_path",
    ));
    assert!(
        matches!(yaml.unwrap().signing_key, SigningKey::Inline(key) if key.expose_secret() == "ed25519 a S")
    );
}

#[test]
fn paths_are_found_in_the_configurations_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("homeserver.yaml");
    fs::write(&path, "server_name: ferry.test\ndatabase_path: h.db").unwrap();
    // `src` is in the folder in which the tests run.
    assert_eq!(found(dir.path(), Path::new("src")), Path::new("src"));
    fs::create_dir(dir.path().join("src")).unwrap();
    assert_eq!(found(dir.path(), Path::new("src")), dir.path().join("src"));
    let yaml = HomeserverYaml::read(&path).unwrap();
    assert_eq!(yaml.media_path, dir.path().join("media_store"));
}

#[test]
fn what_cant_be_used_is_refused_with_a_reason() {
    let refusal = |text: &str| read(text).unwrap_err().to_string();
    let of = |text: &str| refusal(&format!("server_name: ferry.test\n{text}"));
    let empty = tempfile::tempdir().unwrap();
    let folder = HomeserverYaml::read(empty.path()).unwrap_err().to_string();
    let missing = HomeserverYaml::read(Path::new("/no/such.yaml")).unwrap_err();
    let lines = [
        missing.to_string(),
        folder.replace(&empty.path().display().to_string(), "FOLDER"),
        refusal(""),
        refusal("database_path: h.db"),
        refusal("server_name: https://ferry.test"),
        refusal("server_name: s3cret: x"),
        of("database: {name: psycopg2, args: s3cret}"),
        of("password_config: s3cret"),
        of("old_signing_keys: {a: s3cret}"),
        of(""),
        of("database: {name: sqlite3}"),
        of("database: {name: mysql, args: {database: x}}"),
        of("database: {name: sqlite3, args: {database: ':memory:'}}"),
        of("databases: {a: {name: psycopg2}, b: {name: psycopg2}}"),
        of("database: {name: psycopg2, args: {dsn: 's3cret'}}"),
        of("database: {name: psycopg2, args: {host: h, port: many}}"),
    ];
    assert!(lines.iter().all(|line| !line.contains("s3cret")));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Synapse's configuration /no/such.yaml can't be read (No such file or directory (os error 2)): run Ferryman as a user that may, or give it a copy
    Synapse's configuration FOLDER holds no file that ends with .yaml
    Synapse's configuration FILE names no server_name: give Synapse's own homeserver.yaml
    Synapse's configuration FILE names no server_name: give Synapse's own homeserver.yaml
    Synapse's configuration FILE has a server_name that is none
    Synapse's configuration FILE is not YAML as Synapse reads it: look at line 1
    Synapse's configuration FILE is not YAML as Synapse reads it: look at line 2
    Synapse's configuration FILE is not YAML as Synapse reads it: look at line 2
    Synapse's configuration FILE is not YAML as Synapse reads it: look at line 2
    Synapse's configuration FILE names no database: set synapse.database, or give the file that has it
    Synapse's configuration FILE names no file for its SQLite database: set synapse.database
    Synapse's configuration FILE has a database of the kind "mysql", which is not known: it should be sqlite3 or psycopg2
    Synapse's configuration FILE has its database in memory, where nobody else can read it: export by the Admin API
    Synapse's configuration FILE spreads Synapse over several databases, which can't be read together: export by the Admin API
    Synapse's configuration FILE gives its PostgreSQL database as dsn or service: set synapse.database instead
    Synapse's configuration FILE has a PostgreSQL database whose args can't be read: set synapse.database
    "#);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", value in "[ -~\\n]{0,40}") {
        let _refused = read(&text);
        let _refused = read(&POSTGRES.replace("synapse_user", &value));
    }

    /// Whatever is in a password, it comes out of the connection string as it went in.
    #[test]
    fn every_password_survives(password in "[ -~é]{1,30}") {
        let quoted = password.replace('\'', "''");
        let yaml = read(&POSTGRES.replace("0123", &format!("'{quoted}'"))).unwrap();
        let DatabaseAddress::Postgres(text) = &yaml.database else { panic!("SQLite") };
        let config: postgres::Config = text.expose_secret().parse().unwrap();
        prop_assert_eq!(config.get_password(), Some(password.as_bytes()));
    }
}

//! The database reader on a real PostgreSQL: every type, one snapshot, nothing written.

use ferryman::{
    config::DatabaseAddress,
    lab::postgres::{Connection, Postgres},
    secret::ExposeSecret,
    source::database::{Column, Database, quote},
};

use crate::targets::postgres_or_skip;

/// What the lab says of a database, as the configuration would.
fn address(connection: &Connection) -> DatabaseAddress {
    let text = format!(
        "postgresql://{}:{}@{}:{}/{}",
        connection.user,
        connection.password.expose_secret(),
        connection.host,
        connection.port,
        connection.database
    );
    DatabaseAddress::postgres(text.into()).unwrap()
}

fn texts(database: &mut Database, sql: &str) -> Vec<String> {
    let mut texts = Vec::new();
    database
        .each(sql, &mut |row| {
            texts.extend(row.text(0).map(str::to_owned));
            Ok(())
        })
        .unwrap();
    texts
}

/// A connection that may write, and a table of every type.
fn writer(address: &DatabaseAddress) -> postgres::Client {
    let config: postgres::Config = match address {
        DatabaseAddress::Postgres(text) => text.expose_secret().parse().unwrap(),
        DatabaseAddress::Sqlite(_) => unreachable!("an address of PostgreSQL"),
    };
    let mut writer = config.connect(postgres::NoTls).unwrap();
    writer
        .batch_execute(
            "CREATE TABLE t (a TEXT, b BYTEA, c BIGINT, d BOOLEAN, e SMALLINT, f JSONB, g INTEGER);
             INSERT INTO t VALUES (E'tab\\t back\\\\slash\\nü', '\\x00ff', -5, true, 1, '{\"k\": 1}', NULL),
                                  ('b', 'text', 9223372036854775807, false, 0, NULL, 7);
             CREATE TABLE floats (x DOUBLE PRECISION)",
        )
        .unwrap();
    writer
}

fn types_and_texts(database: &mut Database) {
    let mut rows = Vec::new();
    let count = database
        .each("SELECT a, b, c, d, e, f, g FROM t ORDER BY c", &mut |row| {
            rows.push(format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                row.text(0),
                row.bytes(1),
                row.int(2),
                row.flag(3),
                row.flag(4),
                row.text(5),
                row.column(6)
            ));
            Ok(())
        })
        .unwrap();
    assert_eq!(count, 2);
    insta::assert_snapshot!(rows.join("\n"), @r#"
    Some("tab\t back\\slash\nü") Some([0, 255]) Some(-5) Some(true) Some(true) Some("{\"k\": 1}") Null
    Some("b") Some([116, 101, 120, 116]) Some(9223372036854775807) Some(false) Some(false) None Int(7)
    "#);

    // Texts are quoted so that they come back, and sorted by their bytes.
    let odd = "it's \\ \"odd\" $1 ü";
    let sql = format!("SELECT {}", quote(odd));
    assert_eq!(texts(database, &sql), [odd]);
    let sql = format!(
        "SELECT x FROM (VALUES ('b'), ('B'), ('ä'), ('_')) v (x) ORDER BY {}",
        database.bytewise("x")
    );
    assert_eq!(texts(database, &sql), ["B", "_", "b", "ä"]);
}

/// What is written meanwhile is not seen, on a second connection neither.
fn one_snapshot(address: &DatabaseAddress, writer: &mut postgres::Client) {
    let mut database = Database::open(address).unwrap();
    writer
        .batch_execute("INSERT INTO t (a) VALUES ('late')")
        .unwrap();
    let mut second = database.second().unwrap().unwrap();
    for database in [&mut database, &mut second] {
        assert_eq!(texts(database, "SELECT a FROM t WHERE c IS NULL"), [""; 0]);
    }
    let mut third = Database::open(address).unwrap();
    assert_eq!(
        texts(&mut third, "SELECT a FROM t WHERE c IS NULL"),
        ["late"]
    );

    // The taker's error ends the reading, and the next query works.
    let stopped = database.each("SELECT generate_series(1, 100000)", &mut |_| {
        Err(ferryman::Error::Stopped)
    });
    assert!(matches!(stopped, Err(ferryman::Error::Stopped)));
    assert!(
        database
            .bytes()
            .unwrap()
            .is_some_and(|bytes| bytes > 1_000_000)
    );
    assert!(database.has_table("t").unwrap() && !database.has_table("users").unwrap());
    assert!(database.has_column("t", "a").unwrap() && !database.has_column("t", "z").unwrap());
    let mut null = Column::Int(0);
    database
        .each("SELECT NULL", &mut |row| {
            null = match row.column(0) {
                Column::Null => Column::Null,
                _ => Column::Flag(false),
            };
            Ok(())
        })
        .unwrap();
    assert_eq!(null, Column::Null);
}

fn refusals(connection: &Connection) {
    let address = address(connection);
    // A refused query breaks the transaction, so each has a connection of its own.
    let refused = |sql: &str| {
        let mut database = Database::open(&address).unwrap();
        let place = database.place().to_owned();
        let error = database.each(sql, &mut |_| Ok(())).unwrap_err();
        error.to_string().replace(&place, "PLACE")
    };
    let lines = [
        refused("INSERT INTO t (a) VALUES ('x') RETURNING a"),
        refused("SELECT a FROM absent"),
        refused("SELECT x FROM floats"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Synapse's database (PLACE): it answers: cannot execute INSERT in a read-only transaction
    Synapse's database (PLACE): it answers: relation "absent" does not exist: is this really Synapse's database?
    Synapse's database (PLACE): column x is of the type float8, which is not expected: is this really Synapse's database?
    "#);

    let wrong = |change: fn(&mut Connection)| {
        let mut connection = connection.clone();
        change(&mut connection);
        let error = Database::open(&self::address(&connection)).err().unwrap();
        assert_eq!(error.exit_code(), 11);
        error.to_string()
    };
    let lines = [
        wrong(|connection| connection.password = "s3cret".into()),
        wrong(|connection| "absent".clone_into(&mut connection.database)),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Synapse's database (PostgreSQL postgres at 127.0.0.1): it answers: password authentication failed for user "ferryman": check user and password
    Synapse's database (PostgreSQL absent at 127.0.0.1): it answers: database "absent" does not exist: check the database's name
    "#);
}

#[tokio::test]
async fn postgresql_is_read_in_one_snapshot() {
    if !postgres_or_skip("postgresql_is_read_in_one_snapshot") {
        return;
    }
    let server = Postgres::start().await.unwrap();
    let connection = server.connection("postgres");
    let address = address(&connection);
    let place = address.clone();
    let checks = tokio::task::spawn_blocking(move || {
        let mut writer = writer(&place);
        types_and_texts(&mut Database::open(&place).unwrap());
        one_snapshot(&place, &mut writer);
        refusals(&connection);
    });
    checks.await.unwrap();
    // An open database may be dropped where async tasks run.
    let database = tokio::task::spawn_blocking(move || Database::open(&address).unwrap());
    drop(database.await.unwrap());
}

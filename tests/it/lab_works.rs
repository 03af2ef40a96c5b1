//! The lab itself: a source that is filled, a stand-in and a Tuwunel that start.

// For the lints: helpers here are a test's, too.
#![cfg(test)]

use std::time::Instant;

use ferryman::lab::{
    Result,
    client::Client,
    fill::{Counts, Filled, ODD, count, fill_wholly, password, source_options},
    names::Names,
    registration::{Namespace, Registration},
    synapse::{Database, DatabasePlace, Synapse, SynapseOptions},
    target::{OPERATOR, OPERATOR_PASSWORD, Target},
    tuwunel::find_binary,
};
use serde_json::json;

use crate::lab_things;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::targets::postgres_or_skip;

/// Tells on standard error how long a step took.
struct Step(&'static str, Instant);

impl Step {
    fn new(name: &'static str) -> Self {
        Self(name, Instant::now())
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        eprintln!("{}: {:.1} s", self.0, self.1.elapsed().as_secs_f32());
    }
}

fn registrations(names: &Names) -> Vec<Registration> {
    let service = |id: &str, users: Vec<Namespace>| Registration {
        id: id.to_owned(),
        url: None,
        as_token: format!("{id}-as"),
        hs_token: format!("{id}-hs"),
        sender_localpart: id.to_owned(),
        users,
        aliases: vec![Namespace::shared(format!("#.*:{}", names.server_name))],
    };
    vec![
        service(
            "ferryman",
            vec![Namespace::exclusive(format!(
                "@ferryman:{}",
                names.server_name
            ))],
        ),
        service(
            "ferryman-puppets",
            vec![Namespace::shared(format!("@.*:{}", names.server_name))],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_is_filled() {
    let names = Names::fresh().unwrap();
    let mut source = {
        let _step = Step::new("source: installed and started");
        Synapse::start(source_options(names.server_name.clone()))
            .await
            .unwrap()
    };
    let filled = {
        let _step = Step::new("source: filled");
        Box::pin(fill_wholly(&source)).await.unwrap()
    };
    eprintln!("{:?}", filled.counts);
    counts_are_as_promised(&filled);
    {
        let _step = Step::new("source: everything in it looked at");
        lab_things::are_served(&source, &filled).await.unwrap();
    }
    rooms_are_as_promised(&filled).await.unwrap();

    let _step = Step::new("source: killed, started again, counted");
    source.server.kill();
    source.server.start().await.unwrap();
    assert_eq!(count(&source, filled.admin()).await.unwrap(), filled.counts);
}

fn counts_are_as_promised(filled: &Filled) {
    let Counts {
        users,
        deactivated,
        rooms,
        events,
        joined,
        aliases,
    } = filled.counts;
    assert_eq!((users, deactivated), (filled.users.len(), 2));
    assert!(users >= 22, "{users}");
    assert_eq!(rooms, filled.rooms.len());
    assert!(rooms >= 36, "{rooms}");
    assert!(events >= 1000, "{events}");
    assert!(joined >= 60, "{joined}");
    assert_eq!(aliases, 14);
}

async fn rooms_are_as_promised(filled: &Filled) -> Result<()> {
    let alice = filled.admin();
    let lobby = filled.room("lobby");
    assert_eq!(alice.resolve(&alias(alice, "entrance")).await?, lobby);
    let hall = filled.room("old_hall");
    let tombstone = alice.state_content(hall, "m.room.tombstone", "").await?;
    assert_eq!(tombstone["replacement_room"], filled.room("new_hall"));
    let membership = |room: &'static str, name: &'static str| async move {
        let room = filled.room(room);
        let answer = filled
            .user("alice")
            .get(&ferryman::lab::path::path(
                "/_synapse/admin/v1/rooms",
                &[room, "state"],
            ))
            .await?;
        let id = filled.user(name).user_id();
        let found = answer["state"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|event| event["type"] == "m.room.member" && event["state_key"] == id)
            .map(|event| event["content"]["membership"].to_string());
        Result::<_>::Ok(found.unwrap_or_default())
    };
    for (room, name, expected) in [
        ("gate", "mallory", "\"ban\""),
        ("gate", "ivan", "\"leave\""),
        ("revolving", "dave", "\"join\""),
        ("waiting", "heidi", "\"invite\""),
        ("orphan", "dave", "\"leave\""),
        ("orphan", "erin", "\"join\""),
        ("lobby", "mallory", "\"leave\""),
        ("knock", "ivan", "\"knock\""),
        ("back_room", "carol", "\"join\""),
    ] {
        assert_eq!(membership(room, name).await?, expected, "{name} in {room}");
    }
    let heidi = filled.user("heidi");
    let heidi = heidi.login("heidi", &password("heidi")).await?;
    assert!(heidi.joined_rooms().await?.contains(&lobby.to_owned()));
    Ok(())
}

fn alias(client: &Client, localpart: &str) -> String {
    let server = client
        .user_id()
        .split_once(':')
        .map_or("", |(_, server)| server);
    format!("#{localpart}:{server}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stand_in_starts() {
    let names = Names::fresh().unwrap();
    let _step = Step::new("stand-in: started, looked at");
    let target = Target::stand_in(&names, registrations(&names))
        .await
        .unwrap();
    target_works(&names, &target).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tuwunel_starts() {
    if find_binary().is_none() {
        eprintln!("SKIPPED: tuwunel_starts: no Tuwunel binary (set TUWUNEL_BIN)");
        return;
    }
    let names = Names::fresh().unwrap();
    let mut target = {
        let _step = Step::new("Tuwunel: started, operator registered");
        Target::tuwunel(&names, registrations(&names))
            .await
            .unwrap()
    };
    {
        let _step = Step::new("Tuwunel: looked at");
        target_works(&names, &target).await.unwrap();
    }
    let _step = Step::new("Tuwunel: killed and started again");
    target.server().kill();
    target.server().start().await.unwrap();
    target.operator.joined_rooms().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_on_postgresql_starts() {
    if !postgres_or_skip("a_source_on_postgresql_starts") {
        return;
    }
    let names = Names::fresh().unwrap();
    let mut source = {
        let _step = Step::new("source on PostgreSQL: installed and started");
        Synapse::start(SynapseOptions {
            database: Database::Postgres,
            ..SynapseOptions::source(names.server_name.clone())
        })
        .await
        .unwrap()
    };
    let _step = Step::new("source on PostgreSQL: registered, killed, started again, ended");
    let admin = source.register("alice", "old", true).await.unwrap();
    source.server.kill();
    source.server.start().await.unwrap();
    let users = source.users(&admin).await.unwrap();
    assert_eq!(users[0]["name"], source.user_id("alice"));
    assert!(!source.server.folder().join("homeserver.db").exists());

    let DatabasePlace::Postgres(connection) = source.database().clone() else {
        panic!("not on PostgreSQL: {:?}", source.database());
    };
    let text = std::fs::read_to_string(source.config_path()).unwrap();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["database"]["args"]["port"], connection.port);
    let address = ("127.0.0.1", connection.port);
    tokio::net::TcpStream::connect(address).await.unwrap();
    let postgres = source.postgres().unwrap().folder().to_owned();
    drop(source);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(!postgres.exists() || std::env::var_os("FERRYMAN_LAB_KEEP").is_some());
}

/// The operator can log in, both application services are known, the bot becomes an admin.
async fn target_works(names: &Names, target: &Target) -> Result<()> {
    eprintln!("{} at {}", target.describe().await?, target.url());
    target
        .anonymous()
        .login(OPERATOR, OPERATOR_PASSWORD)
        .await?;
    let user_id = |name: &str| format!("@{name}:{}", names.server_name);
    let service = |localpart: &str, id: &str| {
        let client = target
            .anonymous()
            .with_token(&user_id(localpart), &format!("{id}-as"));
        let body = json!({
            "type": "m.login.application_service",
            "username": localpart,
            "password": "never used",
            "inhibit_login": true,
        });
        async move {
            client.post("/_matrix/client/v3/register", &body).await?;
            Result::<_>::Ok(client)
        }
    };
    let bot = service("ferryman", "ferryman").await?;
    // What the fill has must be possible on the target.
    service(ODD, "ferryman-puppets").await?;
    let room = target.operator.create_room(&json!({})).await?;
    let alias = alias(&target.operator, "bäbel");
    target.operator.set_alias(&alias, &room).await?;
    assert_eq!(target.operator.resolve(&alias).await?, room);
    let whoami = bot.get("/_matrix/client/v3/account/whoami").await?;
    assert_eq!(whoami["user_id"], user_id("ferryman"));
    target.make_admin(&user_id("ferryman")).await?;
    the_resident_is_found(names, &bot).await;
    Ok(())
}

/// The target resolves the resident's name to 127.0.0.1 and speaks TLS to it.
async fn the_resident_is_found(names: &Names, bot: &Client) {
    let resident = TcpListener::bind(("127.0.0.1", names.resident_port))
        .await
        .unwrap();
    let room = format!("!nowhere:{}", names.server_name);
    let mut first = [0];
    tokio::select! {
        connection = resident.accept() => {
            connection.unwrap().0.read_exact(&mut first).await.unwrap();
        }
        answer = bot.join(&room, Some(names.resident.as_str())) => {
            panic!("nobody asked the resident: {answer:?}");
        }
    }
    // A TLS handshake's record.
    assert_eq!(first, [0x16]);
}

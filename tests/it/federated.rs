//! Rooms shared with another server, carried while that server, a real Synapse, looks on: all that can be carried
//! arrives, and it hears nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ferryman::{
    bundle::{Bundle, SourceKind},
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    engine::{Engine, ExportOptions},
    lab::{
        client::Client,
        fill::federated::{self, Neighbours},
        names::Names,
        synapse::{Synapse, SynapseOptions},
    },
    migration::{outcome::Verification, plan::Plan},
    report::page::page,
};
use serde_json::{Value, json};

use crate::{
    every_room::joins,
    journey::{assert_good, export, job},
    targets::tuwunel_or_skip,
};

/// How long the target may take to send what it has for other servers.
const SENT: Duration = Duration::from_secs(3);

/// Who joins, and where. All rooms that Rita or Rolf made begin with the first join of one of ours.
const JOINED: [(&str, &str, &str); 9] = [
    ("ours_10", "anna", "create"),
    ("ours_12", "anna", "create"),
    ("theirs_6", "anna", "oldest"),
    ("theirs_11", "anna", "oldest"),
    ("theirs_12", "anna", "oldest"),
    ("left", "anna", "oldest"),
    // Of those who were there before the fork, nobody is left.
    ("comeback", "dora", "after a join"),
    ("later", "anna", "after a join"),
    ("tips", "anna", "create"),
];
/// Of these, the create event is in the state alone.
const NAMELESS: [&str; 2] = ["ours_12", "banned_12"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_of_two_servers_arrive_and_the_other_hears_nothing() {
    if !tuwunel_or_skip("rooms shared with another server") {
        return;
    }
    let (names, other_names) = (Names::fresh().unwrap(), Names::fresh().unwrap());
    let (mut source, other) = tokio::join!(federating(&names), federating(&other_names));
    let town = Box::pin(federated::fill(&source, &other)).await.unwrap();
    let between = Between {
        names: &names,
        source: source.url(),
        admin_token: town.who("anna").token().unwrap().clone(),
    };
    let (installation, _target) = install(&between, &names, true).await.unwrap();
    let engine = engine(&installation, None);
    let bundle = export(&engine).await;
    let work = tempfile::tempdir().unwrap();
    let database = export_database(&installation, &source, work.path()).await;
    same_events(&bundle, &database, &town);

    // From now on, whatever reaches the other server under this name comes from the target.
    source.server.stop().await.unwrap();
    source.gate().unwrap().shut();
    let before = views(&town).await;
    let heard = requests(&other).len();

    let plan = engine.plan(None, None).await.unwrap();
    as_planned(&plan, &town, &other);
    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(imported.rooms_carried, plan.shared.rooms);
    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    complete_and_in_order(&verification, &town);

    tokio::time::sleep(SENT).await;
    assert_eq!(requests(&other)[heard..], [] as [String; 0]);
    for (key, view) in views(&town).await {
        assert_eq!(view, before[&key], "{key}");
    }
}

/// A Synapse that other servers reach.
async fn federating(names: &Names) -> Synapse {
    let options = SynapseOptions {
        federates: true,
        ..SynapseOptions::source(names.server_name.clone())
    };
    Synapse::start(options).await.unwrap()
}

fn engine(installation: &Installation, homeserver_yaml: Option<PathBuf>) -> Engine {
    let mut config = installation.config.clone();
    config.synapse.homeserver_yaml = homeserver_yaml;
    Engine::new(
        Arc::new(config),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    )
}

async fn export_database(installation: &Installation, source: &Synapse, dir: &Path) -> PathBuf {
    let options = ExportOptions {
        out: Some(dir.join("database")),
        source: Some(SourceKind::Database),
        ..ExportOptions::default()
    };
    let engine = engine(installation, Some(source.config_path()));
    let exported = engine.export(&job(), &options, Box::new(page)).await;
    exported.unwrap().bundle
}

/// Both readers see the same of each room, forks and what is missing before the first join included.
fn same_events(api: &Path, database: &Path, town: &Neighbours) {
    let work = tempfile::tempdir().unwrap();
    let [api, database] = [api, database].map(|path| Bundle::open(path, work.path()).unwrap());
    for (key, room) in &town.rooms {
        let room = room.as_str().try_into().unwrap();
        let lines = |bundle: &Bundle| -> Vec<Value> {
            let lines = bundle.events(room).unwrap();
            lines
                .map(|line| serde_json::to_value(line.unwrap()).unwrap())
                .collect()
        };
        assert_eq!(lines(&api), lines(&database), "{key}");
        let snapshots = |bundle: &Bundle| bundle.snapshots(room).unwrap();
        assert_eq!(snapshots(&api), snapshots(&database), "{key}");
    }
}

/// All rooms with one of ours in them are carried, and the other server is named as the one that must hear nothing.
fn as_planned(plan: &Plan, town: &Neighbours, other: &Synapse) {
    for (key, joiner, place) in JOINED {
        let (by, at) = joins(plan, town.room(key));
        assert_eq!((by, at), (town.who(joiner).user_id(), place), "{key}");
    }
    // Bert has left one, and Cora is only invited to the other.
    assert_eq!(plan.shared.rooms, town.rooms.len() as u64 - 2);
    assert_eq!(
        plan.shared.servers,
        BTreeSet::from([other.server_name().clone()])
    );
}

/// Each event stands in its place: also what was said by people who were thrown out before the others had heard it.
fn complete_and_in_order(verification: &Verification, town: &Neighbours) {
    for room in &verification.rooms {
        if room.skipped.is_some() {
            assert_eq!(room.room_id, town.room("gone"));
            continue;
        }
        let is_nameless = NAMELESS.iter().any(|key| room.room_id == town.room(key));
        assert_eq!(room.same_order, Some(true), "{room:?}");
        assert_eq!(room.members.equal, room.members.expected, "{room:?}");
        assert_eq!(room.state.equal, room.state.expected, "{room:?}");
        assert_eq!(
            room.timeline.expected - room.timeline.equal,
            u64::from(is_nameless),
            "{room:?}"
        );
        assert_eq!(
            room.timeline.known.len(),
            usize::from(is_nameless),
            "{room:?}"
        );
    }
}

/// Every room as Rita sees it, who is in all of them: its state with the members, and its timeline.
async fn views(town: &Neighbours) -> BTreeMap<String, Value> {
    let mut views = BTreeMap::new();
    for (key, room) in &town.rooms {
        views.insert(key.clone(), view(town.who("rita"), room).await);
    }
    views
}

async fn view(client: &Client, room: &str) -> Value {
    let mut state = client.state(room).await.unwrap();
    state.sort_by_key(|event| event["event_id"].to_string());
    let timeline = client.messages(room).await.unwrap();
    assert!(!state.is_empty() && !timeline.is_empty());
    let lasting = |event: &Value| {
        json!([
            event["event_id"],
            event["type"],
            event["state_key"],
            event["sender"],
            event["content"]
        ])
    };
    json!({
        "state": state.iter().map(lasting).collect::<Vec<_>>(),
        "timeline": timeline.iter().map(lasting).collect::<Vec<_>>(),
    })
}

/// What other servers have asked of it, as its log has it.
fn requests(other: &Synapse) -> Vec<String> {
    let log = fs::read(other.server.log()).unwrap();
    let log = String::from_utf8_lossy(&log);
    log.lines()
        .filter(|line| line.contains("Processed request:"))
        .filter(|line| line.contains("/_matrix/federation/") || line.contains("/_matrix/key/"))
        .map(str::to_owned)
        .collect()
}

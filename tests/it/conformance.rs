//! Somebody else's judgement: a Synapse with a name of its own joins the old server's rooms through the resident. It
//! checks every signature, every hash and every auth rule itself, in each room version that it knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ferryman::{
    bundle::Bundle,
    clock::SystemClock,
    demo::installation::{Between, Installation},
    engine::{Engine, ExportOptions, Joiner, Residence},
    lab::{
        LabError,
        client::{Client, v3},
        fill::{fill_wholly, source_options},
        names::Names,
        path::{encode, path},
        synapse::{DatabasePlace, Synapse, SynapseOptions},
    },
    migration::{plan::JoinPoint, unpack},
    report::page::page,
    resident::{OpenRoom, RoomGuard},
};
use reqwest::{Method, StatusCode};
use ruma::{
    OwnedServerName, UserId,
    api::federation::authentication::{ServerSignaturesInput, XMatrix},
    serde::{Base64, base64::Standard},
    signatures::Ed25519KeyPair,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::journey::job;

/// What a Synapse says of an event that it doesn't believe comes from here.
const JUDGES: [&str; 6] = [
    "synapse.crypto.",
    "synapse.event_auth",
    "synapse.federation.federation_base",
    "synapse.federation.federation_client",
    "synapse.handlers.federation",
    "synapse.state",
];

/// The room versions that Synapse knows.
const VERSIONS: [&str; 12] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_synapse_believes_every_room_version() {
    let names = Names::fresh().unwrap();
    let other = || Synapse::start(trusting(&names));
    let (source, joiner, stranger) = tokio::try_join!(
        Synapse::start(source_options(names.server_name.clone())),
        other(),
        other(),
    )
    .unwrap();
    let filled = Box::pin(fill_wholly(&source)).await.unwrap();
    let admin = filled.admin();
    let visitor = joiner
        .register("visitor", "a visitor's", false)
        .await
        .unwrap();

    let installation = installation(&names, &source, admin, &joiner);
    let engine = Engine::new(
        Arc::new(installation.config.clone()),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    );
    let work = tempfile::tempdir().unwrap();
    let bundle = Bundle::open(&export(&engine).await, work.path()).unwrap();
    let residence = engine
        .reside(
            &bundle,
            Joiner {
                name: joiner.server_name().clone(),
                url: joiner.url().to_owned(),
                keys: BTreeMap::new(),
                wants_signed_keys: true,
            },
        )
        .await
        .unwrap();
    let (rooms, served) = serve_public_rooms(&residence, &bundle, &visitor);
    let versions: BTreeSet<_> = rooms.iter().map(|room| room.version.as_str()).collect();
    assert_eq!(versions, BTreeSet::from(VERSIONS));

    nobody_else_learns_anything(&names, &stranger, &rooms[0]).await;
    let mut per_version: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for room in &rooms {
        let started = Instant::now();
        is_believed(&names, &Source(admin), &joiner, &visitor, room).await;
        per_version
            .entry(room.version.as_str())
            .or_default()
            .push(started.elapsed());
    }
    eprintln!("joined and compared, by room version: {per_version:.1?}");
    assert_eq!(residence.resident.send_joins(), rooms.len() as u64);
    nothing_was_doubted(&joiner);

    drop((residence, served));
    closes(names.resident_port).await;
}

/// A Synapse with a fresh name that asks the resident for keys.
fn trusting(names: &Names) -> SynapseOptions {
    SynapseOptions {
        trusted_server: Some(names.resident.clone()),
        ..SynapseOptions::source(Names::fresh().unwrap().server_name)
    }
}

fn installation(names: &Names, source: &Synapse, admin: &Client, joiner: &Synapse) -> Installation {
    let mut installation = Installation::make(&Between {
        names,
        source: source.url(),
        admin_token: admin.token().unwrap().clone(),
    })
    .unwrap();
    installation.enter(joiner.url()).unwrap();
    installation
}

/// Exports the source and gives the bundle. The fill's odd numbers are told, and nothing else.
async fn export(engine: &Engine) -> PathBuf {
    let summary = engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();
    let mut problems = summary.problems.iter();
    assert!(
        problems.all(|problem| problem.step == "event content"),
        "{:?}",
        summary.problems
    );
    summary.bundle
}

/// Serves the public rooms that still have members, for one visitor at their current state. Not for strangers are rooms
/// that no other server may be in, and restricted ones: the old server would have to sign the join of one, and nobody
/// has its key here.
fn serve_public_rooms(
    residence: &Residence,
    bundle: &Bundle,
    visitor: &Client,
) -> (Vec<Arc<OpenRoom>>, Vec<RoomGuard>) {
    let visitor = <&UserId>::try_from(visitor.user_id()).unwrap();
    let rooms = bundle.rooms().unwrap().into_iter();
    rooms
        .filter(|room| room.join_rules.as_deref() == Some("public"))
        .filter(|room| room.joined_members > 0 && room.federatable != Some(false))
        .map(|room| {
            let (room, unreadable) =
                unpack::room(bundle, &room, visitor, &JoinPoint::Current).unwrap();
            assert!(unreadable.is_empty(), "{unreadable:?}");
            let room = Arc::new(room);
            (Arc::clone(&room), residence.resident.open(room))
        })
        .unzip()
}

/// The visitor joins, and has the state of the source but for the own membership.
async fn is_believed(
    names: &Names,
    source: &Source<'_>,
    joiner: &Synapse,
    visitor: &Client,
    room: &OpenRoom,
) {
    let (id, version) = (room.room_id.as_str(), &room.version);
    let answer = visitor.join(id, Some(names.resident.as_str())).await;
    assert!(answer.is_ok(), "version {version}: {answer:?}");

    let of_source = source.state(id).await;
    let mut found = state(&visitor.state(id).await.unwrap());
    let own = ("m.room.member".to_owned(), visitor.user_id().to_owned());
    let (join, content) = found.remove(&own).unwrap();
    assert_eq!(content["membership"], "join");
    assert_eq!(found, of_source, "version {version}");

    let answer = visitor.get(&v3(&["rooms", id, "joined_members"])).await;
    let answer = answer.unwrap();
    let members: BTreeSet<&str> = keys(&answer["joined"]);
    let mut expected = source.joined(id).await;
    expected.insert(visitor.user_id().to_owned());
    assert!(
        members.iter().eq(&expected),
        "version {version}: {members:?}, not {expected:?}"
    );

    is_kept_whole(joiner, room, &join);
}

/// The joiner's database has every event that it was given, and the join as the only one with a place in the timeline.
fn is_kept_whole(joiner: &Synapse, room: &OpenRoom, join: &str) {
    let state = || room.current_state.values();
    let mut given = room.auth_chain(state());
    given.extend(state().cloned());
    let mut given: BTreeMap<String, bool> =
        given.into_iter().map(|id| (id.to_string(), true)).collect();
    given.insert(join.to_owned(), false);
    let database = database(joiner);
    let mut query = database
        .prepare("SELECT event_id, outlier FROM events WHERE room_id = ?")
        .unwrap();
    let kept: BTreeMap<String, bool> = query
        .query_map([room.room_id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(kept, given, "version {}", room.version);
}

/// Nothing was rejected, soft-failed or left out, and no line of the log says that a check failed.
fn nothing_was_doubted(joiner: &Synapse) {
    let database = database(joiner);
    for (what, table) in [
        ("rejections", "rejections"),
        (
            "rejected events",
            "events WHERE rejection_reason IS NOT NULL",
        ),
        ("failed pulls", "event_failed_pull_attempts"),
        ("rooms without their whole state", "partial_state_rooms"),
        (
            "soft-failed events",
            "event_json WHERE internal_metadata LIKE '%soft_failed%'",
        ),
    ] {
        let count: u64 = database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0, "{what}");
    }
    let log = std::fs::read_to_string(joiner.server.log()).unwrap();
    assert!(
        log.contains("Processing from send_join"),
        "it logs what it takes"
    );
    let doubts: Vec<_> = log.lines().filter(|line| is_doubt(line)).collect();
    assert!(doubts.is_empty(), "{}", doubts.join("\n"));
}

/// `<date> <time> <level> <logger> …`
fn is_doubt(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').take(4).collect();
    let [_, _, level, logger] = words[..] else {
        return false;
    };
    ["WARNING", "ERROR", "CRITICAL"].contains(&level)
        && JUDGES.iter().any(|judge| logger.starts_with(judge))
}

fn database(synapse: &Synapse) -> Connection {
    let DatabasePlace::Sqlite(path) = synapse.database() else {
        panic!("not on SQLite: {:?}", synapse.database());
    };
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The source as its admin sees it.
struct Source<'a>(&'a Client);

impl Source<'_> {
    async fn state(&self, room: &str) -> State {
        let path = path("/_synapse/admin/v1/rooms", &[room, "state"]);
        state(
            self.0.get(&path).await.unwrap()["state"]
                .as_array()
                .unwrap(),
        )
    }

    async fn joined(&self, room: &str) -> BTreeSet<String> {
        let path = path("/_synapse/admin/v1/rooms", &[room, "members"]);
        let answer = self.0.get(&path).await.unwrap();
        serde_json::from_value(answer["members"].clone()).unwrap()
    }
}

/// Event ID and content by type and state key. Content that isn't what its hash says would have been emptied.
type State = BTreeMap<(String, String), (String, Value)>;

fn state(events: &[Value]) -> State {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    events
        .iter()
        .map(|event| {
            let pair = (text(event, "type"), text(event, "state_key"));
            (pair, (text(event, "event_id"), event["content"].clone()))
        })
        .collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// A server that is not the joiner can't join, and reads nothing but keys and version, signed or not.
async fn nobody_else_learns_anything(names: &Names, stranger: &Synapse, room: &OpenRoom) {
    let user = stranger
        .register("stranger", "a stranger's", false)
        .await
        .unwrap();
    let refused = user
        .join(room.room_id.as_str(), Some(names.resident.as_str()))
        .await;
    let Err(LabError::Answer {
        status: 403, body, ..
    }) = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(body["errcode"], "M_FORBIDDEN");

    let resident = Asked::new(names, stranger);
    let (room_id, event_id) = (
        room.room_id.as_str(),
        room.timeline().next().unwrap().as_str(),
    );
    let v1 = |segments: &[&str]| path("/_matrix/federation/v1", segments);
    let at = format!("?event_id={}", encode(event_id));
    for path in [
        v1(&["make_join", room_id, user.user_id()]),
        // Not even as the user who may.
        v1(&["make_join", room_id, room.joiner.as_str()]),
        v1(&["event", event_id]),
        v1(&["event_auth", room_id, event_id]),
        format!("{}{at}", v1(&["state", room_id])),
        format!("{}{at}", v1(&["state_ids", room_id])),
    ] {
        for signed in [true, false] {
            resident.refuses(Method::GET, &path, signed).await;
        }
    }
    let send_join = path("/_matrix/federation/v2/send_join", &[room_id, "$join"]);
    for signed in [true, false] {
        resident.refuses(Method::PUT, &send_join, signed).await;
    }
    for path in ["/_matrix/key/v2/server", "/_matrix/federation/v1/version"] {
        let (status, body) = resident.ask(Method::GET, path, false).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
    }
}

/// The resident as another server asks it, over its own port and with its own key.
struct Asked {
    http: reqwest::Client,
    name: OwnedServerName,
    by: OwnedServerName,
    key: Ed25519KeyPair,
}

impl Asked {
    fn new(names: &Names, by: &Synapse) -> Self {
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                // The resident's certificate is its own.
                .danger_accept_invalid_certs(true)
                .build()
                .unwrap(),
            name: names.resident.clone(),
            by: by.server_name().clone(),
            key: signing_key(&by.server.folder().join("signing.key")),
        }
    }

    async fn refuses(&self, method: Method, path: &str, signed: bool) {
        let (status, body) = self.ask(method, path, signed).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {body}");
        assert_eq!(keys(&body), BTreeSet::from(["errcode", "error"]), "{path}");
        assert_eq!(body["errcode"], "M_FORBIDDEN", "{path}");
    }

    async fn ask(&self, method: Method, path: &str, signed: bool) -> (StatusCode, Value) {
        let body = if method == Method::PUT { "{}" } else { "" };
        let request = http_request(&method, path, body);
        let url = format!("https://{}{path}", self.name);
        let mut asked = self.http.request(method, url).body(body);
        if !body.is_empty() {
            asked = asked.header("content-type", "application/json");
        }
        if signed {
            let input = ServerSignaturesInput::new(self.by.clone(), self.name.clone(), &self.key);
            let header = XMatrix::try_from_http_request(&request, input).unwrap();
            asked = asked.header("authorization", header.to_string());
        }
        let answer = asked.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }
}

fn http_request(method: &Method, path: &str, body: &str) -> axum::http::Request<String> {
    let request = axum::http::Request::builder().method(method).uri(path);
    request.body(body.to_owned()).unwrap()
}

/// Synapse's `signing.key`: algorithm, version, the seed in unpadded base64.
fn signing_key(file: &Path) -> Ed25519KeyPair {
    // The PKCS#8 document of an Ed25519 seed begins like this (RFC 8410, section 7).
    const PKCS8: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let text = std::fs::read_to_string(file).unwrap();
    let [_, version, seed] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("no signing key");
    };
    let seed = Base64::<Standard>::parse(seed).unwrap();
    let document = [&PKCS8, seed.as_bytes()].concat();
    Ed25519KeyPair::from_der(&document, version.to_owned()).unwrap()
}

/// Nobody listens on a port any more, or soon.
pub(crate) async fn closes(port: u16) {
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("port {port} is still open");
}

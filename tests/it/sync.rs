//! Catching up: what people did on the old server after the export comes over, without what had come before.

mod follow;

use ferryman::{
    bundle::SourceKind,
    demo::stage::Stage,
    engine::{Engine, ExportOptions, Synced},
    lab::{
        client::{Client, v3},
        fill::{PIXEL, password},
    },
    report::{self, page::page},
};
use serde_json::{Value, json};

use crate::{
    counter::Counter,
    installed::ended,
    journey::{assert_good, job},
    targets::{Target, each_target},
};

const MOMENT: std::time::Duration = std::time::Duration::from_millis(100);

pub(crate) async fn synced(engine: &Engine) -> Synced {
    let synced = engine.sync(&job(), false, Box::new(page)).await.unwrap();
    assert!(synced.is_good(), "{}", report::sync::full(&synced));
    synced
}

/// What people do while the target is being filled: nothing of it is in the first bundle.
struct Since {
    /// A room that was not there, and what was said in it.
    room: String,
    said: String,
}

async fn live_on(stage: &Stage, with_history: bool) -> Since {
    let filled = &stage.filled;
    let [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(|name| filled.user(name));
    let newcomer = stage
        .source
        .create_user(filled.admin(), "newcomer", &password("newcomer"))
        .await
        .unwrap();
    let room = newcomer
        .create_room(&json!({ "preset": "public_chat", "room_version": "11", "name": "Since" }))
        .await
        .unwrap();
    alice.join(&room, None).await.unwrap();
    let said = alice.say(&room, "So it goes on.").await.unwrap();
    newcomer.set_displayname("Newcomer").await.unwrap();
    let server = &stage.names.server_name;
    let alias = |name: &str| format!("#{name}:{server}");
    alice.set_alias(&alias("since"), &room).await.unwrap();

    // A target without history takes a room as it is once.
    if with_history {
        let (lobby, harbour) = (filled.room("lobby"), filled.room("harbour"));
        newcomer.join(lobby, None).await.unwrap();
        let topic = json!({ "topic": "We are moving" });
        alice
            .set_state(lobby, "m.room.topic", "", &topic)
            .await
            .unwrap();
        let wrong = bob.say(lobby, "Is this still the old one?").await.unwrap();
        bob.redact(lobby, &wrong, "it is").await.unwrap();
        dave.set_displayname("Dave II").await.unwrap();
        renamed(dave, "Dave II").await;
        dave.leave(lobby).await.unwrap();
        alice
            .ban(lobby, filled.user("frank").user_id())
            .await
            .unwrap();
        for number in 0..60 {
            carol.say(harbour, &format!("Line {number}")).await.unwrap();
        }
        let last = bob.say(harbour, "Read so far").await.unwrap();
        let path = v3(&["rooms", harbour, "receipt", "m.read", &last]);
        carol.post(&path, &json!({})).await.unwrap();
        let hidden = json!({ "visibility": "private" });
        let listing = v3(&["directory", "list", "room", lobby]);
        alice.put(&listing, &hidden).await.unwrap();
        let entrance = v3(&["directory", "room", &alias("entrance")]);
        let method = reqwest::Method::DELETE;
        alice.request(method, &entrance, None).await.unwrap();
        bob.set_displayname("Bob II").await.unwrap();
        renamed(bob, "Bob II").await;
        let judy = filled.user("judy").user_id();
        let path = format!("/_synapse/admin/v1/deactivate/{judy}");
        let erased = json!({ "erase": false });
        filled.admin().post(&path, &erased).await.unwrap();
        left(stage, judy).await;
    }
    bob.set_account_data("org.example.since", &json!({ "is": "new" }))
        .await
        .unwrap();
    tags(stage).await;
    dave.upload(Some("since.png"), "image/png", PIXEL)
        .await
        .unwrap();
    Since { room, said }
}

/// Synapse tells one room after the other of a new name.
async fn renamed(client: &Client, name: &str) {
    for room in client.joined_rooms().await.unwrap() {
        loop {
            let member = client
                .state_content(&room, "m.room.member", client.user_id())
                .await;
            if member.unwrap()["displayname"] == name {
                break;
            }
            tokio::time::sleep(MOMENT).await;
        }
    }
}

/// Synapse lets whoever is deactivated leave one room after the other.
async fn left(stage: &Stage, user: &str) {
    let path = format!("/_synapse/admin/v1/users/{user}/joined_rooms");
    loop {
        let rooms = stage.filled.admin().get(&path).await.unwrap();
        if rooms["total"] == 0 {
            break;
        }
        tokio::time::sleep(MOMENT).await;
    }
}

/// Bob takes a tag off and puts another on.
async fn tags(stage: &Stage) {
    let (bob, lobby) = (stage.filled.user("bob"), stage.filled.room("lobby"));
    let path = |tag: &str| v3(&["user", bob.user_id(), "rooms", lobby, "tags", tag]);
    let method = reqwest::Method::DELETE;
    bob.request(method, &path("u.work"), None).await.unwrap();
    bob.put(&path("u.since"), &json!({ "order": 0.5 }))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_comes_over_and_nothing_else_is_touched() {
    Box::pin(each_target("sync", async |target| {
        let is_tuwunel = target == Target::Tuwunel;
        let mut stage = Stage::set(is_tuwunel).await.unwrap();
        let counter = Counter::before(&stage.installation.config.target.url).await;
        let mut engine = stage.engine();
        let mut config = stage.installation.config.clone();
        config.synapse.homeserver_yaml = Some(stage.source.config_path());
        config.target.url.clone_from(&counter.url);
        engine.config = config.into();
        let error = engine
            .sync(&job(), false, Box::new(page))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("run `import` first"), "{error}");
        let options = ExportOptions {
            source: Some(SourceKind::Database),
            ..ExportOptions::default()
        };
        let exported = engine
            .export(&job(), &options, Box::new(page))
            .await
            .unwrap();
        assert_eq!(exported.problems, []);
        let imported = engine.import(&job(), None, None).await.unwrap();
        assert_eq!(imported.problems, []);

        let since = live_on(&stage, is_tuwunel).await;
        counter.refuse(&[]);
        let first = synced(&engine).await;
        println!("{}", report::sync::full(&first));
        let changes = counter.changes();
        let joins: Vec<_> = changes.iter().filter(|it| it.contains("/join/")).collect();
        assert_eq!(joins.len(), 1, "{joins:?}");
        assert_eq!(first.caught_up.changes.new_users.len(), 1);
        assert_eq!(first.caught_up.changes.new_rooms.len(), 1);
        if is_tuwunel {
            assert_eq!(first.caught_up.changes.media, 1);
            assert!(
                first.caught_up.changes.events > 65,
                "{}",
                first.caught_up.changes.events
            );
            let replayed = first.caught_up.import.events_replayed - imported.events_replayed;
            assert_eq!(
                replayed, first.caught_up.changes.events,
                "nothing is sent twice"
            );
            assert_eq!(first.caught_up.changes.gone.aliases.len(), 1);
            assert_eq!(first.caught_up.changes.gone.listed.len(), 1);
            assert_eq!(first.caught_up.changes.gone.closed.len(), 1);
        }
        assert_good(&engine.verify(&job(), None).await.unwrap());
        // Synapse gives nobody whom an application service has registered a password to log in with.
        if is_tuwunel {
            arrived(&stage, &since).await;
        }

        // Once more, and nothing is asked for.
        counter.refuse(&[]);
        let second = synced(&engine).await;
        assert!(
            second.caught_up.changes.is_empty(),
            "{:#?}",
            second.caught_up.changes
        );
        assert_eq!(counter.changes(), Vec::<String>::new());
        assert_good(&engine.verify(&job(), None).await.unwrap());
        in_the_shell(&stage).await;
        if is_tuwunel {
            Box::pin(follow::events_come_over_as_they_are_said(
                &stage, &engine, &counter,
            ))
            .await;
            Box::pin(follow::a_target_that_is_restarted_is_waited_for(
                &mut stage, &engine,
            ))
            .await;
        } else {
            Box::pin(follow::without_history_there_are_only_whole_syncs(&engine)).await;
        }
    }))
    .await;
}

/// One more line on Synapse, and the command as cron would run it.
async fn in_the_shell(stage: &Stage) {
    let lobby = stage.filled.room("lobby");
    stage
        .filled
        .user("erin")
        .say(lobby, "One more")
        .await
        .unwrap();
    let yaml = stage.source.config_path().display().to_string();
    let change = ("FERRYMAN_SYNAPSE_HOMESERVER_YAML", yaml.as_str());
    let output = ended(stage, &["sync"], Some(change));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Carried what has changed on Synapse: 1 event since"),
        "{text}{:?}",
        output.stderr
    );
    assert!(text.contains("rooms: 1 went on"), "{text}");
}

/// As the people of the target see it.
async fn arrived(stage: &Stage, since: &Since) {
    let passwords = stage.installation.config.data_dir.join("passwords");
    let mut files: Vec<_> = std::fs::read_dir(&passwords)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let newest = std::fs::read_to_string(files.last().unwrap()).unwrap();
    let client = async |name: &str| {
        let id = format!("@{name}:{},", stage.names.server_name);
        let line = newest.lines().find(|line| line.starts_with(&id)).unwrap();
        let password = line.strip_prefix(&id).unwrap();
        let anonymous = stage.target.anonymous();
        anonymous.login(name, password).await.unwrap()
    };
    let newcomer = client("newcomer").await;
    let rooms = newcomer.joined_rooms().await.unwrap();
    assert!(rooms.contains(&since.room));
    let bob = client("bob").await;
    let profile = bob.profile(bob.user_id()).await.unwrap();
    assert_eq!(profile["displayname"], "Bob II");
    let lobby = stage.filled.room("lobby");
    let tags = bob
        .get(&v3(&["user", bob.user_id(), "rooms", lobby, "tags"]))
        .await
        .unwrap();
    let names: Vec<_> = tags["tags"].as_object().unwrap().keys().collect();
    assert!(names.iter().any(|it| *it == "u.since"), "{names:?}");
    assert!(names.iter().all(|it| *it != "u.work"), "{names:?}");
    let said: Vec<_> = newcomer
        .messages(&since.room)
        .await
        .unwrap()
        .iter()
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect();
    assert!(said.contains(&since.said), "{said:?}");
    let lobby_members = newcomer.members(lobby).await.unwrap();
    let of = |name: &str| {
        let id = format!("@{name}:{}", stage.names.server_name);
        let member = lobby_members.iter().find(|it| it["state_key"] == *id);
        member.map_or(Value::Null, |it| it["content"]["membership"].clone())
    };
    assert_eq!(
        ["newcomer", "dave", "frank"].map(of),
        ["join", "leave", "ban"]
    );
}

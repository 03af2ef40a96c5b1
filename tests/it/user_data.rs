//! What belongs to each user alone, read as that user on both servers.

mod more;
mod newcomers;
mod seen;

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use ferryman::{
    bundle::SourceKind,
    demo::{ordinary, stage::Stage},
    engine::{Asked, Engine, ExportOptions},
    http::encode,
    lab::{
        admin_room::AdminRoom,
        client::Client,
        fill::{GUEST, ODD},
    },
    migration::outcome::ImportSummary,
    model::wanted::{Media, Wanted},
    report::page::page,
    secret::ExposeSecret,
};

use rusqlite::Connection;

use crate::{
    counter::Counter,
    journey::{assert_good, job},
    targets::{Target, each_target},
};
use seen::Seen;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_finds_their_settings() {
    Box::pin(each_target("user_data", async |target| {
        let mut stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        more::keep(&stage).await;
        newcomers::settle(&mut stage).await;
        let mut engine = stage.engine();
        // Both readers have everything.
        let source = match target {
            Target::StandIn => SourceKind::AdminApi,
            Target::Tuwunel => SourceKind::Database,
        };
        let mut config = stage.installation.config.clone();
        config.synapse.homeserver_yaml = Some(stage.source.config_path());
        engine.config = config.into();
        let options = ExportOptions {
            source: Some(source),
            wanted: Wanted {
                act_as_users: true,
                media: Media::All,
                ..Wanted::default()
            },
            ..ExportOptions::default()
        };
        let summary = engine
            .export(&job(), &options, Box::new(page))
            .await
            .unwrap();
        assert_eq!(summary.problems, []);
        let asked = Asked {
            admins: target == Target::Tuwunel,
            ..Asked::default()
        };
        let imported = engine.import_as(&job(), None, asked.clone()).await.unwrap();
        assert_eq!(imported.problems, []);
        let things = &stage.filled.things;
        assert_eq!(
            imported.rooms_listed,
            things.directory.published.len() as u64
        );
        let verification = engine.verify(&job(), None).await.unwrap();
        assert_good(&verification);
        let parts = verification.user_data.parts();
        let counts = parts.map(|(_, part)| (part.equal, part.known.len()));
        match target {
            // No event is there that anybody has read.
            Target::StandIn => {
                assert_eq!(counts, [(23, 0), (103, 0), (101, 0), (0, 33)], "{parts:#?}");
            }
            Target::Tuwunel => {
                assert_eq!(counts, [(22, 1), (103, 0), (101, 0), (32, 1)], "{parts:#?}");
            }
        }
        let root = &things.events["thread root"].event_id;
        let (before, mut after) = everybody(&stage, target).await;
        assert!(before.len() >= 20, "{:?}", before.keys());
        if target == Target::Tuwunel {
            admins_are_admins(&stage, &mut after).await;
        }
        for (user, before) in before {
            let after = after.remove(&user).unwrap();
            let (expected, after) = match target {
                Target::Tuwunel => {
                    let lost = if user.starts_with("@dave:") {
                        root
                    } else {
                        "nothing"
                    };
                    (before.on_tuwunel(lost), after.without_rules_of_servers())
                }
                Target::StandIn => (before.on_a_stand_in(), after),
            };
            assert_eq!(expected.differences(&after), Vec::<String>::new(), "{user}");
        }

        again_changes_nothing(&engine, asked, &imported).await;
        let after = engine.verify(&job(), None).await.unwrap();
        assert_eq!(after.user_data, verification.user_data);
        assert_eq!(after.listings, verification.listings);
        single_sign_on(&stage, &engine).await;
        if target == Target::Tuwunel {
            with_the_old_key(&stage, engine).await;
        }
    }))
    .await;
}

/// Who was an admin is one, and nobody else. From then on the admins' room is left out.
async fn admins_are_admins(stage: &Stage, after: &mut BTreeMap<String, Seen>) {
    let server_name = stage.names.server_name.as_str();
    let room = AdminRoom::find(&stage.target.operator, server_name).await;
    let room = room.unwrap();
    let accounts = &stage.filled.things.accounts;
    for (user, seen) in after {
        assert_eq!(seen.leave_out(room.id()), accounts[user].admin, "{user}");
    }
}

/// A second import only looks, whatever it looks at.
async fn again_changes_nothing(engine: &Engine, asked: Asked, before: &ImportSummary) {
    let counter = Counter::before(&engine.config.target.url).await;
    let mut engine = engine.clone();
    let mut config = (*engine.config).clone();
    config.target.url.clone_from(&counter.url);
    engine.config = config.into();
    let again = engine.import_as(&job(), None, asked).await.unwrap();
    assert_eq!(counter.changes(), Vec::<String>::new());
    assert!(counter.reads() > 0);
    let before = ImportSummary {
        elapsed_ms: again.elapsed_ms,
        remote_joins: 0,
        ..before.clone()
    };
    assert_eq!(again, before);
}

/// Whoever has a provider's ID on Synapse has a command; Tuwunel's configuration can be read with them in it.
async fn single_sign_on(stage: &Stage, engine: &Engine) {
    let pairs = ["oidc-lab=lab-client", "saml=saml"].map(|pair| pair.parse().unwrap());
    let (all, file) = engine
        .sign_on(None, pairs.into(), "sub".to_owned())
        .await
        .unwrap();
    let file = file.unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let settings: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
    let commands = settings["admin_execute"].as_array().unwrap();
    let (bob, odd) = (stage.filled.user("bob"), stage.filled.user(ODD));
    let wanted = [
        ("lab-client", bob.user_id(), "bob|1234"),
        ("saml", bob.user_id(), "Bob/Ünï"),
        ("lab-client", odd.user_id(), "odd"),
    ];
    let wanted = wanted.map(|(provider, user, id)| {
        format!("query oauth associate {provider} {user} --claim sub={id}").into()
    });
    assert_eq!(*commands, wanted);
    assert_eq!(all.left, []);
    let unknown = vec!["oidc-other=x".parse().unwrap()];
    let error = engine.sign_on(None, unknown, "sub".to_owned()).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "nobody in the bundle logs in through oidc-other: `sign-on` without a provider lists the names that Synapse has"
    );
}

/// Lent the old server's key, an import gives public receipts their own time and thread.
async fn with_the_old_key(stage: &Stage, mut engine: Engine) {
    let forgotten = forget(stage);
    let mut config = (*engine.config).clone();
    let folder = stage.source.config_path();
    let key = folder.parent().unwrap().join("signing.key");
    config.synapse.signing_key_for_receipts = Some(key);
    engine.config = config.into();
    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(imported.user_data, forgotten as u64);
    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    assert_eq!(verification.user_data.receipts_timed, 3 + 8);
    let root = &stage.filled.things.events["thread root"].event_id;
    let (before, after) = everybody(stage, Target::Tuwunel).await;
    for name in ["carol", "dave", "erin"]
        .into_iter()
        .chain(newcomers::NAMES)
    {
        let user = stage.filled.user(name).user_id();
        let mut expected = before[user].public_receipts();
        expected.retain(|[_, thread, _], _| name != "dave" || thread != root);
        assert_eq!(expected.len(), 1);
        assert_eq!(after[user].public_receipts(), expected, "{user}");
    }
}

/// Lets the ledger forget that what users have read is set; gives the number of its entries.
fn forget(stage: &Stage) -> usize {
    let path = stage.installation.config.data_dir.join("ledger");
    let ledger = Connection::open(path.join("ledger.sqlite")).unwrap();
    let forget = "delete from step where step = 'receipts'";
    ledger.execute(forget, []).unwrap()
}

/// What each user who could log in sees, on the source and on the target.
async fn everybody(
    stage: &Stage,
    target: Target,
) -> (BTreeMap<String, Seen>, BTreeMap<String, Seen>) {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let people = stage.filled.users.values();
    let people: Vec<_> = people.map(|user| user.client.user_id()).collect();
    for (name, user) in &stage.filled.users {
        let account = &stage.filled.things.accounts[user.client.user_id()];
        // The operator is somebody else on the target, and guests stay behind.
        if account.is_shut_out() || ["operator", GUEST].contains(name) {
            continue;
        }
        let id = user.client.user_id().to_owned();
        let mut seen_before = Seen::by(&user.client, "", &people).await;
        let seen = match target {
            Target::Tuwunel => {
                // Nobody is given a password of the bridge's.
                let client = if account.appservice_id.is_some() {
                    session(stage, &id).await
                } else {
                    ordinary::log_in(stage, name).await.unwrap()
                };
                let mut seen = Seen::by(&client, "", &people).await;
                let files = files(stage, &id);
                seen_before.read(&user.client, &files).await;
                seen.read(&client, &files).await;
                seen
            }
            Target::StandIn => {
                let (puppet, query) = puppet(stage, &id);
                Seen::by(&puppet, &query, &people).await
            }
        };
        before.insert(id.clone(), seen_before);
        after.insert(id, seen);
    }
    (before, after)
}

/// The addresses of what somebody has uploaded.
fn files<'a>(stage: &'a Stage, user: &str) -> Vec<&'a str> {
    let media = stage.filled.things.media.iter();
    media
        .filter(|(_, medium)| {
            medium.user_id == user && medium.content.is_some() && !medium.quarantined
        })
        .map(|(uri, _)| uri.as_str())
        .collect()
}

/// A session that the application service has opened for somebody.
async fn session(stage: &Stage, user: &str) -> Client {
    let (puppet, _) = puppet(stage, user);
    let login = json!({
        "type": "m.login.application_service", "identifier": { "type": "m.id.user", "user": user },
    });
    let answer = puppet.post("/_matrix/client/v3/login", &login).await;
    puppet.session(&answer.unwrap()).unwrap()
}

/// Somebody on the target as the application service, for a stand-in lets nobody in; and the query of each request.
fn puppet(stage: &Stage, user: &str) -> (Client, String) {
    let token = &stage.installation.tokens.puppets_as;
    let puppets = stage.target.anonymous();
    let puppet = puppets.with_token(user, token.expose_secret());
    (puppet, format!("user_id={}", encode(user)))
}

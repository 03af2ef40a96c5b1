//! What belongs to each user alone, read as that user on both servers.

mod more;
mod seen;

use std::collections::BTreeMap;

use ferryman::{
    bundle::SourceKind,
    demo::{ordinary, stage::Stage},
    engine::{Engine, ExportOptions},
    http::encode,
    lab::{client::Client, fill::GUEST},
    model::wanted::Wanted,
    report::page::page,
    secret::ExposeSecret,
};

use rusqlite::Connection;

use crate::{
    journey::{assert_good, job},
    targets::{Target, each_target},
};
use seen::Seen;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_finds_their_settings() {
    Box::pin(each_target("user_data", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        more::keep(&stage).await;
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
                ..Wanted::default()
            },
            ..ExportOptions::default()
        };
        let summary = engine
            .export(&job(), &options, Box::new(page))
            .await
            .unwrap();
        assert_eq!(summary.problems, []);
        let imported = engine.import(&job(), None, None).await.unwrap();
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
            Target::StandIn => assert_eq!(counts, [(7, 0), (23, 0), (61, 0), (0, 9)], "{parts:#?}"),
            Target::Tuwunel => assert_eq!(counts, [(6, 1), (23, 0), (61, 0), (8, 1)], "{parts:#?}"),
        }
        let root = &things.events["thread root"].event_id;
        let (before, mut after) = everybody(&stage, target).await;
        assert!(before.len() >= 12, "{:?}", before.keys());
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

        let again = engine.import(&job(), None, None).await.unwrap();
        assert_eq!(
            (again.problems.len(), again.user_data),
            (0, imported.user_data)
        );
        let after = engine.verify(&job(), None).await.unwrap();
        assert_eq!(after.user_data, verification.user_data);
        assert_eq!(after.listings, verification.listings);
        if target == Target::Tuwunel {
            with_the_old_key(&stage, engine).await;
        }
    }))
    .await;
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
    assert_eq!(verification.user_data.receipts_timed, 3);
    let root = &stage.filled.things.events["thread root"].event_id;
    let (before, after) = everybody(stage, Target::Tuwunel).await;
    for name in ["carol", "dave", "erin"] {
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
    for (name, user) in &stage.filled.users {
        let account = &stage.filled.things.accounts[user.client.user_id()];
        // The operator is somebody else on the target, and guests stay behind.
        if account.is_shut_out() || ["alice", "operator", GUEST].contains(name) {
            continue;
        }
        let id = user.client.user_id().to_owned();
        before.insert(id.clone(), Seen::by(&user.client, "").await);
        let seen = match target {
            // Nobody is given a password of the bridge's.
            Target::Tuwunel if account.appservice_id.is_some() => {
                Seen::by(&session(stage, &id).await, "").await
            }
            Target::Tuwunel => {
                let client = ordinary::log_in(stage, name).await.unwrap();
                Seen::by(&client, "").await
            }
            Target::StandIn => {
                let (puppet, query) = puppet(stage, &id);
                Seen::by(&puppet, &query).await
            }
        };
        after.insert(id, seen);
    }
    (before, after)
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

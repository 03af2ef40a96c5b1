//! What belongs to each user alone, read as that user on both servers.

mod more;
mod seen;

use std::collections::BTreeMap;

use ferryman::{
    bundle::SourceKind,
    demo::{ordinary, stage::Stage},
    engine::ExportOptions,
    http::encode,
    lab::{client::Client, fill::GUEST},
    migration::outcome::Verification,
    model::wanted::Wanted,
    report::page::page,
    secret::ExposeSecret,
};

use crate::{
    journey::{assert_good, job},
    targets::{Target, each_target},
};
use seen::Seen;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_finds_their_settings() {
    each_target("user_data", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        more::keep(&stage).await;
        let engine = stage.engine();
        let options = ExportOptions {
            source: Some(SourceKind::AdminApi),
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
        let verification = engine.verify(&job(), None).await.unwrap();
        print(&verification);
        assert_good(&verification);
        let (before, after) = everybody(&stage, target).await;
        assert_eq!(before.len(), after.len());
        for (user, before) in &before {
            let differences = before.differences(&after[user]);
            eprintln!("{user}: {differences:#?}");
        }
    })
    .await;
}

fn print(verification: &Verification) {
    for (name, part) in verification.user_data.parts() {
        eprintln!("{name}: {part:#?}");
    }
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

/// Somebody on the target as the application service, for a stand-in lets nobody in; and the query of each request.
fn puppet(stage: &Stage, user: &str) -> (Client, String) {
    let token = &stage.installation.tokens.puppets_as;
    let puppets = stage.target.anonymous();
    let puppet = puppets.with_token(user, token.expose_secret());
    (puppet, format!("user_id={}", encode(user)))
}

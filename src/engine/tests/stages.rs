//! An import in parts: the same end as in one, and nothing is tried that can't work.

use super::{
    faults::good,
    sample::ANNA,
    stage::{Source, Stage},
};
use crate::{
    engine::Asked,
    job::{Job, Phase},
    model::{
        replayed::Replayed,
        stage::{self, Stages},
    },
    report::{self, course::Course},
};

fn without(stages: Stages) -> Asked {
    Asked {
        left_out: stages,
        ..Asked::default()
    }
}

fn only(names: &str) -> Asked {
    without(names.parse::<Stages>().unwrap().others())
}

const USERS: &str = "accounts, admin-rights, e-mail-addresses, names-and-pictures";

#[tokio::test(flavor = "multi_thread")]
async fn users_first_and_the_rest_later() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let summary = stage.import_as(only(USERS)).await;
    assert!(report::import::is_good(&summary));
    assert_eq!((summary.accounts_created, summary.rooms_failed), (2, 0));
    assert!(stage.world().rooms.is_empty());
    assert!(stage.world().encryption.keys.is_empty());
    let text = report::import::short(&summary);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("left out"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    - left out by choice: rooms, aliases, encryption-identities, verified-people, key-backups, room-directory, settings, media
    `import` without --only and --except carries what was left out. Next: `verify`.
    ");
    // What nobody has wanted so far is not missing.
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    assert_eq!(verification.users.equal, 4);
    assert!(verification.rooms.is_empty());
    let text = report::verification::short(&verification);
    insta::assert_snapshot!(text, @r"
    **Everything that was carried over is equal: 0 of 0 rooms are the same on Tuwunel 1.4.6.**

    - bundle: `bundle`
    - accounts: 4 of 4 equal
    - not carried so far, by choice, and so not compared: rooms, aliases, encryption-identities, verified-people, key-backups, room-directory, settings, media
    ");

    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
    let verification = stage.verify().await;
    assert!(verification.left_out.is_empty());
    assert!(verification.is_good() && verification.rooms.len() == 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_begin_leaves_no_choice_behind() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import_as(only(USERS)).await;
    let visit = stage.target.visit(None).await;
    let (engine, _taken) = stage.deaf_engine(&visit.url);
    let asked = Asked {
        history: Some(Replayed::Last(5)),
        ..Asked::default()
    };
    let bundle = Some(stage.bundle.clone());
    let error = engine.import_as(&Job::new().0, bundle, asked).await;
    assert!(error.is_err());
    // No room is missing that nobody has begun to carry, and the next one may choose again.
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    assert!(verification.left_out.has(stage::Stage::Rooms));
    let plan = engine.plan(Some(stage.bundle.clone()), None).await.unwrap();
    assert_eq!(plan.history, Replayed::All);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stage_alone_leads_to_the_same_end() {
    let source = Source::new();
    let stage = Stage::new(&source);
    for each in stage::Stage::ALL {
        let summary = stage.import_as(only(each.name())).await;
        assert_eq!(summary.problems, [], "{}", each.name());
        assert!(stage.verify().await.is_good(), "{}", each.name());
    }
    stage.world().changes.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.world().changes, Vec::<String>::new());
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stage_rests_on_is_named() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let mut said = Vec::new();
    for names in ["rooms", "key-backups", "settings", "aliases"] {
        let error = stage.try_import_as(only(names)).await.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        said.push(error.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    rooms can't be carried before accounts, and 4 of 4 of these have not been: take accounts in, or import them first
    key-backups can't be carried before accounts, and 4 of 4 of these have not been: take accounts in, or import them first
    settings can't be carried before accounts, and 4 of 4 of these have not been: take accounts in, or import them first
    aliases can't be carried before accounts, and 4 of 4 of these have not been: take accounts in, or import them first
    ");
    assert!(stage.world().accounts.len() == 1 && stage.world().rooms.is_empty());

    // One that failed is that one's problem, as it always is.
    stage
        .world()
        .refused_joins
        .insert("!crew:ferry.test".to_owned());
    let asked = only(&format!("{USERS}, rooms"));
    assert_eq!(stage.import_as(asked).await.rooms_failed, 1);
    let summary = stage.import_as(only("aliases, room-directory")).await;
    assert_eq!(summary.aliases, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_and_what_is_confirmed_follow_the_choice() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let plan = async |asked| {
        let bundle = Some(stage.bundle.clone());
        engine.plan_as(bundle, asked).await.unwrap()
    };
    let all = plan(Asked::default()).await;
    let some = plan(only(USERS)).await;
    assert_ne!(all.digest(), some.digest());
    assert!(
        serde_json::to_value(&all)
            .unwrap()
            .get("left_out")
            .is_none()
    );
    let (_, forecast) = engine
        .forecast(Some(stage.bundle.clone()), only(USERS))
        .await
        .unwrap();
    let phases: Vec<_> = forecast.stages.iter().map(|stage| stage.phase).collect();
    assert!(
        phases.contains(&Phase::Accounts) && !phases.contains(&Phase::Rooms),
        "{phases:?}"
    );
    let text = report::plan::short(&some, &forecast);
    let line = text.lines().find(|line| line.contains("only these"));
    insta::assert_snapshot!(line.unwrap(), @"- **only these stages: accounts, admin-rights, e-mail-addresses, names-and-pictures**; left out by choice, for a later import: rooms, aliases, encryption-identities, verified-people, key-backups, room-directory, settings, media");
    let confirmed = Asked {
        confirmed: Some(some.digest()),
        ..Asked::default()
    };
    let error = stage.try_import_as(confirmed).await.unwrap_err();
    assert!(error.to_string().starts_with("the plan is not the one"));
    assert!(!stage.world().accounts.contains_key(ANNA));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_import_has_done_is_no_work_of_this_one() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import_as(only(USERS)).await;
    stage
        .world()
        .refused_joins
        .insert("!crew:ferry.test".to_owned());
    let visit = stage.target.visit(None).await;
    let (job, mut events) = Job::new();
    let bundle = Some(stage.bundle.clone());
    let engine = stage.engine(&visit.url);
    engine
        .import_as(&job, bundle, Asked::default())
        .await
        .unwrap();
    let mut course = Course::new("import", 0);
    while let Ok(event) = events.try_recv() {
        course.apply(&event, 0);
    }
    let of = |phase| {
        let leg = course.legs.iter().find(|leg| leg.phase == phase).unwrap();
        (leg.worked().units, leg.done)
    };
    assert_eq!(of(Phase::Accounts), (0, 4));
    assert_eq!(of(Phase::Profiles), (0, 3));
    // One of them fails.
    assert_eq!(of(Phase::Rooms), (3, 4));
    assert_eq!(of(Phase::KeyBackups), (3, 3));
    assert_eq!(of(Phase::Media), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_carried_once_is_not_called_left_out() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let without_media = without("media".parse().unwrap());
    stage.import_as(without_media).await;
    let verification = stage.verify().await;
    assert!(verification.left_out.is_empty());
    assert_eq!(verification.media.equal, 3);
}

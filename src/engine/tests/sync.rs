//! Catching up with a newer bundle: the end is that of an import of the newer one alone, also if it was stopped at any step.

use super::{
    fake_target::{Disturbance, Door, Lie, When},
    sample::{self, Draft, Fate},
    stage::{End, Source, Stage},
};
use crate::{engine::CaughtUp, job::Job, model::mode::Mode};

/// The rooms of the sample some events before; one of them is not there yet.
fn before() -> Vec<Draft> {
    let mut rooms = sample::rooms();
    rooms.pop();
    for room in &mut rooms {
        room.events.truncate(room.events.len() - 3);
    }
    rooms
}

struct Scene {
    older: Source,
    newer: Source,
}

impl Scene {
    fn new() -> Self {
        Self {
            older: Source::named("older", before()),
            newer: Source::new(),
        }
    }

    /// Since the older bundle, this has become of Cara.
    fn where_cara(fate: Fate) -> Self {
        Self {
            older: Source::named("older", sample::rooms()),
            newer: Source::where_cara("newer", sample::rooms(), fate),
        }
    }

    /// The older bundle is imported.
    async fn stage(&self) -> Stage {
        let stage = Stage::new(&self.older);
        let (summary, _) = stage.import().await;
        assert_eq!(summary.problems, []);
        assert_eq!(summary.rooms_carried, 3);
        stage.world().hears_of(self.newer.rooms());
        stage
    }

    async fn caught_up(&self, stage: &Stage) -> (CaughtUp, u64) {
        let visit = stage.target.visit(None).await;
        let engine = stage.engine(&visit.url);
        let caught = engine
            .catch_up(&Job::new().0, self.newer.bundle(), false)
            .await
            .unwrap();
        (caught, visit.requests())
    }

    /// Killed at its `last` request; whether it came so far.
    async fn killed(&self, stage: &Stage, last: u64, when: When) -> bool {
        let visit = stage.target.visit(Some(Disturbance::End(last, when))).await;
        let engine = stage.engine(&visit.url);
        let job = Job::new().0;
        tokio::select! {
            biased;
            () = visit.end() => true,
            ended = engine.catch_up(&job, self.newer.bundle(), false) => {
                ended.unwrap();
                false
            }
        }
    }

    /// Where an import of the newer bundle alone ends.
    async fn at_once(&self) -> End {
        let stage = Stage::new(&self.newer);
        let (mut summary, _) = stage.import().await;
        summary.remote_joins = 0;
        stage.end(summary)
    }
}

fn end(stage: &Stage, caught: CaughtUp) -> End {
    let mut summary = caught.import;
    summary.remote_joins = 0;
    stage.end(summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_comes_over_and_what_is_there_is_left_alone() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    stage.world().changes.clear();
    let (caught, _) = scene.caught_up(&stage).await;
    assert_eq!(caught.changes.rooms.len(), 3);
    assert_eq!(caught.changes.new_rooms.len(), 1);
    assert!(stage.world().rooms.values().all(|room| room.joins == 1));
    let made = stage.world().changes.clone();
    assert!(
        made.iter().all(|change| !change.contains("/register")),
        "{made:?}"
    );
    let all = end(&stage, caught);
    assert_eq!(all.unordered(), scene.at_once().await.unordered());

    stage.world().changes.clear();
    let again = scene.caught_up(&stage).await.0;
    assert!(again.changes.is_empty());
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_at_any_request_and_begun_again_it_ends_the_same() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    let (caught, requests) = scene.caught_up(&stage).await;
    let expected = end(&stage, caught);
    assert!(requests > 20, "{requests}");
    let step = usize::try_from(requests / 24).unwrap().max(1);
    for last in (1..=requests).step_by(step) {
        for when in [When::Before, When::After] {
            let stage = scene.stage().await;
            assert!(scene.killed(&stage, last, when).await);
            let (caught, _) = scene.caught_up(&stage).await;
            assert_eq!(end(&stage, caught), expected, "at {last}, {when:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_that_were_made_anew_are_caught_up_with_as_they_are() {
    // There, somebody without the power to do it has changed the topic.
    let possible = |mut rooms: Vec<Draft>| {
        rooms.retain(|room| room.room_id != "!crew:ferry.test");
        rooms
    };
    let scene = Scene {
        older: Source::named("older", possible(before())).in_mode(Mode::Local),
        newer: Source::of(possible(sample::rooms())),
    };
    let stage = Stage::new(&scene.older);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!((summary.rooms_made, summary.rooms_carried), (2, 0));
    let (caught, _) = scene.caught_up(&stage).await;
    assert_eq!(caught.import.problems, []);
    let import = caught.import;
    assert_eq!((import.rooms_made, import.rooms_carried), (3, 0));
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let newer = Some(scene.newer.bundle());
    let verification = engine.verify(&Job::new().0, newer).await.unwrap();
    assert!(verification.is_good(), "{verification:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_could_not_be_closed_is_closed_by_the_next_sync() {
    let scene = Scene::where_cara(Fate::Closed);
    let stage = Stage::new(&scene.older);
    assert_eq!(stage.import().await.0.problems, []);
    stage.world().lies.insert(Lie::StaysOpen);
    for _ in 0..2 {
        let problems = scene.caught_up(&stage).await.0.import.problems;
        let told: Vec<_> = problems
            .iter()
            .map(|it| (&*it.step, &*it.subject))
            .collect();
        assert_eq!(told, [("account", sample::CARA)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(problems[0].reason, @"the account was closed on Synapse since it was carried over, and the target keeps it open: deactivate it there");
        }
    }
    stage.world().lies.clear();
    assert_eq!(scene.caught_up(&stage).await.0.import.problems, []);
    let door = stage.world().accounts[sample::CARA].door.clone();
    assert_eq!(door, Door::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_could_not_be_set_is_set_by_the_next_sync() {
    let scene = Scene::where_cara(Fate::Named);
    let stage = Stage::new(&scene.older);
    assert_eq!(stage.import().await.0.problems, []);
    let name = "displayname";
    stage.world().refused_profiles.insert(name.to_owned());
    let problems = scene.caught_up(&stage).await.0.import.problems;
    let told: Vec<_> = problems
        .iter()
        .map(|it| (&*it.step, &*it.subject))
        .collect();
    assert_eq!(told, [("profile", sample::CARA)]);
    stage.world().refused_profiles.clear();
    assert_eq!(scene.caught_up(&stage).await.0.import.problems, []);
    let profile = stage.world().accounts[sample::CARA].profile_of(name);
    assert_eq!(profile.as_deref(), Some("Cara II"));
}

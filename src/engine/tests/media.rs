//! Files that are lost, cut short, refused or changed, and those that nobody wants.

use super::{
    fake_target::Broken,
    faults::{good, told},
    stage::{Source, Stage},
};
use crate::{engine::Asked, job::Job, model::media_wish::WhichMedia};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_command_is_lost_is_asked_for_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().forgotten_files = 2;
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
    let files = &stage.world().media;
    assert!(files.values().all(|medium| medium.fetched == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_whole_or_refused_is_a_problem_until_it_is_there() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().broken_media = [
        ("aaimage".to_owned(), Broken::Cut),
        ("aanotes".to_owned(), Broken::Refused),
    ]
    .into();
    let (summary, _) = stage.import().await;
    assert_eq!(told(&summary), [("media", "aaimage"), ("media", "aanotes")]);
    insta::assert_snapshot!(summary.problems[0].reason, @"the target has fetched it, but does not give it out whole: look at its log and whether its disk is full, and import again");
    insta::assert_snapshot!(summary.problems[1].reason, @"Media not found.");
    assert_eq!((summary.media.carried, summary.media.planned), (1, 3));
    let verification = stage.verify().await;
    let [cut, missing] = &verification.media.differences[..] else {
        panic!("{verification:#?}");
    };
    assert!(cut.starts_with("aaimage has another content: "), "{cut}");
    assert_eq!(missing, "aanotes is missing");

    stage.world().broken_media.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
    assert!(stage.verify().await.is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_chooses_which_files_come() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let none = Asked {
        media: Some(WhichMedia::None),
        ..Asked::default()
    };
    let summary = stage.import_as(none).await;
    assert_eq!((summary.media.carried, summary.media.planned), (0, 0));
    assert!(stage.world().media.is_empty());
    // The next ones remember it.
    let (summary, _) = stage.import().await;
    assert_eq!(summary.media.planned, 0);
    assert_eq!(stage.verify().await.media.expected, 0);
    let all = Asked {
        media: Some(WhichMedia::All),
        ..Asked::default()
    };
    let summary = stage.import_as(all).await;
    assert_eq!(summary.media.carried, 3);
    assert_eq!(stage.verify().await.media.equal, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_verify_finds_wrong_is_fetched_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    {
        let mut world = stage.world();
        let image = world.media.get_mut("aaimage").unwrap();
        image.content[0] ^= 1;
        let empty = world.media.get_mut("aaempty").unwrap();
        empty.media_type = "text/html".to_owned();
        world.media.remove("aanotes");
    }
    // The ledger says that they are there.
    stage.import().await;
    assert!(!stage.world().media.contains_key("aanotes"));
    let verification = stage.verify().await;
    let [empty, image, notes] = &verification.media.differences[..] else {
        panic!("{verification:#?}");
    };
    insta::assert_snapshot!(empty, @"aaempty has the type text/html instead of text/plain");
    assert!(
        image.starts_with("aaimage has another content: "),
        "{image}"
    );
    insta::assert_snapshot!(notes, @"aanotes is missing");

    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    // What was right was left alone.
    assert_eq!(stage.world().deleted_media, ["aaempty", "aaimage"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_read_is_read_again_only_if_asked() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let verify = async |is_deep| {
        let bundle = Some(stage.bundle.clone());
        let job = Job::new().0;
        let verification = engine.verify_as(&job, bundle, is_deep).await.unwrap();
        let media = verification.media;
        (
            media.equal,
            media.differences.len(),
            verification.media_read_before,
        )
    };
    assert_eq!(verify(false).await, (3, 0, 0));
    assert_eq!(verify(false).await, (3, 0, 3));
    stage.world().media.get_mut("aaimage").unwrap().content[0] ^= 1;
    assert_eq!(verify(false).await, (3, 0, 3));
    assert_eq!(verify(true).await, (2, 1, 0));
    // From then on it is known to be wrong, and what is fetched anew is read.
    assert_eq!(verify(false).await, (2, 1, 2));
    stage.import().await;
    assert_eq!(verify(false).await, (3, 0, 2));
    assert_eq!(verify(false).await, (3, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wrong_and_is_right_by_now_is_left_alone() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let notes = stage.world().media.remove("aanotes").unwrap();
    assert_eq!(stage.verify().await.media.differences.len(), 1);
    stage.world().media.insert("aanotes".to_owned(), notes);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.media.carried, 3);
    assert!(
        stage
            .world()
            .media
            .values()
            .all(|medium| medium.fetched == 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_ledger_an_import_looks_at_what_is_there() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    stage.world().media.remove("aanotes");
    stage.lose_ledger();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.media.carried, 3);
    let world = stage.world();
    let fetched: Vec<_> = world.media.values().map(|it| it.fetched).collect();
    assert_eq!(fetched, [1, 1, 1]);
    assert!(world.deleted_media.is_empty());
}

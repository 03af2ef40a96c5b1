//! Every kind of room of a real Synapse, carried into a real Tuwunel: what comes over, and why the rest doesn't.

use ferryman::{
    demo::stage::Stage, engine::ExportOptions, migration::plan::RoomAction, report::page::page,
};

use crate::{journey::job, targets::tuwunel_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_of_every_kind_arrive() {
    if !tuwunel_or_skip("every kind of room") {
        return;
    }
    let stage = Stage::set_wholly(true).await.unwrap();
    let engine = stage.engine();
    let summary = engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();
    eprintln!("export {:#?}", summary.problems);
    let plan = engine.plan(None).await.unwrap();
    for room in &plan.rooms {
        match &room.action {
            RoomAction::Carry { joiner, join } => {
                eprintln!("{} v{:?} {joiner} {join:?}", room.name, room.version);
            }
            other => eprintln!("{} v{:?} {other:?}", room.name, room.version),
        }
    }
    let imported = engine.import(&job(), None).await.unwrap();
    eprintln!("import {imported:#?}");
    let verification = engine.verify(&job(), None).await.unwrap();
    for room in &verification.rooms {
        eprintln!(
            "{} good={} order={:?} {room:?}",
            room.name,
            room.is_good(),
            room.same_order
        );
    }
    panic!("look");
}

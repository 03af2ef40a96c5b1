//! Messages of rooms that are made anew, sent again: each once, whatever happens.

use std::collections::BTreeMap;

use super::{
    resume::killed_at_each_request,
    sample::{self, ANNA, BEN},
    stage::{Source, Stage},
};
use crate::{
    engine::Asked,
    job::Job,
    migration::outcome::{ImportSummary, MessagesSummary, NotSent},
    model::mode::Mode,
};

fn source() -> Source {
    Source::of(sample::talk()).with_messages()
}

/// What was said in the rooms, by their IDs.
fn said(stage: &Stage) -> BTreeMap<String, Vec<String>> {
    let world = stage.world();
    let rooms = world.rooms.iter();
    rooms.map(|(id, room)| (id.clone(), room.said())).collect()
}

fn messages(summary: &ImportSummary) -> &MessagesSummary {
    summary.messages.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_again_with_their_times_and_relations() {
    let source = source();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    let all = said(&stage);
    insta::assert_snapshot!(all["!harbour:ferry.test"].join("\n"), @r#"
    1008 @anna:ferry.test m.room.message {"body":"hello","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$dewY8y-MemLQT3I_TdECu-thLG6MB6DpjXxOgAGpSew","origin_server_ts":1008}}
    1011 @ben:ferry.test m.room.message {"body":"a reply","m.relates_to":{"m.in_reply_to":{"event_id":"$said0-1008"}},"msgtype":"m.text","org.ferryman.replayed":{"event_id":"$W6FQBzQ0ChH8jyKkXSFoY0elz52tUT_yj40T4tSOoOo","origin_server_ts":1011}}
    1012 @ben:ferry.test m.room.message {"body":"a reply to one that is left","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$4LDAW42kYSqDhxJ0__PY2SXVR8EldAyHOng1jozTIQU","origin_server_ts":1012}}
    1013 @anna:ferry.test m.room.message {"body":"* hello!","m.new_content":{"body":"hello!","msgtype":"m.text"},"m.relates_to":{"event_id":"$said0-1008","rel_type":"m.replace"},"msgtype":"m.text","org.ferryman.replayed":{"event_id":"$FqH7_ZwX8NJipXtaoRGypRLZm2jzEuQXzOEeBilZ6YI","origin_server_ts":1013}}
    1014 @ben:ferry.test m.reaction {"m.relates_to":{"event_id":"$said0-1008","key":"⛴️","rel_type":"m.annotation"},"org.ferryman.replayed":{"event_id":"$9jSNxyR0493zyG6dyPPp0bq2Z8jZZHlpX0oaGaJzxtY","origin_server_ts":1014}}
    1016 @anna:ferry.test m.room.message {"body":"in a thread","m.relates_to":{"event_id":"$said1-1011","rel_type":"m.thread"},"msgtype":"m.text","org.ferryman.replayed":{"event_id":"$y4IPEYF6kU1Az3eOezPBrqMHwOL1WYi9qK10N0-sMHE","origin_server_ts":1016}}
    1020 @ben:ferry.test m.room.encrypted {"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"c","org.ferryman.replayed":{"event_id":"$hbo-2oszL0fhYShQ8ccxFGgjeGiEYDvK_sn-vnXS7Mo","origin_server_ts":1020},"session_id":"s"}
    1021 @anna:ferry.test m.sticker {"body":"ferry","org.ferryman.replayed":{"event_id":"$wDe5PQnWy-C6ZyTzhmPlD0OoU4jxcDrfWCxQZXN7Kno","origin_server_ts":1021},"url":"mxc://ferry.test/aaimage"}
    "#);
    insta::assert_snapshot!(all["!crew:ferry.test"].join("\n"), @r#"
    1009 @anna:ferry.test m.room.message {"body":"after Ben came","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$U3KB6TGmqVObgc950gl41M2NykqSnwJo1JYHlk9xJ6Q","origin_server_ts":1009}}
    1010 @ben:ferry.test m.room.message {"body":"here","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$3rYr6BFydh-cXHAzUG_5opZ6qA93MLDICT_ExFyxbg8","origin_server_ts":1010}}
    "#);
    let island = all.iter().find(|(id, _)| id.starts_with("!made"));
    insta::assert_snapshot!(island.unwrap().1.join("\n"), @r#"
    1005 @anna:ferry.test m.room.message {"body":"one","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$blYvTCsagzgysPGHjlRNdReeuv4vCsDazyOdLYPdDTc","origin_server_ts":1005}}
    1007 @ben:ferry.test m.room.message {"body":"two","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$CATQBn8JFANy-bmoGgrrDmnqp-zqJ6BmTLtBDkAiM4U","origin_server_ts":1007}}
    "#);
    insta::assert_debug_snapshot!(messages(&summary), @r"
    MessagesSummary {
        sent: 12,
        planned: 12,
        left: {
            Redacted: 1,
            Remote: 1,
            Closed: 1,
            Gone: 1,
            Hidden: 1,
            Encrypted: 1,
            Related: 1,
            Other: 1,
        },
    }
    ");
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let timelines = verification.rooms.iter().map(|room| &room.timeline);
    let known: Vec<_> = timelines
        .map(|it| format!("{} of {}: {}", it.equal, it.expected, it.known.join("; ")))
        .collect();
    insta::assert_snapshot!(known.join("\n"), @r"
    8 of 8: the room was made anew: of its history only messages are here, sent again; 1 of what was said is not sent again: deleted; 1 of what was said is not sent again: said by people of other servers; 1 of what was said is not sent again: said by accounts that can't be used any more; 1 of what was said is not sent again: said by people who are not in the room any more; 1 of what was said is not sent again: part of something that is not sent again; 1 of what was said is not sent again: a call, a verification, or something else that no client shows
    2 of 2: the room was made anew: of its history only messages are here, sent again; the room is !made1:ferry.test now; 1 of what was said is not sent again: encrypted for the room's old ID
    2 of 2: the room was made anew: of its history only messages are here, sent again; 1 of what was said is not sent again: not to be read then by all who are in the room now
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_more_nothing_is_sent() {
    let source = source();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    let end = stage.end(summary);
    stage.world().changes.clear();
    // It goes on with it, also where nobody asks for it any more.
    let summary = stage.import_as(Asked::default()).await;
    assert_eq!(stage.end(summary), end);
    let (retried, _) = stage.retry(&["!harbour:ferry.test"]).await.unwrap();
    assert_eq!(retried.left, []);
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_request_nothing_is_said_twice() {
    killed_at_each_request(source()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_says_nothing_twice() {
    let source = source();
    let undisturbed = Stage::new(&source);
    undisturbed.import().await;
    let stage = Stage::new(&source);
    let lost = ["m.reaction", "m.sticker"].map(str::to_owned);
    stage.world().lost_answers = lost.into();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert!(stage.world().lost_answers.is_empty());
    assert_eq!(said(&stage), said(&undisturbed));
    assert!(stage.verify().await.is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ledger_says_nothing_twice() {
    let source = source();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    let before = said(&stage);
    // Anna does not see what Ben has said.
    let ignored = stage.world().said_by("!harbour:ferry.test", BEN);
    assert!(!ignored.is_empty());
    let ignored = ignored.into_iter().map(|event| (ANNA.to_owned(), event));
    stage.world().hidden.extend(ignored);
    stage.lose_ledger();
    let (again, _) = stage.import().await;
    assert_eq!(said(&stage), before);
    assert_eq!(again.messages, summary.messages);
    assert!(stage.verify().await.is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_and_sent_later() {
    let source = source();
    let stage = Stage::new(&source);
    stage
        .world()
        .refused_messages
        .insert("m.sticker".to_owned());
    let (summary, _) = stage.import().await;
    assert_eq!((summary.rooms_made, summary.rooms_failed), (2, 1));
    let counted = messages(&summary);
    assert_eq!(counted.sent + 1, counted.planned);
    let told: Vec<_> = summary.problems.iter().map(|it| &it.reason).collect();
    assert_eq!(told.len(), 2);
    let verification = stage.verify().await;
    let missing: Vec<_> = verification
        .rooms
        .iter()
        .flat_map(|it| &it.timeline.differences)
        .collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    stage.world().refused_messages.clear();
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!(retried.left, []);
    assert!(stage.verify().await.is_good());
}

/// The same as before, but that Ben's first message was deleted since.
fn newer() -> Source {
    let mut rooms = sample::talk();
    let mut events = rooms[0].events.iter();
    let bens = |pdu: &serde_json::Value| pdu["sender"] == BEN && pdu["type"] == "m.room.message";
    let his = events.find(|(_, pdu)| bens(pdu)).unwrap().0.clone();
    rooms[0].redact(ANNA, &his);
    Source::named("newer", rooms)
}

/// How much of what Ben has said there is readable.
fn readable(stage: &Stage) -> usize {
    let lines = said(stage).remove("!harbour:ferry.test").unwrap();
    let his = lines.iter().filter(|line| line.contains(BEN));
    his.filter(|line| line.contains("body")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_deleter_does_not_see_is_deleted() {
    let before = source();
    let stage = Stage::new(&before);
    stage.import().await;
    let was = readable(&stage);
    let his = stage.world().said_by("!harbour:ferry.test", BEN);
    let his = his.into_iter().map(|event| (ANNA.to_owned(), event));
    stage.world().kept_from.extend(his);
    let newer = newer();
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let job = Job::new().0;
    let caught_up = engine.catch_up(&job, newer.bundle(), false).await.unwrap();
    assert_eq!(caught_up.import.problems, []);
    assert!(readable(&stage) < was);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_ledger_knows_is_deleted() {
    let before = source();
    let mut stage = Stage::new(&before);
    stage.import().await;
    let was = readable(&stage);
    let newer = newer();
    stage.bundle = newer.bundle();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert!(readable(&stage) < was);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_sends_what_is_new_and_deletes_what_was_deleted() {
    let before = source();
    let stage = Stage::new(&before);
    let (summary, _) = stage.import().await;
    let sent = messages(&summary).sent;
    let mut rooms = sample::talk();
    let hello = rooms[0]
        .events
        .iter()
        .find(|(_, pdu)| pdu["content"]["body"] == "hello");
    let hello = hello.unwrap().0.clone();
    rooms[0].redact(ANNA, &hello);
    rooms[0].fork(ANNA);
    let newer = Source::named("newer", rooms);
    let visit = stage.target.visit(None).await;
    let engine = stage.engine(&visit.url);
    let caught_up = engine
        .catch_up(&Job::new().0, newer.bundle(), false)
        .await
        .unwrap();
    assert_eq!(caught_up.import.problems, []);
    let counted = messages(&caught_up.import);
    // The edit and the reaction belong to what was deleted.
    assert_eq!(counted.sent, sent - 1 + 3);
    assert_eq!(counted.planned, sent - 3 + 3);
    assert_eq!(counted.left[&NotSent::Redacted], 2);
    let lines = said(&stage).remove("!harbour:ferry.test").unwrap();
    insta::assert_snapshot!(lines[0], @"1008 @anna:ferry.test m.room.message {}");
    let last: Vec<_> = lines.iter().rev().take(4).rev().cloned().collect();
    insta::assert_snapshot!(last.join("\n"), @r#"
    9000000 @anna:ferry.test m.room.redaction {"redacts":"$said0-1008"}
    1025 @anna:ferry.test m.room.message {"body":"on a fork","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$8tYT08E1kUF0wno4TV-j5UEJQ53JaQQHPeUjC90_U7I","origin_server_ts":1025}}
    1026 @anna:ferry.test m.room.message {"body":"on the other","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$mAsD02oW3h3vnMAdb6BSVN_CzNw4AwxNh-489zsaVyc","origin_server_ts":1026}}
    1027 @anna:ferry.test m.room.message {"body":"on a fork","msgtype":"m.text","org.ferryman.replayed":{"event_id":"$3Q4GypB85ju_DtQ98KNde_ImdLn1nLnnnnRsPt0p_88","origin_server_ts":1027}}
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_asked_for_with_a_mode_and_from_the_beginning() {
    let source = Source::of(sample::talk());
    let stage = Stage::new(&source);
    let asked = |mode| Asked {
        mode,
        replay_messages: true,
        ..Asked::default()
    };
    let refused = stage.try_import_as(asked(None)).await.unwrap_err();
    insta::assert_snapshot!(refused, @"--replay-messages is for rooms that are made anew: give --mode fallback or --mode local with it");
    let local = Asked {
        mode: Some(Mode::Local),
        ..Asked::default()
    };
    stage.import_as(local).await;
    let refused = stage.try_import_as(asked(None)).await.unwrap_err();
    insta::assert_snapshot!(refused, @"this import has made rooms anew without --replay-messages: go on without it, for what was said before would stand there behind what was said since");
}

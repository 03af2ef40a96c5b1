use ruma::{event_id, room_id};

use super::*;

fn done(at_ts: u64) -> Done {
    Done {
        at_ts,
        accepted: false,
    }
}

#[test]
fn steps_come_one_after_the_other() {
    let mut cutover = Cutover::default();
    for step in Step::ALL {
        assert_eq!(cutover.next(), Some(step));
        cutover.allows(step).unwrap();
        cutover.mark(step, done(1));
    }
    assert_eq!(cutover.next(), None);
    insta::assert_snapshot!(
        Cutover::default().allows(Step::Switch).unwrap_err(),
        @"`cutover switch` comes after `cutover catch-up`, which is not done yet"
    );
    insta::assert_snapshot!(
        cutover.allows(Step::LastSync).unwrap_err(),
        @"everybody is on Tuwunel since the switch, so `cutover last-sync` comes too late: `rollback` says how to go back to Synapse"
    );
}

#[test]
fn a_step_taken_again_undoes_those_after_it_until_the_switch() {
    let mut cutover = Cutover::default();
    for step in [Step::CatchUp, Step::Freeze, Step::LastSync, Step::Verify] {
        cutover.mark(step, done(1));
    }
    cutover.mark(Step::LastSync, done(2));
    assert_eq!(cutover.next(), Some(Step::Verify));
    for step in [Step::Verify, Step::Switch, Step::Settings] {
        cutover.mark(step, done(3));
    }
    cutover.mark(Step::Switch, done(4));
    assert_eq!(cutover.next(), Some(Step::Federation));
    assert!(!cutover.has_accepted(Step::Settings));
    let accepted = Done {
        accepted: true,
        ..done(5)
    };
    cutover.mark(Step::Settings, accepted);
    assert!(cutover.has_accepted(Step::Settings));
    assert_eq!(cutover.switched_ts(), Some(3));
}

#[test]
fn it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Cutover::load(dir.path()).unwrap(), Cutover::default());
    let mut cutover = Cutover::default();
    cutover.mark(Step::CatchUp, done(1));
    cutover
        .hellos
        .insert(room_id!("!a:x").to_owned(), event_id!("$a").to_owned());
    cutover.save(dir.path()).unwrap();
    assert_eq!(Cutover::load(dir.path()).unwrap(), cutover);
    fs::write(file(dir.path()), "{").unwrap();
    let error = Cutover::load(dir.path()).unwrap_err().to_string();
    let shown = error.replace(&*dir.path().to_string_lossy(), "DATA");
    insta::assert_snapshot!(shown, @"DATA/cutover.json can't be read (EOF while parsing an object at line 1 column 1), so nobody knows how far the cutover is: remove the file to begin it again");
}

#[tokio::test]
async fn what_is_open_and_what_is_closed_is_told_once() {
    let config = crate::config::Config {
        public: crate::config::Public {
            client_url: Some("https://a.test".into()),
            federation_url: Some("https://b.test".into()),
            proxy: None,
        },
        ..crate::config::sample("data".as_ref())
    };
    let outside = Outside::find(&config).await.unwrap();
    let mut doors = Doors {
        messages: Door::Open,
        logins: Door::Closed,
        servers: Door::Unclear("404 Not Found".into()),
        unread: None,
    };
    let told = |doors: &Doors, closed| {
        let findings = findings(&outside, doors, closed).into_iter();
        let lines: Vec<_> = findings
            .map(|it| format!("{:?} {}: {}", it.state, it.check, it.text))
            .collect();
        lines.join("\n")
    };
    let both = [told(&doors, true), told(&doors, false)];
    insta::assert_snapshot!(both.join("\n\n"), @r"
    Good reading: clients can read at https://a.test
    Bad messages: what is written at https://a.test is still taken: look whether the lines are in the right place, and whether the proxy was reloaded
    Good logins: what is written at https://a.test is answered with a 503
    Bad other servers: what is written at https://b.test is answered neither by a Matrix server nor with a 503 (404 Not Found): look whether the address is right and the server runs

    Good reading: clients can read at https://a.test
    Good messages: what is written at https://a.test is taken
    Bad logins: what is written at https://a.test is answered with a 503: take the freeze's lines out, and reload the proxy
    Bad other servers: what is written at https://b.test is answered neither by a Matrix server nor with a 503 (404 Not Found): look whether the address is right and the server runs
    ");
    doors.unread = Some("502 Bad Gateway".into());
    insta::assert_snapshot!(told(&doors, true), @"Bad reading: clients can't even read at https://a.test (502 Bad Gateway): look whether the address is right, a server runs behind it, and the proxy lets through what is no write");
}

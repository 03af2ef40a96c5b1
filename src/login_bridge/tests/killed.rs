//! The bridge is killed in the middle of any request, and killed again when it mends that.

use super::{
    fake::{Fake, Moment},
    *,
};

/// Starts a bridge, logs bob in with the right password, and stops it in the middle if it comes that far.
async fn run(dir: &Path, fake: &Fake, stop: Option<(usize, Moment)>) -> Option<u16> {
    fake.stop_at(stop);
    let door = door(dir, fake).await;
    let login = tokio::spawn(async move {
        door.mend().await.unwrap();
        door.answer(&knock("bob", RIGHT)).await.status.as_u16()
    });
    let end = login.abort_handle();
    tokio::select! {
        status = login => Some(status.unwrap()),
        () = fake.stopped.notified() => {
            end.abort();
            None
        }
    }
}

#[tokio::test]
async fn wherever_it_is_killed_the_next_right_login_moves_the_account() {
    let moments = [Moment::Before, Moment::After];
    let mut kills = 0;
    for first in 1..=6 {
        for (one, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for second in 1..=10 {
                let dir = tempfile::tempdir().unwrap();
                let fake = stage(dir.path()).await;
                let place = format!("{first} {:?}, {second} {:?}", moments[one], moments[other]);
                let status = run(dir.path(), &fake, Some((first, moments[one]))).await;
                assert_eq!(status, None, "{place}");
                let status = run(dir.path(), &fake, Some((second, moments[other]))).await;
                kills += usize::from(status.is_none());
                // In between somebody guesses.
                fake.stop_at(None);
                let restarted = door(dir.path(), &fake).await;
                assert_eq!(
                    text(&restarted.answer(&knock("bob", "wrong")).await),
                    REFUSAL,
                    "{place}"
                );
                drop(restarted);
                let status = run(dir.path(), &fake, None).await;
                assert_eq!(status, Some(200), "{place}");
                assert_eq!(password_of(&fake, BOB), RIGHT, "{place}");
                let devices = fake.devices(BOB);
                assert!(
                    !devices.contains(&target::DEVICE.to_owned()),
                    "{place}: {devices:?}"
                );
                let vault = Vault::open(&dir.path().join("vault")).unwrap().unwrap();
                assert_eq!(vault.state(&bob()), Some(State::Moved), "{place}");
                let left = files(dir.path());
                assert!(!left.contains(RANDOM), "{place}: {left}");
                assert_eq!(left.matches(HASH).count(), 1, "{place}: {left}");
            }
        }
    }
    assert!(kills > 100, "{kills}");
}

/// Nobody logs in again: the next start leaves no session, and no secret that is of no more use.
#[tokio::test]
async fn wherever_it_is_killed_the_next_start_closes_its_session() {
    for request in 1..=6 {
        for moment in [Moment::Before, Moment::After] {
            let dir = tempfile::tempdir().unwrap();
            let fake = stage(dir.path()).await;
            let place = format!("{request} {moment:?}");
            assert_eq!(run(dir.path(), &fake, Some((request, moment))).await, None);
            fake.stop_at(None);
            let restarted = door(dir.path(), &fake).await;
            restarted.mend().await.unwrap();
            let devices = fake.devices(BOB);
            assert!(!devices.contains(&DEVICE.to_owned()), "{place}");
            let is_set = password_of(&fake, BOB) == RIGHT;
            assert_eq!(
                is_set,
                request > 4 || (request, moment) == (4, Moment::After)
            );
            let state = restarted.vault.state(&bob()).unwrap();
            let left = files(dir.path());
            if is_set {
                assert_eq!(state, State::Moved, "{place}");
                assert!(!left.contains(RANDOM), "{place}: {left}");
            } else {
                assert_eq!(state, State::Waiting, "{place}");
                assert!(restarted.vault.secrets(&bob()).unwrap().session.is_none());
            }
        }
    }
}

/// The one case in which a session can be left: somebody sets another password between the bridge's login and the
/// moment at which its token is on disk.
#[tokio::test]
async fn an_account_whose_session_nobody_can_close_is_closed_by_its_user() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let status = run(dir.path(), &fake, Some((2, Moment::After))).await;
    assert_eq!(status, None);
    fake.stop_at(None);
    let reset = "from the admin".to_owned();
    {
        let mut world = fake.world.lock().unwrap();
        world.passwords.insert(BOB.to_owned(), reset.clone());
    }
    let restarted = door(dir.path(), &fake).await;
    restarted.mend().await.unwrap();
    assert_eq!(restarted.vault.state(&bob()), Some(State::Open));
    assert_eq!(fake.devices(BOB), [DEVICE]);
    assert_eq!(restarted.answer(&knock("bob", &reset)).await.status, 200);
    assert_eq!(restarted.vault.state(&bob()), Some(State::Moved));
    assert!(!fake.devices(BOB).contains(&DEVICE.to_owned()));
}

/// Between two writes to disk, where no request is.
#[tokio::test]
async fn a_random_password_that_was_left_in_its_file_goes_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let fake = stage(dir.path()).await;
    let killed = door(dir.path(), &fake).await;
    killed.vault.put(&bob(), State::Moved).unwrap();
    assert!(files(dir.path()).contains(RANDOM));
    drop(killed);
    door(dir.path(), &fake).await.mend().await.unwrap();
    let left = files(dir.path());
    assert!(!left.contains(RANDOM) && left.contains("another"), "{left}");
}

/// The machine goes down while the file is overwritten: the vault knows already.
#[tokio::test]
async fn half_a_random_password_goes_though_the_target_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = stage(dir.path()).await;
    let killed = door(dir.path(), &fake).await;
    killed.vault.put(&bob(), State::Moved).unwrap();
    killed
        .vault
        .put(user_id!("@eve:ferry.test"), State::Begun)
        .unwrap();
    drop(killed);
    let csv = fs::read_to_string(dir.path().join("csv")).unwrap();
    fs::write(
        dir.path().join("csv"),
        csv.replace("theRandom", "*********"),
    )
    .unwrap();
    fake.address.set_port(9);
    let mended = door(dir.path(), &fake).await.mend().await;
    assert_eq!(mended.unwrap_err().exit_code(), 4);
    let csv = fs::read_to_string(dir.path().join("csv")).unwrap();
    assert_eq!(
        csv,
        format!("{BOB},************\n@eve:ferry.test,another\n")
    );
}

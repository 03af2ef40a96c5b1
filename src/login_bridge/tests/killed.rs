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

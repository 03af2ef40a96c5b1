//! All pauses, without waiting for one of them.

use super::*;

/// All pauses of a request that always fails like this.
fn pauses(patience: Patience, class: Class, absent: bool, was_there: bool) -> Vec<Duration> {
    let mut tries = Tries::new(patience, u32::MAX);
    std::iter::from_fn(|| tries.pause(class, absent, was_there)).collect()
}

fn sum(pauses: &[Duration]) -> Duration {
    pauses.iter().sum()
}

#[test]
fn a_server_that_never_answered_is_soon_given_up() {
    for pause in [250, 400, 1000] {
        let patience = Patience {
            pause: Duration::from_millis(pause),
            ..Patience::default()
        };
        let pauses = pauses(patience, Class::Retry, true, false);
        assert_eq!(pauses.len(), 4);
        assert!(sum(&pauses) < Duration::from_secs(2));
    }
}

#[test]
fn a_server_that_is_restarted_is_waited_for() {
    let patience = Patience::default();
    let pauses_of = |waits| {
        let patience = Patience { waits, ..patience };
        pauses(patience, Class::Retry, true, true)
    };
    let long = pauses_of(true);
    assert_eq!(long.len() + 1, TRIES_WHILE_AWAY as usize);
    assert!(sum(&long) > Duration::from_mins(1));
    assert!(long.iter().all(|pause| *pause <= LONGEST_OWN_PAUSE));
    assert!(sum(&pauses_of(false)) < Duration::from_secs(2));
}

#[test]
fn faults_are_few_and_waiting_times_are_obeyed() {
    let millis =
        |pauses: Vec<Duration>| -> Vec<u128> { pauses.iter().map(Duration::as_millis).collect() };
    let of = |class| millis(pauses(Patience::default(), class, false, true));
    assert_eq!(of(Class::Retry), [400, 800, 1600, 3200]);
    assert_eq!(of(Class::RetryAfter(Duration::from_millis(7))), [7; 4]);
    assert_eq!(of(Class::RetryAfter(Duration::from_hours(1))), [60_000; 4]);
    assert!(of(Class::Never).is_empty());
    assert!(of(Class::Operator).is_empty());
}

#[test]
fn a_fault_after_an_absence_has_tries_of_its_own_but_a_limit_is_one_for_all() {
    let mut tries = Tries::new(Patience::default(), u32::MAX);
    for _ in 0..8 {
        assert!(tries.pause(Class::Retry, true, true).is_some());
    }
    assert!(tries.pause(Class::Retry, false, true).is_some());
    let mut tries = Tries::new(Patience::default(), 2);
    assert!(tries.pause(Class::Retry, true, true).is_some());
    assert!(tries.pause(Class::Retry, false, true).is_none());
}

//! Late places in a history at which somebody could join who still is joined. No I/O.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedUserId};

/// One place in so many is kept.
const EVERY: u64 = 16;

/// A place after which the state is certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number in the timeline, from 0.
    pub position: u64,
    /// The event.
    pub event_id: OwnedEventId,
}

/// What is kept of a history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    places: Vec<Place>,
    /// Since which event of the timeline somebody has been joined without a break.
    since: BTreeMap<OwnedUserId, u64>,
}

impl Recent {
    /// The state is certain after this event.
    pub(super) fn certain(&mut self, position: u64, event_id: &OwnedEventId) {
        let last = self.places.last();
        if last.is_none_or(|last| position - last.position >= EVERY) {
            self.places.push(Place {
                position,
                event_id: event_id.clone(),
            });
        }
    }

    /// Somebody's membership is this from here on.
    pub(super) fn member(&mut self, user: &OwnedUserId, is_joined: bool, position: u64) {
        if is_joined {
            self.since.entry(user.clone()).or_insert(position);
        } else {
            self.since.remove(user);
        }
    }

    /// A history in which each place is certain, with those who have been joined since.
    #[cfg(test)]
    pub(crate) fn sample(timeline: u64, since: &[(&str, u64)]) -> Self {
        let mut recent = Self::default();
        for position in 0..timeline {
            let id = format!("${position}").try_into();
            recent.certain(position, &id.unwrap());
        }
        for (user, position) in since {
            recent.member(&(*user).try_into().unwrap(), true, *position);
        }
        recent
    }

    /// The latest place that leaves at least `last` of `timeline` events after it, and who of those for whom `may` holds
    /// has been joined longest then; nobody's own join is later.
    #[must_use]
    pub fn place(
        &self,
        last: u64,
        timeline: u64,
        may: impl Fn(&OwnedUserId) -> bool,
    ) -> Option<(&OwnedUserId, &Place)> {
        let (user, since) = self
            .since
            .iter()
            .filter(|(user, _)| may(user))
            .min_by_key(|(_, since)| **since)?;
        let end = timeline.checked_sub(last)?.checked_sub(1)?;
        let behind = self.places.partition_point(|place| place.position <= end);
        let place = self.places[..behind].last()?;
        (place.position >= *since).then_some((user, place))
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_user_id;

    use super::*;

    fn recent() -> Recent {
        let mut recent = Recent::default();
        for position in 0..200 {
            recent.certain(position, &format!("${position}").try_into().unwrap());
        }
        for (user, is_joined, position) in [
            ("@early:x", true, 1),
            ("@back:x", true, 2),
            ("@back:x", true, 3),
            ("@early:x", false, 50),
            ("@back:x", false, 60),
            ("@late:x", true, 100),
            ("@back:x", true, 120),
        ] {
            recent.member(&user.try_into().unwrap(), is_joined, position);
        }
        recent
    }

    #[test]
    fn whoever_has_stayed_longest_joins_as_late_as_asked() {
        let recent = recent();
        let place = |last| {
            let (user, place) = recent.place(last, 200, |_| true)?;
            Some((user.to_string(), place.position))
        };
        assert_eq!(place(0), Some(("@late:x".to_owned(), 192)));
        assert_eq!(place(50), Some(("@late:x".to_owned(), 144)));
        assert_eq!(place(99), None, "nobody had joined");
        assert_eq!(place(500), None);
        let other = owned_user_id!("@back:x");
        assert_eq!(
            recent.place(0, 200, |user| *user == other).unwrap().0,
            &other
        );
        assert_eq!(recent.place(0, 200, |_| false), None);
    }

    #[test]
    fn few_places_are_kept() {
        assert_eq!(recent().places.len(), 13);
    }
}

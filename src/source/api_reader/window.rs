//! Where a part of a timeline begins: found from its end, and never further back than that.

use ruma::{OwnedEventId, RoomId};

use super::newest::{self, Newest};
use crate::{
    Result,
    model::wanted::History,
    source::{
        admin_api::{Client, Extremity, Neighbour},
        intake::Intake,
    },
};

/// See [`History::Since`].
const STRETCH: usize = 1000;
/// Events that are looked at together.
const TOGETHER: u64 = 5000;

/// What of a timeline is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// Everything.
    All,
    /// From this event on; the page's token may lead to older ones, too.
    From { token: String, first: OwnedEventId },
    /// Nothing.
    Nothing,
}

/// The window on a room that is wanted. Refused events don't count.
pub(super) async fn of(
    client: &Client,
    room: &RoomId,
    tips: &[Extremity],
    to: &Intake,
) -> Result<Window> {
    let history = to.wanted().history;
    if history == History::All {
        return Ok(Window::All);
    }
    if history == History::None {
        return Ok(Window::Nothing);
    }
    let Some(Newest { last, .. }) = newest::of(client, room, tips).await? else {
        return Ok(Window::Nothing);
    };
    let mut back = Back {
        client,
        room,
        next: vec![last.clone()],
        at: last.event_id,
        ended: false,
    };
    let first = match history.since_ms() {
        Some(since) => first_since(&mut back, since, to).await?,
        None => match history {
            History::Last(count) => nth(&mut back, count, to).await?,
            _ => None,
        },
    };
    match first {
        Some(first) => Ok(Window::From {
            token: client.context(room, &first).await?.start,
            first,
        }),
        None => Ok(Window::Nothing),
    }
}

/// The event that is this far from the end, or the first one.
async fn nth(back: &mut Back<'_>, count: u64, to: &Intake) -> Result<Option<OwnedEventId>> {
    let mut left = count;
    let mut first = None;
    while left > 0 {
        to.turn().await?;
        let some = back.take(left.min(TOGETHER)).await?;
        let Some(oldest) = some.last() else {
            break;
        };
        first = Some(oldest.event_id.clone());
        left = left.saturating_sub(some.len() as u64);
    }
    Ok(first)
}

async fn first_since(back: &mut Back<'_>, since: u64, to: &Intake) -> Result<Option<OwnedEventId>> {
    let mut first = None;
    loop {
        to.turn().await?;
        let mut stretch = Vec::new();
        while stretch.len() < STRETCH {
            let some = back.take((STRETCH - stretch.len()) as u64).await?;
            if some.is_empty() {
                break;
            }
            stretch.extend(some);
        }
        let in_time = |event: &&Neighbour| event.origin_server_ts >= since;
        match stretch.iter().rev().find(in_time) {
            Some(event) => first = Some(event.event_id.clone()),
            None => return Ok(first),
        }
    }
}

/// A timeline from its end.
struct Back<'a> {
    client: &'a Client,
    room: &'a RoomId,
    /// Those that are known, the newest first.
    next: Vec<Neighbour>,
    /// The oldest that is known.
    at: OwnedEventId,
    ended: bool,
}

impl Back<'_> {
    /// Some more events, at least one and at most so many, the newest first; none at the room's beginning.
    async fn take(&mut self, count: u64) -> Result<Vec<Neighbour>> {
        if self.next.is_empty() && !self.ended {
            // Half of them are newer.
            let around = self.client.neighbours(self.room, &self.at, 2 * count);
            self.next = around.await?.events_before;
            match self.next.last() {
                Some(oldest) => self.at = oldest.event_id.clone(),
                None => self.ended = true,
            }
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let rest = self.next.split_off(self.next.len().min(count));
        Ok(std::mem::replace(&mut self.next, rest))
    }
}

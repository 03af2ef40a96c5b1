//! Where the timelines of a stretch of rooms begin.

use super::{list::Listed, stretch::within};
use crate::{
    Result,
    model::wanted::History,
    source::{database::Database, room::cut::Cut},
};

/// An event's place in its room: topological and stream ordering.
pub(super) type Place = (i64, i64);

/// How much of a room's timeline is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// All of it.
    Start,
    /// From this event on.
    At(Place),
    /// Nothing.
    Never,
}

impl Begin {
    pub(super) fn has(self, place: Place) -> bool {
        match self {
            Self::Start => true,
            Self::At(first) => place >= first,
            Self::Never => false,
        }
    }
}

/// Looks for each room's first wanted event. What Synapse refused is not counted: its API doesn't show it.
pub(super) fn read(
    database: &mut Database,
    stretch: &[Listed],
    history: History,
) -> Result<Vec<Begin>> {
    match history {
        History::All => return Ok(vec![Begin::Start; stretch.len()]),
        History::None => return Ok(vec![Begin::Never; stretch.len()]),
        History::Last(_) | History::Since { .. } => {}
    }
    let mut begins = vec![Begin::Never; stretch.len()];
    let places: std::collections::HashMap<&str, usize> = stretch
        .iter()
        .enumerate()
        .map(|(place, room)| (room.id.as_str(), place))
        .collect();
    let mut cuts: Vec<_> = stretch.iter().map(|_| Cut::of(history)).collect();
    let sql = format!(
        "SELECT room_id, topological_ordering, stream_ordering, origin_server_ts FROM events \
         WHERE {} AND outlier = false AND rejection_reason IS NULL \
         ORDER BY room_id DESC, topological_ordering DESC, stream_ordering DESC",
        within(database, stretch, "room_id")
    );
    database.each(&sql, &mut |row| {
        if let Some(room) = row.text(0).and_then(|room| places.get(room))
            && let (Some(topological), Some(stream)) = (row.int(1), row.int(2))
            && let Some(cut) = &mut cuts[*room]
        {
            cut.pass((topological, stream), row.count(3).unwrap_or_default());
        }
        Ok(())
    })?;
    for (begin, cut) in begins.iter_mut().zip(cuts) {
        if let Some(first) = cut.and_then(Cut::first) {
            *begin = Begin::At(first);
        }
    }
    Ok(begins)
}

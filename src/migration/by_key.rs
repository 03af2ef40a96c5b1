//! Whether each piece of a room's state is found when it is asked for by its type and state key.
//!
//! So servers look for it when they check an event. Tuwunel before 1.9.0 can have a piece in its list of the whole state
//! that it doesn't find so (why: [`crate::target::state_keys`]); who is lost like that is shown as a member and can't
//! speak.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use ruma::{RoomId, UserId};

use super::outcome::Comparison;
use crate::{Error, Result, model::state_pair::name, target::Target};

/// Pieces of one room asked for at once.
const IN_FLIGHT: usize = 4;

/// Asks, as somebody who is in the room, for all that its list of the whole state has: types and state keys.
pub(super) async fn compare(
    target: &Target,
    reader: &UserId,
    room: &RoomId,
    listed: impl IntoIterator<Item = (String, String)>,
) -> Result<Comparison> {
    let mut comparison = Comparison::default();
    let mut pairs = BTreeSet::new();
    for pair in listed {
        if let Some((kind, key)) = pairs.replace(pair) {
            let text = format!("{} is listed twice", name(&kind, &key));
            comparison.differences.push(text);
        }
    }
    pairs.retain(|(kind, key)| can_be_asked_for(kind, key));
    comparison.expected = pairs.len() as u64;
    let mut asked = stream::iter(pairs)
        .map(|(kind, key)| async move {
            let content = target.state_content(reader, room, (&kind, &key)).await;
            (name(&kind, &key), content)
        })
        .buffered(IN_FLIGHT);
    while let Some((name, content)) = asked.next().await {
        match content {
            Ok(Some(_)) => comparison.equal += 1,
            Ok(None) => comparison.differences.push(format!(
                "{name} is listed, but not found by its type and state key"
            )),
            Err(error @ Error::Answer { .. }) => comparison
                .differences
                .push(format!("{name} is listed, but can't be asked for: {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok(comparison)
}

/// Addresses can't say an empty part, nor one of only dots.
fn can_be_asked_for(kind: &str, key: &str) -> bool {
    let is_part = |text: &str| !matches!(text, "." | "..");
    !kind.is_empty() && is_part(kind) && is_part(key)
}

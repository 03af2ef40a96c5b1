//! A room as it is now, as Synapse serves it.

use ruma::OwnedRoomId;
use serde_json::value::RawValue;

use super::{alone::alone, last_state};
use crate::{
    Result,
    source::{
        admin_api::{Client, Extremity},
        intake::Intake,
    },
};

/// A room's present.
#[derive(Default)]
pub(super) struct Now {
    /// Its state, in the client's format; none if it can't be read.
    pub(super) state: Option<Vec<Box<RawValue>>>,
    /// Its forward extremities; an inventory has no use for them.
    pub(super) tips: Vec<Extremity>,
    /// Whether an admin has blocked it; none if that can't be read. An inventory doesn't ask.
    pub(super) blocked: Option<bool>,
}

/// What can't be read becomes a problem.
pub(super) async fn of(client: &Client, room: &OwnedRoomId, to: &Intake) -> Result<Now> {
    let state = async { alone(client.room_state(room).await, "room state", room, to).await };
    let mut now = if to.wanted().inventory {
        let state = state.await?;
        Now {
            state,
            ..Now::default()
        }
    } else {
        let blocked = async { alone(client.is_blocked(room).await, "room block", room, to).await };
        let (state, tips, blocked) = futures::try_join!(state, tips(client, room, to), blocked)?;
        Now {
            state,
            tips,
            blocked,
        }
    };
    // Synapse keeps no state of a room that all local members have left.
    if now.state.as_ref().is_some_and(Vec::is_empty) {
        if now.tips.is_empty() {
            now.tips = tips(client, room, to).await?;
        }
        let last = last_state::of(client, room, &now.tips).await;
        now.state = alone(last, "room state", room, to).await?;
    }
    Ok(now)
}

async fn tips(client: &Client, room: &OwnedRoomId, to: &Intake) -> Result<Vec<Extremity>> {
    let tips = client.forward_extremities(room).await;
    let tips = alone(tips, "forward extremities", room, to).await?;
    Ok(tips.unwrap_or_default())
}

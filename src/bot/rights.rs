//! Whether an operator may order something here and now: asked of the room itself.

use serde_json::Value;

use super::client::Client;
use crate::{Result, command::Command, report::bot::Lack};

/// The level of who is named nowhere, by the specification.
const USUAL: i64 = 0;

/// Nothing if they may.
pub async fn lack(
    client: &Client,
    room: &str,
    (sender, command): (&str, &Command),
    wanted: Option<i64>,
) -> Result<Option<Lack>> {
    let member = client.state(room, "m.room.member", sender).await?;
    if text(member.as_ref(), "membership") != Some("join") {
        return Ok(Some(Lack::NotJoined));
    }
    if let Some(wanted) = wanted {
        let levels = client.state(room, "m.room.power_levels", "").await?;
        if level(levels.as_ref(), sender) < wanted {
            return Ok(Some(Lack::Power { wanted }));
        }
    }
    if command.only_looks() {
        return Ok(None);
    }
    let rules = client.state(room, "m.room.join_rules", "").await?;
    let visibility = client.state(room, "m.room.history_visibility", "").await?;
    let is_open = text(rules.as_ref(), "join_rule") == Some("public")
        || text(visibility.as_ref(), "history_visibility") == Some("world_readable");
    Ok(is_open.then_some(Lack::OpenRoom))
}

fn text<'a>(content: Option<&'a Value>, field: &str) -> Option<&'a str> {
    content?.get(field)?.as_str()
}

/// A user's power level, as far as `m.room.power_levels` says it.
fn level(levels: Option<&Value>, user: &str) -> i64 {
    let named = levels.and_then(|levels| levels.get("users")?.get(user)?.as_i64());
    let others = || levels?.get("users_default")?.as_i64();
    named.or_else(others).unwrap_or(USUAL)
}

//! The plan: counts and the first entries for the room, everything for the file.

use std::fmt::Write;

use serde::Serialize;

use super::{
    media, people,
    text::{code, count, escape, first, number_of},
};
use crate::migration::{
    forecast::Forecast,
    pending::waiting::Kind,
    plan::{JoinPoint, Plan, Recreation, RoomAction, RoomPlan, Shared, UserAction, Waiting},
};

mod durations;
mod joined;
mod made_anew;

/// Rooms that show how the others are opened.
const EXAMPLES: usize = 3;

/// Entries of each list in a room message.
const FEW: usize = 8;

/// For the room and the terminal.
#[must_use]
pub fn short(plan: &Plan, forecast: &Forecast) -> String {
    let mut text = preview(plan, forecast);
    text.push_str("\nNothing has been changed. Next: `import`.\n");
    text
}

/// What an import would do, for whoever has ordered one.
#[must_use]
pub fn preview(plan: &Plan, forecast: &Forecast) -> String {
    let mut text = summary(plan);
    text.push_str(&durations::list(forecast));
    if rooms(plan, false).next().is_some() {
        let _infallible = write!(
            text,
            "\nRooms that stay behind:\n\n{}",
            first(rooms(plan, false).map(room_line), FEW)
        );
    }
    if pending(plan).next().is_some() {
        let _infallible = write!(
            text,
            "\nWho waits at a door again:\n\n{}",
            first(pending(plan).map(room_line), FEW)
        );
    }
    if anew(plan).next().is_some() {
        let _infallible = write!(
            text,
            "\nRooms that are made anew:\n\n{}",
            first(anew(plan).map(|(room, _)| room_line(room)), FEW)
        );
    }
    if rooms(plan, true).next().is_some() {
        let _infallible = write!(
            text,
            "\nWho joins first, and so opens the room:\n\n{}",
            first(rooms(plan, true).map(room_line), EXAMPLES)
        );
    }
    text
}

/// For the file: a table of every room and a list of every user.
#[must_use]
pub fn full(plan: &Plan, forecast: &Forecast) -> String {
    let mut text = format!("# Plan\n\n{}", summary(plan));
    text.push_str(&durations::table(forecast));
    text.push_str("\n## Rooms\n\n");
    text.push_str(
        "| room | name | version | members | events | what happens |\n|---|---|---|---|---|---|\n",
    );
    for room in &plan.rooms {
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            code(&room.room_id),
            escape(&room.name),
            room.version
                .as_ref()
                .map_or("?", |version| version.as_str()),
            room.members,
            room.events,
            fate(&room.action)
        );
    }
    if !plan.shared.servers.is_empty() {
        text.push_str("\n## Other servers in these rooms\n\n");
        for server in &plan.shared.servers {
            let _infallible = writeln!(text, "- {}", code(server));
        }
    }
    text.push_str(&people::services(&plan.people));
    for (title, list) in [
        ("Media larger than the target's uploads", &plan.media.large),
        ("Media that stay behind", &plan.media.lost),
        ("Quarantined media that come over", &plan.media.quarantined),
    ] {
        if !list.is_empty() {
            let lines = first(media::named(list), usize::MAX);
            let _infallible = write!(text, "\n## {title}\n\n{lines}");
        }
    }
    text.push_str("\n## Users\n\n");
    for user in &plan.users {
        let fate = match &user.action {
            UserAction::Carry if plan.people.there.contains(&user.user_id) => {
                "carried over; the account is there already, and its password stays".to_owned()
            }
            UserAction::Carry => "carried over".to_owned(),
            UserAction::Reserve { reason } => format!(
                "created and closed, so that nobody takes the name: {}",
                escape(reason)
            ),
            UserAction::Skip { reason } => format!("skipped: {}", escape(reason)),
        };
        let _infallible = writeln!(text, "- {}: {fate}", code(&user.user_id));
    }
    text
}

/// For machines: the plan, and how long it takes beside it, which is no part of what is confirmed.
#[must_use]
pub fn data<'a>(plan: &'a Plan, forecast: &'a Forecast) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        plan: &'a Plan,
        forecast: &'a Forecast,
    }
    Whole { plan, forecast }
}

fn summary(plan: &Plan) -> String {
    let users = |wanted: fn(&UserAction) -> bool| {
        plan.users
            .iter()
            .filter(|user| wanted(&user.action))
            .count() as u64
    };
    let carried = users(|action| *action == UserAction::Carry);
    let reserved = users(|action| matches!(action, UserAction::Reserve { .. }));
    let skipped = users(|action| matches!(action, UserAction::Skip { .. }));
    let events = rooms(plan, true).map(|room| room.events).sum();
    let mut text = format!(
        "**{} and {} of {} will be carried to {}.**\n\n- bundle: {}\n",
        count(carried, "account", "accounts"),
        number_of(rooms(plan, true).count() as u64 + joined::ways(plan).count() as u64),
        count(plan.rooms.len() as u64, "room", "rooms"),
        escape(&plan.target.software),
        code(&plan.bundle)
    );
    if !plan.complete {
        text.push_str("- **the bundle is not complete**: its export broke off; export again before you import\n");
    }
    if !plan.left_out.is_empty() {
        let _infallible = writeln!(
            text,
            "- **only these stages: {}**; left out by choice, for a later import: {}",
            plan.stages(),
            plan.left_out
        );
    }
    let _infallible = if plan.target.replay {
        writeln!(
            text,
            "- history: {}{}",
            count(events, "event", "events"),
            backfilled(plan)
        )
    } else {
        writeln!(
            text,
            "- history: none, this target only joins rooms at their current state"
        )
    };
    for (number, what) in [
        (
            reserved,
            "closed on Synapse: the name is created and closed, so that nobody takes it",
        ),
        (skipped, "skipped"),
    ] {
        if number > 0 {
            let _infallible = writeln!(text, "- {} {what}", count(number, "account", "accounts"));
        }
    }
    let pending = pending(plan).count() as u64;
    if pending > 0 {
        let _infallible = writeln!(
            text,
            "- {} that nobody here is in: only invites and knocks come over",
            count(pending, "room", "rooms")
        );
    }
    text.push_str(&made_anew::line(plan));
    text.push_str(&joined::lines(plan));
    text.push_str(&media::planned(&plan.media));
    text.push_str(&shared(&plan.shared));
    text.push_str(&people::lines(plan));
    text
}

/// What keeps other servers from hearing of the new one too early. Nothing of it can be seen from here, so it is told
/// each time.
fn shared(shared: &Shared) -> String {
    if shared.rooms == 0 {
        return String::new();
    }
    let servers = count(shared.servers.len() as u64, "other server", "other servers");
    format!(
        "- **{} with {servers}, which must hear nothing of it before the switch:** Tuwunel may reach nobody but Ferryman (an address filter or a network without a way out, see the runbook), and asks nobody else for keys ({}). {} hides what people of other servers said and refuses rooms that they made: leave it unset. What Tuwunel has for other servers meanwhile it keeps, and sends when it is started again without the filter.\n",
        count(shared.rooms, "room is shared", "rooms are shared"),
        code("only_query_trusted_key_servers = true"),
        code("allowed_remote_server_names_experimental"),
    )
}

/// How much of the history is not replayed, and what that means.
fn backfilled(plan: &Plan) -> String {
    let older = |room: &RoomPlan| match &room.action {
        RoomAction::Carry {
            join: JoinPoint::Recent { older, .. },
            ..
        } => *older,
        _ => 0,
    };
    let events: u64 = plan.rooms.iter().map(older).sum();
    if events == 0 {
        return String::new();
    }
    let mut text = format!(
        ", of them {} as backfill (`--history {}`)",
        number_of(events),
        plan.history
    );
    if !plan.target.protects_past() {
        text.push_str(
            "\n- **whoever has an account and knows a room's ID can read what comes as backfill**: this target does not protect it; take `--history all` if that is not what you want",
        );
    }
    text
}

/// Those that are carried over, or those that stay behind.
fn rooms(plan: &Plan, carried: bool) -> impl Iterator<Item = &RoomPlan> {
    plan.rooms.iter().filter(move |room| match room.action {
        RoomAction::Carry { .. } => carried,
        RoomAction::Recreate(_) | RoomAction::Join(_) | RoomAction::Pending { .. } => false,
        RoomAction::Skip { .. } | RoomAction::Unreadable { .. } => !carried,
    })
}

/// Those that are made anew.
fn anew(plan: &Plan) -> impl Iterator<Item = (&RoomPlan, &Recreation)> {
    plan.rooms.iter().filter_map(|room| match &room.action {
        RoomAction::Recreate(how) => Some((room, how)),
        _ => None,
    })
}

fn pending(plan: &Plan) -> impl Iterator<Item = &RoomPlan> {
    plan.rooms
        .iter()
        .filter(|room| matches!(room.action, RoomAction::Pending { .. }))
}

fn room_line(room: &RoomPlan) -> String {
    let id = code(&room.room_id);
    let name = if room.name == room.room_id.as_str() {
        id
    } else {
        format!("{} ({id})", escape(&room.name))
    };
    format!("{name}: {}", fate(&room.action))
}

fn fate(action: &RoomAction) -> String {
    match action {
        RoomAction::Skip { reason } | RoomAction::Unreadable { reason } => escape(reason),
        RoomAction::Recreate(how) => made_anew::fate(how),
        RoomAction::Join(way) => joined::fate(way),
        RoomAction::Pending { waiting } => {
            let each: Vec<_> = waiting.iter().map(wait).collect();
            each.join("; ")
        }
        RoomAction::Carry { joiner, join } => {
            let place = match join {
                JoinPoint::Create { .. } => "at the beginning",
                JoinPoint::AfterJoin { .. } => "after their first join",
                JoinPoint::Oldest { .. } => "after the oldest event that is left",
                JoinPoint::Recent { older, .. } => {
                    return format!(
                        "{} joins late: the first {} come as backfill",
                        code(&joiner),
                        count(*older, "event", "events")
                    );
                }
                JoinPoint::Current => "at the current state",
            };
            format!("{} joins {place}", code(&joiner))
        }
    }
}

fn wait(waiting: &Waiting) -> String {
    let user = code(&waiting.user_id);
    match (&waiting.left, waiting.kind) {
        (Some(reason), _) => format!("{user} does not: {}", escape(reason)),
        (None, Kind::Invite) => format!("{user} is invited by {}", code(&waiting.by)),
        (None, Kind::Knock) => format!("{user} knocks"),
    }
}

#[cfg(test)]
mod tests;

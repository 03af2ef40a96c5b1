//! The last steps: what is done, what comes next, and the way back.

use std::fmt::Write;

use super::{
    finding, proxy,
    text::{code, count, time},
};
use crate::{
    Error,
    config::{Config, Proxy},
    engine::cutover::{Back, Cutover, Since, Where},
    migration::outcome::Finding,
    model::cutover::Step,
};

/// The whole way, and what to do for the next step of it.
#[must_use]
pub fn course(cutover: &Cutover, config: &Config, proxy: Option<Proxy>) -> String {
    let mut text = match cutover.next() {
        Some(_) => format!(
            "**Cutover: {} of {} steps are done.**\n\n",
            cutover.steps.len(),
            Step::ALL.len()
        ),
        None => "**Cutover: all steps are done.**\n\n".to_owned(),
    };
    for step in Step::ALL {
        let mark = match cutover.steps.get(&step) {
            Some(done) if done.accepted => {
                format!("✓ since {}, with what was accepted", time(done.at_ts))
            }
            Some(done) => format!("✓ since {}", time(done.at_ts)),
            None if cutover.next() == Some(step) => "comes next".to_owned(),
            None => "later".to_owned(),
        };
        let _infallible = writeln!(text, "- {}: {}; {mark}", code(step.name()), what(step));
    }
    text.push('\n');
    text.push_str(&next(cutover, config, proxy));
    text
}

/// What to do for the next step.
#[must_use]
pub fn next(cutover: &Cutover, config: &Config, proxy: Option<Proxy>) -> String {
    let Some(step) = cutover.next() else {
        return "Everybody is on Tuwunel. Each step can be looked at again by its name, such as `cutover federation`. `rollback` says how to go back, and what would be lost.\n".to_owned();
    };
    format!("{}\n\nNext: `cutover next`.\n", how(step, config, proxy))
}

/// After a step that looked at something.
#[must_use]
pub fn looked(step: Step, findings: &[Finding], accepted: bool) -> String {
    let end = if finding::is_good(findings) {
        String::new()
    } else if accepted {
        "\nWhat is wrong is accepted.\n".to_owned()
    } else {
        again(step)
    };
    format!("{}{end}", finding::markdown(findings))
}

/// How a step that was not good is repeated, or passed over.
#[must_use]
pub fn again(step: Step) -> String {
    format!(
        "\nNothing is lost: mend it, and take the step again. Next: `cutover {0}`. If you know better, {1} goes on all the same.\n",
        step.name(),
        code(&format!("cutover {} --accept", step.name()))
    )
}

/// What stands behind a sync that was to be the last, if Synapse was open at its end.
#[must_use]
pub fn opened(error: &Error) -> String {
    format!("\n**It was not the last one.** {error}.\n")
}

/// What `freeze` answers.
#[must_use]
pub fn frozen(findings: &[Finding], config: &Config, proxy: Option<Proxy>) -> String {
    let mut text = finding::markdown(findings);
    if !finding::is_good(findings) {
        let _infallible = writeln!(
            text,
            "\n{}\n\n{BRIDGES}\n\nNext: `freeze` to look again.",
            proxy::freeze(config, proxy)
        );
    }
    text
}

/// What `unfreeze` answers.
#[must_use]
pub fn unfrozen(findings: &[Finding], config: &Config, proxy: Option<Proxy>) -> String {
    let mut text = finding::markdown(findings);
    if !finding::is_good(findings) {
        let _infallible = writeln!(
            text,
            "\n{}\n\nNext: `unfreeze` to look again.",
            proxy::unfreeze(config, proxy)
        );
    }
    text
}

/// What `rollback` answers.
#[must_use]
pub fn back(back: &Back, config: &Config, proxy: Option<Proxy>) -> String {
    let url = code(&back.url);
    let synapse = code(&config.synapse.url);
    let mut text = match back.place {
        Where::Synapse => format!(
            "**There is nothing to go back from: Synapse serves everybody at {url}.**\n\nStop Tuwunel if you like; nothing of Synapse has changed. What is on Tuwunel can stay for another try, or be thrown away with its database.\n"
        ),
        Where::Frozen => format!(
            "**Synapse serves everybody at {url}, but nobody can write. Nothing is lost by going back.**\n\n{}\n\nNext: `rollback` to look whether it worked, and to forget what the cutover has done.\n",
            proxy::unfreeze(config, proxy)
        ),
        Where::Tuwunel => format!(
            "**Tuwunel serves everybody at {url}. To go back:**\n\n1. Stop Tuwunel's bridges, and Tuwunel.\n2. Start Synapse, with the database that it had, and its bridges.\n3. {}\n4. {}\n\n{}\n",
            proxy::back(config, proxy),
            proxy::unfreeze(config, proxy),
            lost(back.since.as_ref())
        ),
        Where::Unclear => format!(
            "**Nobody can tell who serves at {url}.** What is written there: messages {}, logins {}, other servers {}.\n\nLook whether Synapse runs at {synapse}, and where the proxy hands `/_matrix` to. {}\n",
            door(&back.doors.messages),
            door(&back.doors.logins),
            door(&back.doors.servers),
            proxy::back(config, proxy)
        ),
    };
    if back.forgotten {
        text.push_str("\nThe steps of the cutover that were done are forgotten: the next one begins with `cutover catch-up`.\n");
    }
    match back.place {
        // With Tuwunel, the room is gone.
        Where::Tuwunel => {
            text.push_str("\nThen look again in the shell, with `ferryman rollback`.\n");
        }
        Where::Unclear => text.push_str("\nNext: `rollback` to look again.\n"),
        Where::Synapse | Where::Frozen => {}
    }
    text
}

fn door(door: &crate::outside::Door) -> String {
    use crate::outside::Door;
    match door {
        Door::Open => "are taken".to_owned(),
        Door::Closed => "are answered with a 503".to_owned(),
        Door::Unclear(what) => format!("are answered otherwise ({})", super::text::sentence(what)),
    }
}

fn lost(since: Option<&Since>) -> String {
    let since = since.cloned().unwrap_or_default();
    let mut text = format!(
        "What would be lost: {} in {} since {}",
        count(since.events, "event", "events"),
        count(since.rooms, "room", "rooms"),
        time(since.since_ts)
    );
    if since.unread > 0 {
        let _infallible = write!(
            text,
            " ({} could not be looked at)",
            count(since.unread, "room", "rooms")
        );
    }
    text.push_str(", and every room, account, password, picture and key that was made on Tuwunel since. Synapse's people log in with the passwords that they had there; clients that have stayed logged in there go on. Other servers keep what they have had from Tuwunel, and may give it back to Synapse: so decide soon.");
    text
}

fn what(step: Step) -> &'static str {
    match step {
        Step::CatchUp => "what has changed since the import comes over while everybody writes on",
        Step::Freeze => "nobody writes any more, everybody reads",
        Step::LastSync => "the rest comes over",
        Step::Verify => "Tuwunel is compared with the newest bundle",
        Step::Switch => "the proxy hands everything to Tuwunel, looked at from outside",
        Step::Settings => "Tuwunel's settings for the migration are taken back",
        Step::Federation => "rooms that other servers share hear of the new server",
    }
}

const BRIDGES: &str = "Stop bridges and bots that reach Synapse past the proxy: what they write is not stopped by it.";

fn how(step: Step, config: &Config, proxy: Option<Proxy>) -> String {
    match step {
        Step::CatchUp => "The next step is a `sync`: your users notice nothing. When it is done, `cutover catch-up` does it once more: the shorter it takes, the shorter the break will be.".to_owned(),
        Step::Freeze => format!(
            "From the next step to the switch your users can read but not write: tell them. {}\n\n{BRIDGES}\n\nThe step itself only looks whether it works, by writes that no server would carry out.",
            proxy::freeze(config, proxy)
        ),
        Step::LastSync => "The next step is the last `sync`: it looks first that the doors are still closed.".to_owned(),
        Step::Verify => "The next step compares Tuwunel with what Synapse had at the last sync; `retry` mends what it finds.".to_owned(),
        Step::Switch => format!(
            "Now the switch, which is yours to do:\n\n1. Stop Synapse, and see to it that it doesn't start by itself: two servers of one name must never be public at the same time. Keep its database.\n2. {}\n3. {}\n4. Files of your own under `/.well-known/matrix` stay as they are. If Synapse itself has served them (`serve_server_wellknown`, `public_baseurl`), let Tuwunel do it: section `[global.well_known]`, and the proxy hands that path to it, too.\n5. Register the bridges with Tuwunel, and start them. Start the login bridge, or hand out the passwords.\n\nThe step itself only looks from outside: who answers, the keys, a message, a media file.",
            indented(&proxy::switch(config, proxy)),
            proxy::unfreeze(config, proxy)
        ),
        Step::Settings => settings(config),
        Step::Federation => "The next step sends an event that no client shows into each room that other servers share, and asks one of these servers whether it has arrived: the first event in a room comes with a join that others don't know yet, and may take some seconds.".to_owned(),
    }
}

/// Inside a numbered list, a block of code belongs to its item only if it is indented.
fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |mut text, line| {
        text.push('\n');
        if !line.is_empty() {
            text.push_str("   ");
            text.push_str(line);
        }
        text
    })
}

fn settings(config: &Config) -> String {
    let mut text = "Take back in Tuwunel's configuration what was for the migration only, then restart it:\n\n".to_owned();
    let resident = code(config.resident.name.as_str());
    let lines = [
        (code("trusted_servers"), format!("{resident} is not there any more: back to what you trust, such as `[\"matrix.org\"]`")),
        (code("only_query_trusted_key_servers"), "away with it: other servers are asked for their keys themselves".to_owned()),
        (code("allow_invalid_tls_certificates"), "away with it, if it was for Ferryman's certificate: anybody could be any server".to_owned()),
        (code("allow_registration"), "`false`, unless you want it, and no `registration_token`: strangers could make accounts".to_owned()),
        (code("client_request_timeout"), "away with it: it was for the joins of big rooms".to_owned()),
        (code("admin_escape_commands"), "away with it: no old messages come in any more that could be obeyed".to_owned()),
        ("the line in `/etc/hosts`, and the filter that lets Tuwunel speak to nobody else".to_owned(), "away with both, or it reaches no other server".to_owned()),
    ];
    for (name, why) in lines {
        let _infallible = writeln!(text, "- {name}: {why}");
    }
    text.push_str("\nThe step itself looks only whether strangers can make accounts: the rest can't be seen from here.");
    text
}

#[cfg(test)]
mod tests;

//! What the export was to read, in words.

use crate::{
    model::wanted::{History, Media, Wanted},
    report::text::count,
};

/// Patterns that are named.
const FEW: usize = 6;

/// Name and value of each choice.
pub(super) fn list(wanted: &Wanted) -> Vec<(&'static str, String)> {
    let history = if wanted.inventory {
        "none: an inventory".into()
    } else {
        history(wanted.history)
    };
    let mut list = vec![
        ("Accounts", patterns(&wanted.users)),
        ("Rooms", patterns(&wanted.rooms)),
        ("History", history),
        ("Media", media(wanted.media)),
        (
            "Devices",
            if wanted.devices { "all" } else { "none" }.into(),
        ),
    ];
    if wanted.quarantined {
        list.push(("Quarantined media", "included".into()));
    }
    if wanted.act_as_users {
        list.push(("What only users see", "read by acting as them".into()));
    }
    if wanted.password_hashes {
        list.push(("Password hashes", "included".into()));
    }
    list
}

fn patterns(patterns: &[String]) -> String {
    if patterns.is_empty() {
        return "all".into();
    }
    let few: Vec<&str> = patterns.iter().take(FEW).map(String::as_str).collect();
    let more = patterns.len() - few.len();
    let few = few.join(", ");
    if more == 0 {
        few
    } else {
        format!("{few} and {more} more")
    }
}

fn history(history: History) -> String {
    match history {
        History::All => "all".into(),
        History::Last(events) => {
            format!("the last {} of each room", count(events, "event", "events"))
        }
        History::None => "none".into(),
        History::Since { day } => format!("since {day}"),
    }
}

fn media(media: Media) -> String {
    match media {
        Media::None => "none".into(),
        Media::Refs => "the list, without contents".into(),
        Media::All => "all".into(),
        Media::NewerThan { days } => {
            let days = count(u64::from(days), "day", "days");
            format!("the list, and the contents of the last {days}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(wanted: &Wanted) -> String {
        let lines = list(wanted).into_iter();
        let lines: Vec<String> = lines
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn everything_and_little() {
        insta::assert_snapshot!(said(&Wanted::default()), @r"
        Accounts: all
        Rooms: all
        History: all
        Media: the list, without contents
        Devices: all
        ");
        let little = Wanted {
            users: vec!["a*".into()],
            rooms: (0..8).map(|number| format!("#r{number}")).collect(),
            inventory: false,
            devices: false,
            history: History::Last(500),
            media: Media::NewerThan { days: 1 },
            quarantined: true,
            act_as_users: true,
            password_hashes: true,
        };
        insta::assert_snapshot!(said(&little), @r"
        Accounts: a*
        Rooms: #r0, #r1, #r2, #r3, #r4, #r5 and 2 more
        History: the last 500 events of each room
        Media: the list, and the contents of the last 1 day
        Devices: none
        Quarantined media: included
        What only users see: read by acting as them
        Password hashes: included
        ");
        let inventory = Wanted {
            inventory: true,
            media: Media::None,
            ..Wanted::default()
        };
        insta::assert_snapshot!(said(&inventory), @r"
        Accounts: all
        Rooms: all
        History: none: an inventory
        Media: none
        Devices: all
        ");
        assert_eq!(
            history("since:2026-01-31".parse().unwrap()),
            "since 2026-01-31"
        );
        assert_eq!(media(Media::All), "all");
    }
}

//! Bundles of three sizes, in numbers.

use serde_json::json;

use crate::{
    bundle::{Origin, SourceKind},
    job::Problem,
    model::{figures::Figures, wanted::Wanted},
};

/// 2026-08-01 14:00 UTC.
pub(super) const EXPORTED: u64 = 1_785_592_800_000;

const DAY: u64 = 86_400_000;

pub(super) fn origin() -> Origin {
    Origin {
        source: SourceKind::AdminApi,
        synapse_version: Some("1.163.2".into()),
        server_name: "ferry.test".try_into().unwrap(),
        exported_ts: EXPORTED,
        stream_position: None,
        wanted: Wanted::default(),
    }
}

/// A server of an afternoon.
pub(super) fn small() -> Figures {
    let mut figures = Figures::default();
    for (number, name) in ["anna", "bob", "carol"].iter().enumerate() {
        let user = json!({"user_id": format!("@{name}:ferry.test"), "is_admin": number == 0});
        figures.user(&serde_json::from_value(user).unwrap());
    }
    room(
        &mut figures,
        1,
        &json!({"name": "Hall", "joined_members": 3, "joined_local_members": 3, "event_count": 41}),
    );
    room(
        &mut figures,
        2,
        &json!({"joined_members": 2, "joined_local_members": 2, "event_count": 9, "encryption": "m.megolm.v1.aes-sha2"}),
    );
    for number in 0..50 {
        figures.event_ts(EXPORTED - number * 1_000);
    }
    figures.media("image/png", 48_213);
    figures.count("devices", 5);
    figures
}

/// 400 accounts, 1,000 rooms, 60,000 events over five years, and names of all kinds.
pub(super) fn large() -> Figures {
    let mut figures = Figures::default();
    for number in 0..400_u64 {
        let user = json!({
            "user_id": format!("@user{number}:ferry.test"), "is_admin": number < 3,
            "deactivated": number % 9 == 0, "appservice_id": (number % 13 == 1).then_some("irc"),
        });
        figures.user(&serde_json::from_value(user).unwrap());
    }
    let names = [
        "The committee’s room for everything that has no other room",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        "<script>alert(1)</script> & \"friends\"",
        "שלום עולם \u{202e}gnp.exe",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "🚢 Fähre · مرحبا · 日本語の部屋",
    ];
    let versions = ["12", "11", "10", "10", "9", "6", "1"];
    for number in 0..1_000_u64 {
        let name = usize::try_from(number % 11).unwrap();
        room(
            &mut figures,
            number,
            &json!({
                "name": names.get(name), "version": one_of(&versions, number),
                "joined_members": number % 7 * (number % 31) * (number % 13), "joined_local_members": number % 7,
                "event_count": 60_000 / (number + 16), "public": number % 10 == 0, "history_complete": number % 50 != 0,
                "room_type": (number % 40 == 3).then_some("m.space"),
                "encryption": (number % 3 == 0).then_some("m.megolm.v1.aes-sha2"),
            }),
        );
    }
    // More and more of them.
    for number in 0..60_000_u64 {
        let ago = 5 * 365 * DAY / 60_000 * number / 60_000 * number;
        figures.event_ts(EXPORTED - ago);
    }
    for number in 0..8_000_u64 {
        let kinds = [
            "image/jpeg",
            "image/png",
            "video/mp4",
            "application/octet-stream",
            "application/pdf",
            "audio/ogg",
            "chemical/x-pdb",
        ];
        figures.media(
            one_of(&kinds, number),
            number * number * number % 4_000_000 * (number % 9),
        );
    }
    for (name, number) in [
        ("devices", 1_204),
        ("key backup sessions", 184_233),
        ("receipts", 48_120),
        ("account data", 3_411),
        ("push rules", 512),
    ] {
        figures.count(name, number);
    }
    for number in 0..320_u64 {
        figures.problem(&Problem {
            step: one_of(&["room state", "event", "media"], number).into(),
            subject: format!("$KmGh2kWqZkMp{number:04}vJ0cGkQk0tV6w1LrZb9yXo8uTn3sDa4fEe"),
            reason: "Synapse answered 500 M_UNKNOWN <b>Internal server error</b>: look into its log at https://matrix.example.org/_synapse".into(),
        });
    }
    figures
}

fn room(figures: &mut Figures, number: u64, more: &serde_json::Value) {
    let mut fields = json!({
        "room_id": format!("!qTzKmGhWkVpXsLr{number:04}:ferry.test"), "version": "12", "history_complete": true,
    });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    figures.room(&serde_json::from_value(fields).unwrap());
}

fn one_of<'a>(list: &[&'a str], number: u64) -> &'a str {
    list[usize::try_from(number).unwrap() % list.len()]
}

//! What the page says, and that nothing in it can harm whoever opens it.

use roxmltree::{Document, Node};
use serde_json::json;

use super::{sample::*, *};
use crate::{job::Problem, model::wanted::Wanted};

/// The page as XML: HTML's doctype and elements without an end are the only difference.
fn well_formed(page: &str) -> String {
    let body = page.strip_prefix("<!DOCTYPE html>").unwrap();
    body.split_inclusive('>')
        .map(|part| match part.strip_suffix('>') {
            Some(tag) if tag.starts_with("<meta ") => format!("{tag}/>"),
            _ => part.to_owned(),
        })
        .collect()
}

/// All texts below an element with this class, ID or name, one line for each innermost element.
fn texts(page: &str, of: &str) -> String {
    let xml = well_formed(page);
    let document = Document::parse(&xml).unwrap();
    let is_it = |node: &Node<'_, '_>| {
        node.has_tag_name(of)
            || node.attribute("id") == Some(of)
            || node.attribute("class") == Some(of)
    };
    let found: Vec<_> = document.descendants().filter(is_it).collect();
    assert!(!found.is_empty(), "{of}");
    let lines: Vec<&str> = found
        .iter()
        .flat_map(|node| node.descendants().filter(Node::is_text))
        .filter_map(|node| node.text())
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    lines.join("\n")
}

#[test]
fn an_empty_server() {
    let page = page(&origin(), &Figures::default());
    insta::assert_snapshot!(texts(&page, "main"), @r"
    Accounts
    0
    Rooms
    0
    Events
    0
    Media files
    0
    What was asked for
    Accounts
    all
    Rooms
    all
    History
    all
    Media
    the list, without contents
    Devices
    all
    Problems
    None: everything that was asked for could be read.
    ");
}

#[test]
fn a_small_server() {
    let page = page(&origin(), &small());
    insta::assert_snapshot!(texts(&page, "tiles"), @r"
    Accounts
    3
    1 admin
    Rooms
    2
    1 encrypted
    Events
    50
    Media files
    1
    48.2 kB
    ");
    insta::assert_snapshot!(texts(&page, "figcaption"), @r"
    By room version
    By number of members, other servers’ included
    Per month, by the time that the sender’s server gave them (UTC)
    Bytes by type
    Files by size
    ");
    insta::assert_snapshot!(texts(&page, "rooms"), @r"
    Rooms
    Room
    Events
    Hall
    !qTzKmGhWkVpXsLr0001:ferry.test
    3 members · version 12
    41
    without a name
    !qTzKmGhWkVpXsLr0002:ferry.test
    2 members · version 12 · encrypted
    9
    ");
}

#[test]
fn the_charts_of_a_small_server() {
    let page = page(&origin(), &small());
    insta::assert_snapshot!(texts(&page, "chart"), @r"
    Rooms by version – version 12: 2
    version 12
    2
    0
    1
    2
    Rooms by number of members – nobody: 0; 1 member: 0; 2 members: 1; 3 to 10 members: 1; 11 to 100 members: 0; 101 to 1,000 members: 0; more than 1,000 members: 0
    nobody
    0
    1 member
    0
    2 members
    1
    3 to 10 members
    1
    11 to 100 members
    0
    101 to 1,000 members
    0
    more than 1,000 members
    0
    0
    1
    Events per month – 50 events from Aug 2026 to Aug 2026; most in Aug 2026: 50
    Aug 2026: 50 events
    Aug 2026
    Media by type – images: 48.2 kB in 1 file
    images
    48.2 kB in 1 file
    0 bytes
    20 kB
    40 kB
    60 kB
    Media by size – below 10 kB: 0; 10 kB to 100 kB: 1; 100 kB to 1 MB: 0; 1 MB to 10 MB: 0; 10 MB to 100 MB: 0; 100 MB and more: 0
    below 10 kB
    0
    10 kB to 100 kB
    1
    100 kB to 1 MB
    0
    1 MB to 10 MB
    0
    10 MB to 100 MB
    0
    100 MB and more
    0
    0
    1
    ");
    insta::assert_snapshot!(texts(&page, "details"), @r"
    As a table
    Version
    Rooms
    version 12
    2
    As a table
    Members
    Rooms
    nobody
    0
    1 member
    0
    2 members
    1
    3 to 10 members
    1
    11 to 100 members
    0
    101 to 1,000 members
    0
    more than 1,000 members
    0
    As a table
    Month
    Events
    Aug 2026
    50
    As a table
    Type
    Bytes and files
    images
    48.2 kB in 1 file
    As a table
    Size
    Files
    below 10 kB
    0
    10 kB to 100 kB
    1
    100 kB to 1 MB
    0
    1 MB to 10 MB
    0
    10 MB to 100 MB
    0
    100 MB and more
    0
    ");
}

#[test]
fn a_large_server() {
    let page = page(&origin(), &large());
    insta::assert_snapshot!(texts(&page, "header"), @r"
    Export of a homeserver
    ferry.test
    Synapse
    1.163.2
    , read through its Admin API, begun 2026-08-01 14:00:00 UTC
    320 things could not be read
    ; the bundle has everything else.
    ");
    insta::assert_snapshot!(texts(&page, "tiles"), @r"
    Accounts
    400
    3 admins
    31 of bridges
    45 closed
    Rooms
    1,000
    25 spaces
    334 encrypted
    100 public
    Events
    250,445
    20 rooms without their beginning
    Media files
    8,000
    62.6 GB
    ");
    insta::assert_snapshot!(texts(&page, "steps"), @r"
    107
    event
    107
    room state
    106
    media
    ");
    assert!(page.contains("180 more") && page.contains("120 others are"));
    let rooms = texts(&page, "tbody");
    assert!(rooms.contains("Donaudampfschifffahrt"));
    assert!(page.len() < 200_000, "{}", page.len());
}

#[test]
fn nothing_that_somebody_else_wrote_is_more_than_text() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\u{202e}\u{0}\u{7}";
    let mut figures = small();
    let room = json!({
        "room_id": "!h:ferry.test", "name": hostile, "version": "org.matrix.msc1234.abcdefghijkl", "event_count": 900,
    });
    figures.room(&serde_json::from_value(room).unwrap());
    figures.media(hostile, 5);
    figures.problem(&Problem {
        step: hostile.into(),
        subject: hostile.into(),
        reason: hostile.into(),
    });
    let origin = Origin {
        synapse_version: Some(hostile.into()),
        wanted: Wanted {
            users: vec![hostile.into()],
            rooms: vec![hostile.into()],
            ..Wanted::default()
        },
        ..origin()
    };
    let page = page(&origin, &figures);
    assert_eq!(page.matches("alert(1)").count(), 16, "each stays readable");
    harmless(&page);
}

#[test]
fn no_page_needs_anything_from_elsewhere() {
    for figures in [Figures::default(), small(), large()] {
        harmless(&page(&origin(), &figures));
    }
}

/// Well-formed; only elements and attributes of ours; nothing that loads or runs.
fn harmless(page: &str) {
    let xml = well_formed(page);
    let document = Document::parse(&xml).unwrap();
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            ![
                "script", "img", "link", "iframe", "object", "image", "use", "base", "form"
            ]
            .contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(
                !key.starts_with("on") && key != "src" && key != "style",
                "{name} {key}"
            );
            assert!(key != "href" || value.starts_with('#'), "{value}");
            assert!(
                !value.contains("http:") && !value.contains("https:"),
                "{value}"
            );
        }
        if name == "style" {
            let css = node.text().unwrap();
            assert!(!css.contains("url(") && !css.contains("@import") && !css.contains("http"));
        }
        if name == "svg" {
            let spoken = node
                .first_element_child()
                .filter(|it| it.has_tag_name("title"));
            assert!(
                node.attribute("aria-hidden") == Some("true")
                    || node.attribute("role") == Some("img")
                        && spoken
                            .and_then(|it| it.text())
                            .is_some_and(|it| !it.is_empty()),
                "a chart without words"
            );
        }
    }
    let unseen = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!page.contains(unseen));
    // Without a script, this is the only thing that a browser may be told to do.
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
}

#[test]
fn every_link_leads_somewhere() {
    let page = page(&origin(), &large());
    let xml = well_formed(&page);
    let document = Document::parse(&xml).unwrap();
    let ids: Vec<_> = document
        .descendants()
        .filter_map(|it| it.attribute("id"))
        .collect();
    for node in document.descendants() {
        if let Some(id) = node.attribute("href").and_then(|it| it.strip_prefix('#')) {
            assert!(ids.contains(&id), "{id}");
        }
        if let Some(id) = node.attribute("aria-labelledby") {
            assert!(ids.contains(&id), "{id}");
        }
    }
}

#[test]
fn wrong_dates_are_counted_and_long_times_become_years() {
    let mut figures = Figures::default();
    for ms in [0, EXPORTED + 40 * 86_400_000, u64::MAX] {
        figures.event_ts(ms);
    }
    insta::assert_snapshot!(texts(&page(&origin(), &figures), "note"), @"3 events are not shown: the date is before 2014 or after the export.");
    for ms in [1_420_070_400_000, 1_485_000_000_000, EXPORTED] {
        figures.event_ts(ms);
    }
    let page = page(&origin(), &figures);
    insta::assert_snapshot!(texts(&page, "figcaption"), @"Per year, by the time that the sender’s server gave them (UTC)");
    insta::assert_snapshot!(texts(&page, "tbody"), @r"
    2015
    1
    2016
    0
    2017
    1
    2018
    0
    2019
    0
    2020
    0
    2021
    0
    2022
    0
    2023
    0
    2024
    0
    2025
    0
    2026
    1
    ");
    insta::assert_snapshot!(texts(&page, "chart").lines().next().unwrap(), @"Events per year – 3 events from Jan 2015 to Aug 2026; most in 2015: 1");
}

#[test]
fn an_inventory_speaks_of_nothing_that_nobody_looked_for() {
    let mut origin = origin();
    origin.wanted.inventory = true;
    let mut figures = small();
    figures.count("pushers", 0);
    let whole = texts(&page(&super::sample::origin(), &figures), "main");
    let page = texts(&page(&origin, &figures), "main");
    for words in ["Media files\n", "Pushers\n0", "with the most events"] {
        assert!(!page.contains(words), "{words}");
    }
    assert!(whole.contains("Media files\n") && whole.contains("Pushers\n0"));
    assert!(page.contains("Largest rooms") && page.contains("Room\nMembers\n"));
}

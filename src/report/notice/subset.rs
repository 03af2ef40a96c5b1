//! Every message of a snapshot as a client would show it: only the elements and attributes that Matrix lets through
//! (client-server API, `m.room.message`), and on a page to look at.
//!
//! ```sh
//! FERRYMAN_LAB_PAGE=/tmp/room.html cargo test --lib subset
//! ```

use std::{fs, path::Path};

use proptest::prelude::*;

use super::content;
use crate::report::{
    technical::folded,
    text::{code, escape, sentence},
};

const ELEMENTS: [&str; 34] = [
    "del",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "p",
    "a",
    "ul",
    "ol",
    "sup",
    "sub",
    "li",
    "b",
    "i",
    "u",
    "strong",
    "em",
    "s",
    "code",
    "hr",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "caption",
    "pre",
    "details",
    "summary",
];

/// More than ours ever are.
const DEEPEST: usize = 100;

fn html(content: &serde_json::Value) -> &str {
    content["formatted_body"].as_str().unwrap()
}

/// Panics with the first thing that a client would throw away.
fn check(html: &str) {
    let page = format!("<root>{html}</root>");
    let page = roxmltree::Document::parse(&page).unwrap_or_else(|error| panic!("{error}: {html}"));
    for node in page.root_element().descendants().skip(1) {
        if !node.is_element() {
            continue;
        }
        let name = node.tag_name().name();
        assert!(ELEMENTS.contains(&name), "<{name}> in {html}");
        assert!(node.ancestors().count() < DEEPEST, "too deep: {html}");
        for attribute in node.attributes() {
            let allowed = match (name, attribute.name()) {
                ("code", "class") => attribute.value().starts_with("language-"),
                ("ol", "start") => attribute.value().parse::<u32>().is_ok(),
                ("a", "href") => attribute.value().starts_with("https://"),
                _ => false,
            };
            assert!(allowed, "{attribute:?} in {html}");
        }
    }
}

/// The texts of all inline snapshots of a file.
fn snapshots(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (fence, end) in [("@r\"", "\""), ("@r#\"", "\"#"), ("@\"", "\"")] {
        let mut rest = source;
        while let Some((_, after)) = rest.split_once(fence) {
            let (text, further) = after.split_once(end).unwrap();
            rest = further;
            let indent = text
                .lines()
                .skip(1)
                .filter(|line| !line.trim().is_empty())
                .map(|line| line.len() - line.trim_start().len())
                .min()
                .unwrap_or(0);
            let lines: Vec<_> = text
                .lines()
                .map(|line| line.get(indent.min(line.len())..).unwrap_or(line.trim()))
                .collect();
            found.push(lines.join("\n").trim().to_owned());
        }
    }
    found
}

fn files(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_snapshot_is_shown_as_it_is_meant() {
    let mut all = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report"),
        &mut all,
    );
    all.sort();
    let mut bubbles = String::new();
    let mut count = 0;
    for file in all {
        let source = fs::read_to_string(&file).unwrap();
        for text in snapshots(&source) {
            // Contents of events and pages are no Markdown.
            if text.starts_with(['{', '<', '[']) {
                continue;
            }
            let content = content(&text);
            check(html(&content));
            assert!(!content["body"].as_str().unwrap().is_empty() || text.is_empty());
            count += 1;
            bubbles.push_str(&bubble(html(&content)));
        }
    }
    assert!(count > 80, "only {count} snapshots were found");
    bubbles.push_str(&bubble(html(&content(&hard()))));
    if let Ok(path) = std::env::var("FERRYMAN_LAB_PAGE") {
        fs::write(path, format!("{HEAD}{bubbles}")).unwrap();
    }
}

/// What is hard to lay out.
fn hard() -> String {
    format!(
        "**{}**\n\n| step | how many |\n|---|---:|\n| rooms | 1,000 |\n\n- שלום {} وداعا\n- {}\n{}",
        "Donaudampfschifffahrtsgesellschaft".repeat(6),
        code("!room:ferry.test"),
        escape("evil\u{202e}txt.exe"),
        folded(&"PUT /_matrix/client/v3/rooms/%21a%3Aferry.test/send/m.room.message ".repeat(4)),
    )
}

fn bubble(html: &str) -> String {
    format!(
        "<div class=tile><div class=avatar>F</div><div class=line><div class=name>Ferryman</div><div class=body>{html}</div></div></div>\n"
    )
}

/// As Element Web lays out a message: its sizes and its rules for code, tables and long words.
const HEAD: &str = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Control room</title><style>
body{font:15px/1.5 Inter,'DejaVu Sans',sans-serif;margin:0;padding:8px;color:#1b1d22;background:#fff}
.tile{display:flex;gap:9px;margin:0 0 14px}.avatar{flex:none;width:32px;height:32px;border-radius:50%;background:#368bd6;color:#fff;text-align:center;line-height:32px}
.line{min-width:0;flex:1}.name{font-weight:600;color:#368bd6}.body{overflow-wrap:anywhere;overflow-x:auto}
.body p{margin:0 0 8px}.body>:last-child{margin-bottom:0}.body ul{margin:0 0 8px;padding-inline-start:20px}
code{font-family:monospace;background:#f0f2f5;border:1px solid #e1e6ec;border-radius:4px;font-size:13px;padding:1px 2px}
pre{background:#f0f2f5;border:1px solid #e1e6ec;border-radius:4px;padding:6px;overflow-x:auto;margin:0 0 8px}pre code{border:0;padding:0;white-space:pre;overflow-wrap:normal}
table{border-collapse:collapse;margin:0 0 8px}td,th{border:1px solid #c1c6cd;padding:3px 8px;text-align:left}
details{margin:0 0 8px}summary{cursor:pointer}
</style>";

proptest! {
    #[test]
    fn no_words_of_others_become_elements(text in "(\\PC|\n|`|\"|<|>|-|\\||#){0,300}") {
        let said = [
            escape(&text),
            sentence(&text),
            code(&text),
            folded(&text),
            format!("- {}\n  {}", escape(&text), code(&text)),
            format!("| a |\n|---|\n| {} |\n", escape(&text)),
        ];
        for markdown in said {
            check(html(&content(&markdown)));
        }
    }

    #[test]
    fn no_markdown_is_nested_without_end(sign in "(>|- |1\\. )", times in 1_usize..1_000) {
        check(html(&content(&format!("{}x", sign.repeat(times)))));
    }
}

//! A bundle's page in a real browser: nothing on the console, nothing wider than a phone, both colour schemes readable.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ferryman::{
    bundle::{Origin, SourceKind},
    job::Problem,
    model::{figures::Figures, wanted::Wanted},
    report::page::page,
};
use serde::Deserialize;
use serde_json::json;

/// A narrow phone, in pixels of CSS.
const PHONE: u64 = 360;

/// WCAG 2.2, 1.4.3: for text of ordinary size.
const LEAST_CONTRAST: f64 = 4.5;

const ALLOWED: Duration = Duration::from_mins(1);

/// What the browser saw of a page that is shown in a frame of a phone's width.
#[derive(Debug, Deserialize)]
struct Seen {
    /// How wide its content is.
    width: u64,
    /// Elements that reach beyond the right edge.
    beyond: Vec<String>,
    /// Bars and columns that are drawn.
    bars: u64,
    /// Each pair of text and background that occurs, as `rgb(…)`.
    colours: Vec<(String, String)>,
    /// What the console said.
    #[serde(default)]
    console: Vec<String>,
}

/// Debian's name of the browser, or the one that `CHROMIUM_BIN` names.
fn chromium() -> Option<OsString> {
    let named = std::env::var_os("CHROMIUM_BIN").unwrap_or_else(|| "chromium".into());
    let there = Command::new(&named)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        let _closed = writeln!(
            std::io::stderr(),
            "SKIPPED: a bundle's page in a browser: no Chromium (apt-get install chromium, or set CHROMIUM_BIN)"
        );
    }
    there.then_some(named)
}

/// A browser's smallest window is wider than a phone, so the page is shown in a frame; the script around it measures.
fn frame(page: &str) -> String {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        r#"<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<iframe style="border:0;width:{PHONE}px;height:800px" srcdoc="{page}"></iframe><pre id="seen"></pre>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument;
  page.querySelectorAll("details").forEach(it => it.open = true);
  const all = [...page.body.querySelectorAll("*")];
  const ground = it => {{
    for (; it; it = it.parentElement) {{
      const colour = getComputedStyle(it).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }}
    return "rgb(255, 255, 255)";
  }};
  const written = all.filter(it => [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && !it.closest("title"));
  const pairs = written.map(it => {{
    const style = getComputedStyle(it);
    return JSON.stringify([it.closest("svg") ? style.fill : style.color, ground(it)]);
  }});
  document.getElementById("seen").textContent = "SEEN" + JSON.stringify({{
    width: page.documentElement.scrollWidth,
    beyond: all.filter(it => it.getBoundingClientRect().right > {PHONE} + 0.5).map(it => it.tagName + "." + it.className),
    bars: all.filter(it => it.classList.contains("bar") && it.getBoundingClientRect().width > 0).length,
    colours: [...new Set(pairs)].map(pair => JSON.parse(pair)),
  }}) + "NEES";
}});
</script>"#
    )
}

/// Opens a file and hands back the document as it is then, and what the console said.
fn opened(browser: &OsString, dir: &Path, file: &Path, dark: bool) -> (String, Vec<String>) {
    let (out, err) = (dir.join("out"), dir.join("err"));
    let mut child = Command::new(browser)
        .args([
            "--headless",
            // It opens nothing but our own file, and its sandbox doesn't work for root.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // They would take their width from the frame.
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .args(dark.then_some("--force-dark-mode"))
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > ALLOWED {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!(
                "the browser did not end: {}",
                fs::read_to_string(&err).unwrap()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let console = String::from_utf8_lossy(&fs::read(&err).unwrap())
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .map(str::to_owned)
        .collect();
    (fs::read_to_string(&out).unwrap(), console)
}

fn seen(browser: &OsString, page: &str, dark: bool) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (_, alone) = opened(browser, dir.path(), &file("page.html", page), dark);
    let framed = file("frame.html", &frame(page));
    let (document, console) = opened(browser, dir.path(), &framed, dark);
    // The script's own text comes later in the document than what it has written.
    let (_, text) = document.split_once("SEEN").unwrap();
    let (text, _) = text.split_once("NEES").unwrap();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let mut seen: Seen = serde_json::from_str(&text).unwrap();
    seen.console.extend(alone.into_iter().chain(console));
    seen
}

/// WCAG 2.2's contrast of two colours written as `rgb(1, 2, 3)`.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| -> f64 {
        let inner = colour
            .strip_prefix("rgb(")
            .and_then(|it| it.strip_suffix(')'));
        let parts = inner.unwrap_or_else(|| panic!("{colour}")).split(',');
        let linear = parts.map(|part| {
            let share = part.trim().parse::<f64>().unwrap() / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        linear
            .zip([0.2126, 0.7152, 0.0722])
            .map(|(part, weight)| part * weight)
            .sum()
    };
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

fn origin() -> Origin {
    Origin {
        source: SourceKind::AdminApi,
        synapse_version: Some("1.163.2".into()),
        server_name: "a-rather-long-name-of-a-server.department.ferry.test"
            .try_into()
            .unwrap(),
        exported_ts: 1_785_592_800_000,
        stream_position: None,
        wanted: Wanted::default(),
    }
}

/// What is hard to lay out, and what must not run.
fn figures() -> Figures {
    let mut figures = Figures::default();
    let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
        .repeat(3);
    let names = [
        long.as_str(),
        "<script>console.error(1)</script>",
        "שלום \u{202e}gnp",
        "\"'>",
    ];
    for (number, name) in (1_u64..).zip(names) {
        let room = json!({
            "room_id": format!("!{}{number}:ferry.test", "r".repeat(200)), "name": name,
            "version": number.to_string(), "joined_members": number * 1_000_000, "event_count": number * 123_456_789,
        });
        figures.room(&serde_json::from_value(room).unwrap());
        for month in 0..60 {
            figures.event_ts(1_785_592_800_000 - month * 2_600_000_000 * number / 4);
        }
        figures.media(
            ["image/png", "video/mp4", "application/octet-stream", "x"]
                [usize::try_from(number).unwrap() - 1],
            number * 77_000_000,
        );
        figures.problem(&Problem {
            step: name.into(),
            subject: format!("${}", "e".repeat(300)),
            reason: format!("https://{}", "x".repeat(400)),
        });
    }
    figures.count("key backup sessions", 123_456_789);
    figures
}

#[test]
fn a_phone_shows_all_of_it_in_both_colour_schemes() {
    let Some(browser) = chromium() else { return };
    let mut grounds = Vec::new();
    for dark in [false, true] {
        for figures in [Figures::default(), figures()] {
            let seen = seen(&browser, &page(&origin(), &figures), dark);
            assert_eq!(seen.console, [""; 0], "dark: {dark}");
            assert_eq!((seen.width, seen.beyond.as_slice()), (PHONE, [].as_slice()));
            assert_eq!(seen.bars > 40, figures.rooms.all > 0, "{}", seen.bars);
            assert!(seen.colours.len() > 2, "{:?}", seen.colours);
            for (text, ground) in &seen.colours {
                let contrast = contrast(text, ground);
                assert!(
                    contrast >= LEAST_CONTRAST,
                    "{text} on {ground}: {contrast:.2}, dark: {dark}"
                );
            }
            grounds.push(seen.colours[0].1.clone());
        }
    }
    assert_ne!(grounds[0], grounds[2], "one ground for both colour schemes");
}

#[test]
fn a_bad_page_is_found_bad() {
    let Some(browser) = chromium() else { return };
    let bad = r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>x</title></head>
        <body><p style="width:500px;color:rgb(250, 250, 250)">text</p><script>console.error("it ran")</script></body></html>"#;
    let seen = seen(&browser, bad, false);
    assert!(
        seen.console.iter().any(|line| line.contains("it ran")),
        "{seen:?}"
    );
    assert!(
        seen.width > PHONE && seen.beyond.iter().any(|it| it.starts_with("P.")),
        "{seen:?}"
    );
    let (text, ground) = &seen.colours[0];
    assert!(contrast(text, ground) < LEAST_CONTRAST);
}

//! What people say: a fixed list, with the texts that break careless programs.

/// Said round and round.
const LINES: [&str; 24] = [
    "Good morning, everybody.",
    "Has the ferry come in yet?",
    "Grüße aus dem Fährhaus – schön ist's hier!",
    "日本語の本文もそのまま運ばれるはずです。",
    "👩‍👩‍👧‍👦 🏳️‍🌈 ⛴️ 🇪🇺 1️⃣",
    "שלום עולם, مرحبا بالعالم",
    "é and e\u{301} look the same and are not.",
    "a zero\u{200b}width space and a \u{feff} mark",
    "<b>not markup</b> &amp; \"quotes\", a back\\slash and a 'single' one",
    "line one\nline two\n\n\tand a tab",
    "https://example.org/?q=a%20b&c=d#e",
    "    leading and trailing blanks    ",
    "𝕱𝖗𝖆𝖐𝖙𝖚𝖗 from beyond the basic plane",
    "{\"looks\": \"like JSON\", \"n\": [1, 2, 3]}",
    "The tide turns at half past six.",
    "I can't make it tonight.",
    "Who has the key to the boathouse?",
    "¿Dónde está la biblioteca?",
    "Не забудьте вёсла",
    "1 < 2 > 0, 5 % 3 = 2, ${HOME}, $(id), `ls`, %s %n {0}",
    "...",
    "ok",
    "See you on the other side.",
    "\u{2028}line and \u{2029}paragraph separators",
];

/// The n-th thing said.
pub(in crate::lab) fn line(number: usize) -> &'static str {
    LINES[number % LINES.len()]
}

/// The n-th reaction.
pub(in crate::lab) fn emoji(number: usize) -> &'static str {
    ["👍", "🎉", "❤️", "⛴️", "+1"][number % 5]
}

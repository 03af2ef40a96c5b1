//! Small pieces of text: numbers, sizes, durations, times, and other people's words made safe.

use std::fmt::Write;

/// Somebody else's text inside Markdown: nothing in it formats, links or ends the line.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~' | '&' => {
                safe.push('\\');
                safe.push(c);
            }
            c if is_unseen(c) => safe.push(' '),
            c => safe.push(c),
        }
        safe
    })
}

/// Control characters, and those that turn a line around or hide in it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Somebody else's text where nothing else has to be escaped: each character that isn't seen is a space.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if is_unseen(c) { ' ' } else { c })
        .collect()
}

/// A sentence of ours or of a server: like [`escape`], but what stands between backticks stays code.
#[must_use]
pub fn sentence(text: &str) -> String {
    if !text.matches('`').count().is_multiple_of(2) {
        return escape(text);
    }
    text.split('`')
        .enumerate()
        .map(|(number, part)| match number % 2 {
            0 => escape(part),
            _ if part.is_empty() => String::new(),
            _ => code(part),
        })
        .collect()
}

/// An identifier as code.
#[must_use]
pub fn code(text: &(impl ToString + ?Sized)) -> String {
    let text: String = text
        .to_string()
        .chars()
        .map(|c| match c {
            '`' => '\'',
            c if is_unseen(c) => ' ',
            c => c,
        })
        .collect();
    format!("`{text}`")
}

/// `1 room`, `2 rooms`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        number_of(number),
        if number == 1 { one } else { many }
    )
}

/// `12,345`.
#[must_use]
pub fn number_of(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length as a number, however big.
#[must_use]
pub fn len<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// `1.4 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// `2 h 5 min`, `3 min 20 s`, `1.4 s`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", ms % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// [`duration`] of something that is over, also if it took no time to speak of.
#[must_use]
pub fn took(ms: u64) -> String {
    if ms < 100 {
        "a moment".to_owned()
    } else {
        duration(ms)
    }
}

/// A time to come, as exactly as it can be known: `a few seconds`, `about 30 s`, `about 3 min`, `about 2 h 10 min`.
#[must_use]
pub fn about(ms: u64) -> String {
    let nearest = |number: u64, step: u64| (number + step / 2) / step * step;
    let seconds = ms.div_ceil(1_000);
    let minutes = nearest(seconds, 60) / 60;
    let tens = nearest(minutes, 10);
    match seconds {
        0..8 => "a few seconds".to_owned(),
        8..58 => format!("about {} s", nearest(seconds, 5)),
        58..3_570 => format!("about {minutes} min"),
        _ if tens >= 36 * 60 => format!("about {} days", nearest(minutes, 24 * 60) / (24 * 60)),
        _ if tens % 60 == 0 => format!("about {} h", tens / 60),
        _ => format!("about {} h {} min", tens / 60, tens % 60),
    }
}

/// `120 per second`, `2.5 per second`, `40 per minute`, `3 per hour`.
#[must_use]
pub fn per_time(per_second: f64) -> String {
    let rounded = |rate: f64| {
        format!("{rate:.0}")
            .parse()
            .map_or_else(|_| "many".into(), number_of)
    };
    if per_second >= 9.95 {
        format!("{} per second", rounded(per_second))
    } else if per_second >= 0.995 {
        format!("{per_second:.1} per second")
    } else if per_second * 60.0 >= 0.995 {
        format!("{} per minute", rounded(per_second * 60.0))
    } else {
        format!("{} per hour", rounded(per_second * 3_600.0))
    }
}

/// `2026-08-01 14:05:00 UTC`.
#[must_use]
pub fn time(ms: u64) -> String {
    formatted(ms, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-08-01T14-05-00Z`, which every file system takes.
#[must_use]
pub fn file_time(ms: u64) -> String {
    formatted(ms, "%Y-%m-%dT%H-%M-%SZ")
}

fn formatted(ms: u64, format: &str) -> String {
    let time = i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let mut text = String::new();
    let _infallible = write!(text, "{}", time.unwrap_or_default().strftime(format));
    text
}

/// The first entries of a list as Markdown, and how many more there are.
#[must_use]
pub fn first(lines: impl IntoIterator<Item = String>, limit: usize) -> String {
    let mut lines = lines.into_iter();
    let mut text = String::new();
    for line in lines.by_ref().take(limit) {
        let _infallible = writeln!(text, "- {line}");
    }
    let more = lines.count();
    if more > 0 {
        let _infallible = writeln!(text, "- … and {more} more, see the report");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_its_line_around() {
        assert_eq!(escape("a\u{202e}b\u{200b}c"), "a b c");
        assert_eq!(code("a\u{2066}b\u{feff}"), "`a b `");
        assert_eq!(escape("שלום"), "שלום");
    }

    #[test]
    fn pieces() {
        assert_eq!(number_of(1_234_567), "1,234,567");
        assert_eq!(number_of(999), "999");
        assert_eq!(count(1, "room", "rooms"), "1 room");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_450_000), "1.4 MB");
        assert_eq!(duration(1_450), "1.4 s");
        assert_eq!((took(99), took(100)), ("a moment".into(), "0.1 s".into()));
        assert_eq!(duration(200_000), "3 min 20 s");
        assert_eq!(duration(7_500_000), "2 h 5 min");
        assert_eq!(time(1_785_592_800_000), "2026-08-01 14:00:00 UTC");
        assert_eq!(file_time(0), "1970-01-01T00-00-00Z");
    }

    #[test]
    fn times_to_come_are_as_exact_as_they_can_be() {
        let said = |seconds: u64| about(seconds * 1_000);
        assert_eq!(about(0), "a few seconds");
        assert_eq!(said(8), "about 10 s");
        assert_eq!(said(57), "about 55 s");
        assert_eq!(said(58), "about 1 min");
        assert_eq!(said(89), "about 1 min");
        assert_eq!(said(150), "about 3 min");
        assert_eq!(said(3_569), "about 59 min");
        assert_eq!(said(3_570), "about 1 h");
        assert_eq!(said(7_900), "about 2 h 10 min");
        assert_eq!(said(35 * 3_600), "about 35 h");
        assert_eq!(said(36 * 3_600), "about 2 days");
        assert_eq!(per_time(1_234.4), "1,234 per second");
        assert_eq!(per_time(9.94), "9.9 per second");
        assert_eq!(per_time(0.999), "1.0 per second");
        assert_eq!(per_time(0.5), "30 per minute");
        assert_eq!(per_time(0.001), "4 per hour");
    }

    #[test]
    fn other_peoples_words_stay_words() {
        assert_eq!(escape("a_b <img>\n# [x](y)"), r"a\_b \<img\> \# \[x\](y)");
        assert_eq!(code("!a`b:x"), "`!a'b:x`");
        assert_eq!(
            sentence("send `!admin a_b` to <x>"),
            r"send `!admin a_b` to \<x\>"
        );
        assert_eq!(sentence("one ` only"), r"one \` only");
    }
}

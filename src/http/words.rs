//! Others' words, before an error repeats them.

/// Characters of a server's own words that an error repeats.
const LONGEST_WORDS: usize = 500;

/// A server's words, shortened. Tuwunel 1.4.6 quotes the address it called, with the `hs_token` in the query.
pub(super) fn words(text: &str) -> String {
    const NAME: &str = "access_token=";
    let mut parts = text.split(NAME);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(NAME);
        clean.push('…');
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~%+/=".contains(c);
        clean.push_str(part.trim_start_matches(is_token));
    }
    clean.chars().take(LONGEST_WORDS).collect()
}

/// The cause that says most: "connection refused" rather than "error sending request".
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_servers_words_is_cut_out() {
        assert_eq!(
            words("for url (http://b/ping?access_token=s3cRet_-1&x=1): and access_token=s3cret"),
            "for url (http://b/ping?access_token=…&x=1): and access_token=…"
        );
        assert_eq!(words("plain"), "plain");
        assert_eq!(words(&"ü".repeat(600)).chars().count(), LONGEST_WORDS);
    }
}

//! What time it is on a server: the `Date` header of its answer (RFC 9110, section 6.6.1).

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};

use super::{Http, Request};
use crate::Result;

impl Http {
    /// The server's time in milliseconds since the Unix epoch, to the second; `None` if its answer doesn't say. One try.
    pub async fn date(&self, request: &Request) -> Result<Option<u64>> {
        let answer = self.answered(request).await.map_err(|fault| fault.error)?;
        Ok(date(answer.headers()))
    }
}

fn date(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_time() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, text.parse().unwrap());
            date(&headers)
        };
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(of("yesterday"), None);
        assert_eq!(date(&HeaderMap::new()), None);
    }
}

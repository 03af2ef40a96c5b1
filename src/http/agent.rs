//! What sends the bytes: no redirects, and no proxy on this machine.

use std::{net::IpAddr, time::Duration};

use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::{Error, Result};

/// A server that is there accepts within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For requests to the server at `base`.
pub(super) fn of(base: &str) -> Result<Client> {
    built(if is_loopback(base) {
        builder().no_proxy()
    } else {
        builder()
    })
}

/// The same on this machine, but with any certificate.
pub(super) fn trusting() -> Result<Client> {
    built(builder().no_proxy().danger_accept_invalid_certs(true))
}

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would carry the token to whoever it names.
        .redirect(Policy::none())
        .user_agent(concat!("ferryman/", env!("CARGO_PKG_VERSION")))
}

fn built(builder: ClientBuilder) -> Result<Client> {
    builder
        .build()
        .map_err(|error| Error::Config(format!("no HTTP client can be made: {error}")))
}

/// Whether a request stays on this machine, where a proxy has no business.
fn is_loopback(base: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(base) else {
        return false;
    };
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_name_and_by_address() {
        for here in [
            "http://localhost:8008",
            "http://127.0.0.2",
            "https://[::1]:8448",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "https://localhost.example.org",
            "http://10.0.0.1",
            "nothing",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}

//! The reverse proxies that the switch has words for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What stands between the servers and everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proxy {
    /// nginx.
    Nginx,
    /// Caddy 2.
    Caddy,
    /// `HAProxy` 2.2 or newer.
    Haproxy,
    /// Traefik 3.
    Traefik,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Caddy, Self::Haproxy, Self::Traefik];

    /// The word for it in the configuration and in a command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Traefik => "traefik",
        }
    }
}

/// As it calls itself.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::Haproxy => "HAProxy",
            Self::Traefik => "Traefik",
        })
    }
}

/// The error is the text itself.
impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let proxy = Self::ALL.into_iter().find(|proxy| proxy.name() == text);
        proxy.ok_or_else(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_word() {
        for proxy in Proxy::ALL {
            assert_eq!(proxy.name().parse(), Ok(proxy));
            assert_eq!(proxy.to_string().to_lowercase(), proxy.name());
        }
        assert_eq!("apache".parse::<Proxy>(), Err("apache".to_owned()));
    }
}

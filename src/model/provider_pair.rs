//! A provider of single sign-on by both servers' names of it.

use std::str::FromStr;

/// One provider, as both servers call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Synapse's `auth_provider`, such as `oidc-keycloak`.
    pub synapse: String,
    /// Tuwunel's provider ID.
    pub target: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((synapse, target)) if !synapse.is_empty() && !target.is_empty() => Ok(Self {
                synapse: synapse.to_owned(),
                target: target.to_owned(),
            }),
            _ => Err("write it as oidc-keycloak=CLIENT_ID".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_two_parts() {
        let pair: Pair = "oidc-a=x=y".parse().unwrap();
        assert_eq!(
            (pair.synapse.as_str(), pair.target.as_str()),
            ("oidc-a", "x=y")
        );
        for odd in ["", "oidc", "=x", "oidc="] {
            assert!(odd.parse::<Pair>().is_err(), "{odd}");
        }
    }
}

//! One check per kind of value: each failure is a sentence that names the key and the remedy.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::header::HeaderName;
use ruma::{OwnedRoomOrAliasId, OwnedServerName, OwnedUserId};

use super::{Proxy, Trust};
use crate::{Error, Result, secret::SecretString};

/// Domains that stand for the operator's own in samples and documentation.
const SAMPLE_DOMAINS: [&str; 3] = ["example.org", "example.com", "example.net"];

/// What the sample has in place of secrets.
const SAMPLE_SECRET: &str = "paste-";

/// Refuses an empty value, surrounding blanks, and what is still from the sample.
pub(super) fn plain(key: &str, value: &str) -> Result<()> {
    if value.trim().is_empty() {
        return wrong(key, "is empty: give it a value, or leave it out");
    }
    if value != value.trim() || value.chars().any(char::is_control) {
        return wrong(
            key,
            "begins or ends with a blank, or contains a line break: remove it",
        );
    }
    if is_placeholder(value) {
        return wrong(key, "still has the sample's value: put in your own");
    }
    Ok(())
}

/// A secret that may be any text, blanks and all, but not the sample's.
pub(super) fn secret(key: &str, value: &str) -> Result<SecretString> {
    if value.starts_with(SAMPLE_SECRET) {
        return wrong(key, "still has the sample's value: put in your own");
    }
    Ok(value.into())
}

fn is_placeholder(value: &str) -> bool {
    if value.contains(SAMPLE_SECRET) {
        return true;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    value.split(|c| !is_part(c)).any(|host| {
        SAMPLE_DOMAINS.iter().any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    })
}

/// A setting that can't be used.
pub(super) fn wrong<T>(key: &str, why: &str) -> Result<T> {
    Err(Error::Config(format!("{key} {why}")))
}

/// `http://host:port` or `https://host`, without a trailing slash.
pub(super) fn url(key: &str, value: &str) -> Result<String> {
    let sample = "such as https://matrix.your.server or http://127.0.0.1:8008";
    let Ok(url) = reqwest::Url::parse(value) else {
        return wrong(key, &format!("is not an address: write one {sample}"));
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return wrong(
            key,
            &format!("must begin with http:// or https://: write one {sample}"),
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(key, "contains a user name or password: remove it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(key, "contains ? or #: give the base address only");
    }
    if url.path().contains("/_matrix") || url.path().contains("/_synapse") {
        return wrong(key, "contains an API path: give the base address only");
    }
    if url.port() == Some(0) {
        return wrong(key, "has port 0: give the port on which the server listens");
    }
    Ok(value.trim_end_matches('/').to_owned())
}

/// `address:port` to listen on.
pub(super) fn listen(key: &str, value: &str) -> Result<SocketAddr> {
    match value.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => wrong(
            key,
            "has port 0: choose the port, the other side must know it",
        ),
        Ok(address) => Ok(address),
        Err(_) => wrong(
            key,
            "is not an IP address with a port: write it as 127.0.0.1:29330 or [::1]:29330",
        ),
    }
}

/// A server's name, with or without port.
pub(super) fn server_name(key: &str, value: &str) -> Result<OwnedServerName> {
    if value.contains("://") || value.contains('/') {
        return wrong(
            key,
            "is an address: give the name only, the part after the colon in your users' IDs",
        );
    }
    OwnedServerName::try_from(value).or_else(|_| {
        wrong(
            key,
            "is not a server name: give the part after the colon in your users' IDs",
        )
    })
}

/// `@localpart:server`.
pub(super) fn user_id(key: &str, value: &str) -> Result<OwnedUserId> {
    OwnedUserId::try_from(value).or_else(|_| {
        wrong(
            key,
            &format!("has {value:?}, which is not a user ID: write it as @you:your.server"),
        )
    })
}

/// `!id:server` or `#alias:server`.
pub(super) fn room(key: &str, value: &str) -> Result<OwnedRoomOrAliasId> {
    OwnedRoomOrAliasId::try_from(value).or_else(|_| {
        wrong(
            key,
            "is neither a room ID (!…) nor an alias (#…:your.server)",
        )
    })
}

/// The part of a user ID before the colon.
pub(super) fn localpart(key: &str, value: &str) -> Result<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._=-/+".contains(c);
    if !value.chars().all(fits) {
        return wrong(
            key,
            "is not a new user's localpart: use only a-z, 0-9 and . _ = - / +, without @ and server",
        );
    }
    Ok(value.to_owned())
}

/// The name of an HTTP header.
pub(super) fn header(key: &str, value: &str) -> Result<HeaderName> {
    HeaderName::try_from(value)
        .or_else(|_| wrong(key, "is no name of a header: write it as X-Forwarded-For"))
}

/// A number of days.
pub(super) fn days(key: &str, value: &str) -> Result<u32> {
    match value.parse() {
        Ok(days) if (1..=3650).contains(&days) => Ok(days),
        _ => wrong(
            key,
            "is not a number of days: write one from 1 to 3650, in quotes",
        ),
    }
}

/// Seconds between two edits of a message.
pub(super) fn edit_every(key: &str, value: &str) -> Result<Duration> {
    match value.parse() {
        Ok(seconds) if (1..=600).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => wrong(
            key,
            "is not a number of seconds: write one from 1 to 600, in quotes",
        ),
    }
}

/// A power level of a room.
pub(super) fn power_level(key: &str, value: &str) -> Result<i64> {
    match value.parse() {
        Ok(level) if (0..=100).contains(&level) => Ok(level),
        _ => wrong(
            key,
            "is not a power level: write one from 0 to 100, in quotes",
        ),
    }
}

/// Yes or no.
pub(super) fn yes(key: &str, value: &str) -> Result<bool> {
    match value {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => wrong(key, "is neither \"yes\" nor \"no\": write one of them"),
    }
}

/// Whose devices may order in an encrypted room.
pub(super) fn trust(key: &str, value: &str) -> Result<Trust> {
    match value {
        "any" => Ok(Trust::Any),
        "cross-signed" => Ok(Trust::CrossSigned),
        _ => wrong(
            key,
            "is neither \"any\" nor \"cross-signed\": write one of them",
        ),
    }
}

/// A reverse proxy that we have words for.
pub(super) fn proxy(key: &str, value: &str) -> Result<Proxy> {
    value.parse().or_else(|_| {
        let names: Vec<_> = Proxy::ALL.iter().map(|proxy| proxy.name()).collect();
        wrong(
            key,
            &format!(
                "is none that Ferryman has words for: write one of {}, or leave it out",
                names.join(", ")
            ),
        )
    })
}

/// A file that must be there.
pub(super) fn file(key: &str, value: &str) -> Result<PathBuf> {
    let path = PathBuf::from(value);
    if path.is_file() {
        Ok(path)
    } else {
        wrong(key, &format!("names {value}, which is not a file"))
    }
}

/// A folder that must be there.
pub(super) fn folder(key: &str, path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        Ok(path.to_owned())
    } else {
        wrong(
            key,
            &format!("names {}, which is not a folder", path.display()),
        )
    }
}

/// A file or a folder that must be there.
pub(super) fn file_or_folder(key: &str, path: &Path) -> Result<PathBuf> {
    if path.is_file() || path.is_dir() {
        Ok(path.to_owned())
    } else {
        wrong(
            key,
            &format!(
                "names {}, which is neither a file nor a folder",
                path.display()
            ),
        )
    }
}

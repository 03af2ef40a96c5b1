//! The old server's signing keys: the target must publish them, or no other server could check what was said before
//! the switch.
//!
//! The target learns them from the resident with the first join, and then shows them under `old_verify_keys`
//! (`GET /_matrix/key/v2/server`).

use std::collections::BTreeMap;

use super::{context::Import, outcome::Comparison};
use crate::{
    Error, Result,
    bundle::Bundle,
    resident::notary,
    target::{PublishedKeys, Target},
};

/// The old server's current public keys in a bundle: ID to unpadded base64.
pub fn of(bundle: &Bundle) -> Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    let stored = bundle.server_keys()?;
    for object in stored.get(bundle.server_name()).into_iter().flatten() {
        keys.extend(notary::verify_keys(object).unwrap_or_default());
    }
    Ok(keys)
}

/// Each key of the bundle against what the target publishes.
pub async fn compare(target: &Target, bundle: &Bundle) -> Result<Comparison> {
    Ok(comparison(&of(bundle)?, &target.published_keys().await?))
}

/// Stops the import if the target has not taken the keys from the resident with its first join.
pub(super) async fn check(import: &Import) -> Result<()> {
    let comparison = compare(&import.target, &import.bundle).await?;
    match comparison.differences.as_slice() {
        [] => Ok(()),
        missing => Err(Error::Setup(format!(
            "{}, so no other server could check what was said before the switch: set trusted_servers = [\"{}\"] in the target's configuration, restart it, and import again",
            missing.join("; "),
            import.resident.identity.name
        ))),
    }
}

/// The old server's keys against published ones.
#[must_use]
pub fn comparison(wanted: &BTreeMap<String, String>, published: &PublishedKeys) -> Comparison {
    let mut comparison = Comparison {
        expected: wanted.len() as u64,
        ..Comparison::default()
    };
    for (id, key) in wanted {
        match published.old.get(id).or_else(|| published.current.get(id)) {
            Some(there) if there == key => comparison.equal += 1,
            Some(_) => comparison.differences.push(format!(
                "the target publishes another key as the old server's {id}"
            )),
            None => comparison.differences.push(format!(
                "the target does not publish the old server's key {id}"
            )),
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(id, key): &(&str, &str)| ((*id).to_owned(), (*key).to_owned());
        keys.iter().map(owned).collect()
    }

    #[test]
    fn a_key_must_be_there_and_the_same() {
        let published = PublishedKeys {
            current: keys(&[("ed25519:new", "bmV3")]),
            old: keys(&[("ed25519:a", "b2xk"), ("ed25519:b", "b3RoZXI")]),
        };
        let wanted = keys(&[
            ("ed25519:a", "b2xk"),
            ("ed25519:b", "b2xkZXI"),
            ("ed25519:c", "b2xkZXN0"),
        ]);
        let comparison = comparison(&wanted, &published);
        assert_eq!((comparison.expected, comparison.equal), (3, 1));
        assert_eq!(
            comparison.differences,
            [
                "the target publishes another key as the old server's ed25519:b",
                "the target does not publish the old server's key ed25519:c"
            ]
        );
    }
}

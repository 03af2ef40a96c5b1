//! `GET /_matrix/client/v3/profile/{user_id}`

use ruma::UserId;
use serde_json::{Map, Value};

use super::{Client, Who};
use crate::{
    Error, Result,
    http::{Request, encode},
};

/// The first Synapse that has custom profile fields: its release notes name MSC4133.
const CUSTOM_FIELDS_SINCE: (u32, u32) = (1, 123);

impl Client {
    /// The fields of a profile beyond name and picture. None without a profile.
    ///
    /// Synapse limits these requests (`rc_profile`): 500, then one a second. They are counted by who asks.
    pub async fn custom_profile(&self, who: &Who, user: &UserId) -> Result<Map<String, Value>> {
        let path = format!("/_matrix/client/v3/profile/{}", encode(user.as_str()));
        match self.http.send(&who.asks(Request::get(path))).await {
            Ok(mut profile) => {
                Map::remove(&mut profile, "displayname");
                Map::remove(&mut profile, "avatar_url");
                Ok(profile)
            }
            Err(Error::Answer { status: 404, .. }) => Ok(Map::new()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a Synapse of this version can have custom profile fields; one of unknown version can.
pub fn has_custom_profiles(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= CUSTOM_FIELDS_SINCE,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_fields_came_with_1_123() {
        for (version, has) in [
            ("1.122.0", false),
            ("1.123.0rc1", true),
            ("1.163.2 (b=main,1234567)", true),
            ("2.0.0", true),
            ("0.99.5", false),
            ("develop", true),
        ] {
            assert_eq!(has_custom_profiles(version), has, "{version}");
        }
    }
}

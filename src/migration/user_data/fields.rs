//! Fields of the profile beyond name and picture.

use ruma::UserId;
use serde_json::{Map, Value};

use super::refused::Refused;
use crate::{Result, migration::outcome::Comparison, target::Target};

/// Sets what differs.
pub(super) async fn set(
    target: &Target,
    user: &UserId,
    wanted: &Map<String, Value>,
    refused: &mut Refused,
) -> Result<()> {
    for (field, value) in wanted {
        if target.profile_field(user, field).await?.as_ref() == Some(value) {
            continue;
        }
        let set = target.set_profile_field(user, field, value).await;
        refused.note(|| name(field), set)?;
    }
    Ok(())
}

/// Compares all of them.
pub(super) async fn compare(
    target: &Target,
    user: &UserId,
    wanted: &Map<String, Value>,
    comparison: &mut Comparison,
) -> Result<()> {
    for (field, value) in wanted {
        comparison.expected += 1;
        match target.profile_field(user, field).await? {
            Some(there) if there == *value => comparison.equal += 1,
            Some(there) => {
                let what = format!("{user}: {} is {there} instead of {value}", name(field));
                comparison.differences.push(what);
            }
            None => {
                let what = format!("{user}: {} is missing", name(field));
                comparison.differences.push(what);
            }
        }
    }
    Ok(())
}

fn name(field: &str) -> String {
    format!("the profile's field {field}")
}

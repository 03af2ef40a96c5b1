//! Fields of the profile beyond name and picture.

use ruma::UserId;
use serde_json::{Map, Value};

use super::refused::Refused;
use crate::{Result, migration::outcome::Comparison, target::Target};

/// The time zone, by its name in the specification, the one before, and that of Tuwunel 1.4.
const TIME_ZONE: [&str; 3] = ["m.tz", "us.cloke.msc4175.tz", "tz"];

/// How a refused one is told.
pub(super) const KIND: &str = "the profile's field";

/// How a field is on the target.
#[derive(Debug, PartialEq)]
enum There<'a> {
    Same,
    /// As a text that holds its JSON: Tuwunel 1.4 shows all texts and numbers so.
    Quoted,
    Other(&'a Value),
    Missing,
}

/// Sets what differs.
pub(super) async fn set(
    target: &Target,
    user: &UserId,
    wanted: &Map<String, Value>,
    refused: &mut Refused,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let profile = target.profile_fields(user).await?;
    let differing = |profile: &Map<String, Value>, field: &str, value: &Value| {
        !matches!(there(profile, field, value), There::Same | There::Quoted)
    };
    for (field, value) in wanted {
        if differing(&profile, field, value) {
            let set = target.set_profile_field(user, field, value).await;
            refused.note(|| name(field), set)?;
        }
    }
    for (field, value) in wanted.iter().filter(|(field, _)| is_time_zone(field)) {
        let profile = target.profile_fields(user).await?;
        if there(&profile, field, value) != There::Same {
            let set = target.set_time_zone(user, value).await;
            refused.note(|| name(field), set)?;
        }
    }
    Ok(())
}

fn is_time_zone(field: &str) -> bool {
    TIME_ZONE.contains(&field)
}

fn there<'a>(profile: &'a Map<String, Value>, field: &str, value: &Value) -> There<'a> {
    let other_names = TIME_ZONE.iter().filter(|_| is_time_zone(field));
    let mut names = std::iter::once(field).chain(other_names.copied());
    match names.find_map(|name| profile.get(name)) {
        None => There::Missing,
        Some(there) if there == value => There::Same,
        Some(Value::String(there))
            if serde_json::to_string(value).is_ok_and(|value| value == *there) =>
        {
            There::Quoted
        }
        Some(there) => There::Other(there),
    }
}

/// Compares all of them.
pub(super) async fn compare(
    target: &Target,
    user: &UserId,
    wanted: &Map<String, Value>,
    comparison: &mut Comparison,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let profile = target.profile_fields(user).await?;
    for (field, value) in wanted {
        comparison.expected += 1;
        let name = format!("{user}: {}", name(field));
        match there(&profile, field, value) {
            There::Same => comparison.equal += 1,
            There::Quoted => comparison
                .known
                .push(format!("{name}: the target shows it in quotes")),
            There::Other(there) => comparison
                .differences
                .push(format!("{name} is {there} instead of {value}")),
            There::Missing => comparison.differences.push(format!("{name} is missing")),
        }
    }
    Ok(())
}

fn name(field: &str) -> String {
    format!("{KIND} {field}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_a_field_is_there() {
        let profile = json!({ "tz": "Europe/Berlin", "a": "42", "b": [1], "c": "\"x\"" });
        let profile = profile.as_object().unwrap();
        let there = |field, value| there(profile, field, &value);
        assert_eq!(there("m.tz", json!("Europe/Berlin")), There::Same);
        assert_eq!(
            there("us.cloke.msc4175.tz", json!("Europe/Berlin")),
            There::Same
        );
        assert_eq!(there("a", json!(42)), There::Quoted);
        assert_eq!(there("a", json!("42")), There::Same);
        assert_eq!(there("c", json!("x")), There::Quoted);
        assert_eq!(there("b", json!([1])), There::Same);
        assert_eq!(there("b", json!([2])), There::Other(&json!([1])));
        assert_eq!(there("d", json!(null)), There::Missing);
    }
}

//! What the newest verification's report says: good, or not.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{Error, Result, operation::reports};

/// Whether the newest verification found nothing that differs. No report is no proof.
pub fn of(data_dir: &Path) -> Result<bool> {
    for report in reports::newest(data_dir)? {
        let name = report.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with("-verify.json") {
            let text = fs::read(&report).map_err(Error::file(&report))?;
            return Ok(serde_json::from_slice(&text).is_ok_and(|report| is_good(&report)));
        }
    }
    Ok(false)
}

/// There are rooms, and nowhere in the report is a difference or another order.
fn is_good(report: &Value) -> bool {
    let rooms = report["rooms"]
        .as_array()
        .is_some_and(|rooms| !rooms.is_empty());
    rooms && !differs(report)
}

fn differs(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| match name.as_str() {
            "differences" => value.as_array().is_none_or(|list| !list.is_empty()),
            "same_order" => *value == Value::Bool(false),
            _ => differs(value),
        }),
        Value::Array(values) => values.iter().any(differs),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(differences: &[&str], same_order: bool) -> Value {
        json!({
            "users": { "differences": [] },
            "rooms": [{ "members": { "differences": differences }, "same_order": same_order }],
        })
    }

    #[test]
    fn a_difference_or_another_order_is_seen() {
        assert!(is_good(&report(&[], true)));
        assert!(!is_good(&report(&["@a:x is leave instead of join"], true)));
        assert!(!is_good(&report(&[], false)));
        assert!(!is_good(&json!({ "rooms": [] })));
        assert!(!is_good(&json!("nonsense")));
    }

    #[test]
    fn no_report_is_no_proof() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!of(dir.path()).unwrap());
    }
}

//! Names of files in a bundle: relative, plain, short.

/// Bytes of a whole name.
const MAX_NAME: usize = 512;
/// Bytes between two slashes: what common file systems take.
const MAX_PART: usize = 255;
/// Directories within directories.
const MAX_DEPTH: usize = 16;

/// The name without a leading `./` and a trailing `/`, if it can't lead out of the directory that it is unpacked in.
///
/// The error is a clause that says what is wrong with it.
pub(super) fn checked(raw: &[u8]) -> Result<String, &'static str> {
    if raw.len() > MAX_NAME {
        return Err("has an over-long name");
    }
    let name = std::str::from_utf8(raw).map_err(|_| "has a name that is not UTF-8")?;
    if name.starts_with('/') {
        return Err("has an absolute path");
    }
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.is_empty() || name == "." {
        return Ok(String::new());
    }
    if name.split('/').count() > MAX_DEPTH {
        return Err("is too deep");
    }
    for part in name.split('/') {
        match part {
            ".." => return Err("has `..` in its path"),
            "" | "." => return Err("has an empty part in its path"),
            part if part.len() > MAX_PART => return Err("has an over-long name"),
            part if part.chars().any(|c| c.is_control() || c == '\\') => {
                return Err("has a control character or a backslash in its name");
            }
            _ => {}
        }
    }
    Ok(name.to_owned())
}

/// A name from outside for a message: control characters escaped, not longer than a line.
pub(super) fn shown(raw: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(raw).chars().take(100).collect();
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_pass() {
        assert_eq!(checked(b"users.json").unwrap(), "users.json");
        assert_eq!(
            checked(b"./events/00000.ndjson.zst").unwrap(),
            "events/00000.ndjson.zst"
        );
        assert_eq!(checked(b"events/").unwrap(), "events");
        assert_eq!(checked(b"./").unwrap(), "");
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for (name, reason) in [
            ("/etc/passwd", "has an absolute path"),
            ("a/../../b", "has `..` in its path"),
            ("..", "has `..` in its path"),
            ("a//b", "has an empty part in its path"),
            ("a/./b", "has an empty part in its path"),
            ("a\0b", "has a control character or a backslash in its name"),
            ("a\\b", "has a control character or a backslash in its name"),
        ] {
            assert_eq!(checked(name.as_bytes()), Err(reason), "{name}");
        }
        assert_eq!(checked(&[b'a'; 300]), Err("has an over-long name"));
        assert_eq!(checked(&[0xff]), Err("has a name that is not UTF-8"));
    }

    proptest! {
        #[test]
        fn whatever_passes_stays_inside(raw in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(name) = checked(&raw) {
                let path = std::path::Path::new(&name);
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}

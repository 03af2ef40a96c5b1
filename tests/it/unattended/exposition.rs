//! Prometheus' text format, read as strictly as its description has it: every sample belongs to the family whose `# HELP`
//! and `# TYPE` stand before it.

use std::collections::BTreeMap;

/// Samples by name and labels, as they stand on the page: `name{label="value"}`. All of ours are whole numbers.
pub(crate) type Samples = BTreeMap<String, u64>;

/// Reads a page; whatever is odd about it is an error.
pub(crate) fn parse(page: &str) -> Result<Samples, String> {
    if !page.ends_with('\n') {
        return Err("no line feed at the end".into());
    }
    let mut samples = Samples::new();
    let mut families = BTreeMap::new();
    let (mut described, mut family) = ("", "");
    for line in page.lines() {
        let odd = |why: &str| Err(format!("{why}: {line}"));
        if let Some(help) = line.strip_prefix("# HELP ") {
            match help.split_once(' ') {
                Some((name, text)) if is_name(name) && !text.is_empty() => described = name,
                _ => return odd("no description"),
            }
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = kind.split_once(' ') else {
                return odd("no type");
            };
            if name != described || !["gauge", "counter"].contains(&kind) {
                return odd("a type of something else");
            }
            if (kind == "counter") != name.ends_with("_total") {
                return odd("a name that misleads");
            }
            if families.insert(name, kind).is_some() {
                return odd("a family twice");
            }
            family = name;
        } else {
            let Some((series, value)) = line.rsplit_once(' ') else {
                return odd("no value");
            };
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            if name != family {
                return odd("a sample without its family");
            }
            let Some(labels) = labels.strip_suffix('}') else {
                return odd("labels without an end");
            };
            if !labels.is_empty() && !labels.split(',').all(is_label) {
                return odd("a label");
            }
            let Ok(value) = value.parse() else {
                return odd("no number");
            };
            if samples.insert(series.to_owned(), value).is_some() {
                return odd("a sample twice");
            }
        }
    }
    Ok(samples)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// None of ours has a comma, a quote or a backslash in its value.
fn is_label(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    is_name(name) && inner.is_some_and(|inner| !inner.contains(['"', '\\', '@', '!', '#']))
}

#[test]
fn what_is_odd_is_seen() {
    let head = "# HELP a_total Of all.\n# TYPE a_total counter\n";
    let good = format!("{head}a_total{{b=\"c\",d=\"\"}} 1\na_total 2\n");
    assert_eq!(parse(&good).unwrap().len(), 2);
    for bad in [
        "a_total 1\n".to_owned(),
        format!("{head}a_total 1"),
        format!("{head}a 1\n"),
        format!("{head}a_total one\n"),
        format!("{head}a_total{{b=c}} 1\n"),
        format!("{head}a_total{{b=\"@c:d\"}} 1\n"),
        format!("{head}a_total 1\na_total 1\n"),
        format!("{head}{head}"),
        head.replace("counter", "gauge"),
        head.replace("# HELP a_total Of all.\n", ""),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
}

//! `check-config`.

use std::fmt::Write;

/// Every setting, its value (secrets as `set`) and where it came from; then the warnings.
#[must_use]
pub fn text(settings: &[(&'static str, String, String)], warnings: &[String]) -> String {
    let mut text = String::new();
    for (key, value, origin) in settings {
        let _infallible = writeln!(text, "{key:24} {value}  ({origin})");
    }
    for warning in warnings {
        let _infallible = writeln!(text, "warning: {warning}");
    }
    text.push_str("The configuration can be used.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_warnings() {
        let settings = [
            ("server_name", "ferry.test".to_owned(), "file".to_owned()),
            (
                "synapse.admin_token",
                "set".to_owned(),
                "FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE".to_owned(),
            ),
        ];
        insta::assert_snapshot!(text(&settings, &["others can read it".to_owned()]), @r"
        server_name              ferry.test  (file)
        synapse.admin_token      set  (FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE)
        warning: others can read it
        The configuration can be used.
        ");
    }
}

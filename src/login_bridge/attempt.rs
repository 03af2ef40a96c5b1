//! Whose password a login gives: only where nothing about it is in doubt.

use ruma::{OwnedUserId, ServerName, UserId};
use serde::{Deserialize, de::IgnoredAny};

use crate::secret::{ExposeSecret, SecretString};

/// A login by password, for an account of this server.
pub(super) struct Attempt {
    /// The account as it was written.
    pub(super) user: OwnedUserId,
    /// The same in lower case. A homeserver looks for it if there is none as it was written.
    pub(super) lower: OwnedUserId,
    /// What was given as its password.
    pub(super) password: SecretString,
}

/// `POST /_matrix/client/*/login`, as far as it matters. A key that stands there twice is an error: servers differ in
/// which one they take.
#[derive(Deserialize)]
struct Login {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    // The old way to name an e-mail address.
    medium: Option<IgnoredAny>,
    password: Option<SecretString>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    user: Option<String>,
}

/// Nobody's passwords on the target: an account without one is closed, and `*` is Tuwunel's own mark of an account whose
/// password is kept elsewhere.
const NEVER_SET: [&str; 2] = ["", "*"];

impl Attempt {
    /// Reads a request's body. `None` is everything that is the homeserver's business alone: other kinds of login,
    /// third-party identifiers, users of other servers, and what can't be read.
    pub(super) fn read(body: &[u8], server: &ServerName) -> Option<Self> {
        let login: Login = serde_json::from_slice(body).ok()?;
        if login.kind != "m.login.password" {
            return None;
        }
        let user = match login.identifier {
            Some(identifier) if identifier.kind == "m.id.user" => identifier.user?,
            Some(_) => return None,
            None if login.medium.is_some() => return None,
            None => login.user?,
        };
        let password = login.password?;
        if NEVER_SET.contains(&password.expose_secret()) {
            return None;
        }
        let user = UserId::parse_with_server_name(user.as_str(), server).ok()?;
        if user.server_name() != server {
            return None;
        }
        let lower = user.localpart().to_lowercase();
        let lower = UserId::parse_with_server_name(lower.as_str(), server).ok()?;
        Some(Self {
            user,
            lower,
            password,
        })
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Option<(String, String, String)> {
        let attempt = Attempt::read(body.as_bytes(), server_name!("ferry.test"))?;
        Some((
            attempt.user.to_string(),
            attempt.lower.to_string(),
            attempt.password.expose_secret().to_owned(),
        ))
    }

    #[test]
    fn each_form_of_a_user_is_known() {
        let by = |identifier: serde_json::Value| {
            let body = json!({
                "type": "m.login.password", "identifier": identifier, "password": "p", "refresh_token": true, "x": [1],
            });
            read(&body.to_string()).map(|(user, lower, _)| (user, lower))
        };
        let bob = || Some(("@Bob:ferry.test".to_owned(), "@bob:ferry.test".to_owned()));
        assert_eq!(by(json!({ "type": "m.id.user", "user": "Bob" })), bob());
        assert_eq!(
            by(json!({ "type": "m.id.user", "user": "@Bob:ferry.test" })),
            bob()
        );
        let old = json!({ "type": "m.login.password", "user": "Bob", "password": "p" });
        assert_eq!(
            read(&old.to_string()).map(|(user, ..)| user),
            bob().map(|it| it.0)
        );
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let user = r#""identifier": {"type": "m.id.user", "user": "bob"}"#;
        for body in [
            "",
            "[]",
            "{",
            r#"{"type": "m.login.token", "token": "t"}"#,
            r#"{"type": "m.login.password", "password": "p"}"#,
            &format!(r#"{{"type": "m.login.password", {user}}}"#),
            &format!(r#"{{"type": "m.login.password", {user}, "password": ""}}"#),
            &format!(r#"{{"type": "m.login.password", {user}, "password": "*"}}"#),
            &format!(r#"{{"type": "m.login.password", {user}, "password": 1}}"#),
            // Which of the two would the homeserver take?
            &format!(r#"{{"type": "m.login.password", {user}, "password": "a", "password": "b"}}"#),
            &format!(r#"{{"type": "m.login.password", {user}, {user}, "password": "a"}}"#),
            r#"{"type": "m.login.password", "user": "bob", "medium": "email", "password": "p"}"#,
            r#"{"type": "m.login.password", "identifier": {"type": "m.id.thirdparty", "medium": "email", "address": "bob@x"}, "user": "bob", "password": "p"}"#,
            r#"{"type": "m.login.password", "user": "@bob:other.test", "password": "p"}"#,
            r#"{"type": "m.login.password", "user": "", "identifier": null}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}

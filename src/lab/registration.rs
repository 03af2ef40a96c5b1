//! An application service's registration, as plain data, and its two written forms.

use serde_json::{Value, json};

/// What both servers need to know of an application service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Unique name.
    pub id: String,
    /// Where events go; without one none are sent.
    pub url: Option<String>,
    /// The service's token towards the server.
    pub as_token: String,
    /// The server's token towards the service.
    pub hs_token: String,
    /// The service's own user.
    pub sender_localpart: String,
    /// Users that it may act for.
    pub users: Vec<Namespace>,
    /// Aliases that it may set.
    pub aliases: Vec<Namespace>,
}

/// Names that a registration covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Regular expression over whole IDs.
    pub regex: String,
    /// Nobody else may have them.
    pub exclusive: bool,
}

impl Namespace {
    /// For this service alone.
    pub fn exclusive(regex: impl Into<String>) -> Self {
        Self {
            regex: regex.into(),
            exclusive: true,
        }
    }

    /// For everybody.
    pub fn shared(regex: impl Into<String>) -> Self {
        Self {
            regex: regex.into(),
            exclusive: false,
        }
    }

    fn json(&self) -> Value {
        json!({ "regex": self.regex, "exclusive": self.exclusive })
    }
}

impl Registration {
    /// The registration file's content. JSON is YAML too, and nothing needs quoting by hand.
    #[must_use]
    pub fn yaml(&self) -> String {
        json!({
            "id": self.id,
            "url": self.url,
            "as_token": self.as_token,
            "hs_token": self.hs_token,
            "sender_localpart": self.sender_localpart,
            "rate_limited": false,
            "namespaces": {
                "users": all(&self.users),
                "aliases": all(&self.aliases),
                "rooms": [],
            },
        })
        .to_string()
    }

    /// The content of Tuwunel's `[global.appservice.<ID>]`. TOML has no null: an absent URL is left out.
    #[must_use]
    pub fn section(&self) -> Value {
        let mut section = json!({
            "as_token": self.as_token,
            "hs_token": self.hs_token,
            "sender_localpart": self.sender_localpart,
            "rate_limited": false,
            "users": all(&self.users),
            "aliases": all(&self.aliases),
        });
        if let Some(url) = &self.url {
            section["url"] = json!(url);
        }
        section
    }
}

fn all(namespaces: &[Namespace]) -> Vec<Value> {
    namespaces.iter().map(Namespace::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn puppets() -> Registration {
        Registration {
            id: "ferryman-puppets".to_owned(),
            as_token: "a".to_owned(),
            hs_token: "h".to_owned(),
            sender_localpart: "ferryman-puppets".to_owned(),
            users: vec![Namespace::shared("@.*:localhost:1")],
            ..Registration::default()
        }
    }

    #[test]
    fn without_a_url_synapse_reads_null_and_tuwunel_nothing() {
        let yaml: Value = serde_json::from_str(&puppets().yaml()).unwrap();
        assert_eq!(yaml["url"], Value::Null);
        assert_eq!(yaml["namespaces"]["users"][0]["exclusive"], false);
        assert!(puppets().section().get("url").is_none());
    }

    #[test]
    fn tuwunels_section_is_toml() {
        let text = toml::to_string(&puppets().section()).unwrap();
        assert!(text.contains("[[users]]"), "{text}");
    }
}

//! The list of every setting: its key in the file, its variable in the environment, its default.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted path in the file.
    pub path: &'static str,
    /// Never shown; also taken from a file named by `FERRYMAN_…_FILE`.
    pub secret: bool,
    /// Used where neither file nor environment says anything.
    pub default: Option<&'static str>,
}

const fn key(path: &'static str, default: Option<&'static str>) -> Key {
    Key {
        path,
        secret: false,
        default,
    }
}

/// Every setting, in the order in which `check-config` shows them.
pub const KEYS: &[Key] = &[
    key("server_name", None),
    key("operators", None),
    key("data_dir", Some("data")),
    key("synapse.url", None),
    key("synapse.server_name", None),
    Key {
        path: "synapse.admin_token",
        secret: true,
        default: None,
    },
    Key {
        path: "synapse.database",
        secret: true,
        default: None,
    },
    key("synapse.homeserver_yaml", None),
    key("synapse.media_path", None),
    key("synapse.signing_key_for_receipts", None),
    key("tuwunel.url", None),
    key("public.client_url", None),
    key("public.federation_url", None),
    key("public.proxy", None),
    key("bot.localpart", Some("ferryman")),
    key("bot.listen", Some("127.0.0.1:29330")),
    key("bot.url", None),
    key("bot.control_room", None),
    key("bot.min_power_level", None),
    key("bot.encrypted", Some("no")),
    key("bot.trust", Some("any")),
    key("bot.edit_every_s", Some("5")),
    key("bot.registration_dir", Some("registration")),
    key("resident.name", None),
    key("resident.listen", Some("0.0.0.0:8449")),
    key("resident.certificate", None),
    key("resident.private_key", None),
    key("login_bridge.listen", Some("127.0.0.1:29331")),
    key("login_bridge.address_header", None),
    Key {
        path: "login_bridge.pepper",
        secret: true,
        default: None,
    },
    key("login_bridge.days", None),
    key("bot_keys.list", None),
    key("metrics.listen", None),
];

/// Variables that begin with `FERRYMAN_` and are no settings.
const OTHER_VARIABLES: &[&str] = &["FERRYMAN_CONFIG", "FERRYMAN_LOG"];

/// Beginnings of variables that others set: the lab, and Kubernetes for a Service that is called `ferryman`.
const OTHER_PREFIXES: &[&str] = &["FERRYMAN_LAB_", "FERRYMAN_SERVICE_", "FERRYMAN_PORT_"];

impl Key {
    /// The variable that overrides it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("FERRYMAN_{}", self.path.replace('.', "_").to_uppercase())
    }
}

/// Whether a variable is none of our settings, and known not to be.
#[must_use]
pub fn is_other_variable(name: &str) -> bool {
    OTHER_VARIABLES.contains(&name)
        || name == "FERRYMAN_PORT"
        || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

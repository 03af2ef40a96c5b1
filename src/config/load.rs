//! From the configuration file and the environment to a checked [`Config`].

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path};

use ruma::{OwnedServerName, OwnedUserId, ServerName};

use super::{
    Bot, BotKeys, Config, DatabaseAddress, LoginBridge, Metrics, Public, Resident, Synapse, Target,
    check,
    keys::KEYS,
    layers::{Layers, Origin},
};
use crate::{Error, Result};

/// Where the configuration is looked for if nobody says otherwise.
pub const DEFAULT_PATH: &str = "config/ferryman.toml";

/// A checked configuration, and what else there is to say about it.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works, but somebody should look at.
    pub warnings: Vec<String>,
    /// Every setting for `check-config`: key, value (secrets as `set`), origin.
    pub settings: Vec<(&'static str, String, String)>,
}

/// Reads the file (if there is one), lays the environment over it, and checks everything.
///
/// Without a path, [`DEFAULT_PATH`] is read, and it may be missing: all settings can come from the environment.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded> {
    let file = path.unwrap_or(Path::new(DEFAULT_PATH));
    let text = match fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(Error::Config(format!(
                "the configuration {} can't be read ({error}): copy config/ferryman.toml and name it with --config",
                file.display()
            )));
        }
    };
    let mut layers = Layers::new(text.as_deref(), environment)?;
    let base = path.and_then(Path::parent).unwrap_or(Path::new(""));
    let config = build(&mut layers, base).map_err(|error| match (&error, &text) {
        (Error::Config(clause), None) => Error::Config(format!(
            "{clause} (there is no {}; the environment alone does not say it)",
            file.display()
        )),
        _ => error,
    })?;
    Ok(Loaded {
        warnings: warnings(file, &layers, &config),
        settings: settings(&layers),
        config,
    })
}

/// The process's own variables that begin with `FERRYMAN_`.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with("FERRYMAN_")
                .then(|| (name, value.to_string_lossy().into_owned()))
        })
        .collect()
}

/// Relative paths count from `base`: the folder of the file that was named, or the current one.
fn build(layers: &mut Layers, base: &Path) -> Result<Config> {
    let server_name = check::server_name("server_name", required(layers, "server_name")?)?;
    let bot_listen = check::listen("bot.listen", required(layers, "bot.listen")?)?;
    let resident_listen = check::listen("resident.listen", required(layers, "resident.listen")?)?;
    if bot_listen == resident_listen {
        return check::wrong(
            "resident.listen",
            "is the same as bot.listen: choose another port",
        );
    }
    if !bot_listen.ip().is_unspecified() {
        layers.derive("bot.url", format!("http://{bot_listen}"));
    }
    let host = server_name.host();
    layers.derive(
        "resident.name",
        format!("{host}:{}", resident_listen.port()),
    );
    let localpart = check::localpart("bot.localpart", required(layers, "bot.localpart")?)?;
    Ok(Config {
        operators: operators(layers, &format!("@{localpart}:{server_name}"))?,
        data_dir: base.join(required(layers, "data_dir")?),
        synapse: Synapse {
            url: check::url("synapse.url", required(layers, "synapse.url")?)?,
            server_name: optional(layers, "synapse.server_name")?
                .map(|value| check::server_name("synapse.server_name", value))
                .transpose()?,
            admin_token: token(required(layers, "synapse.admin_token")?)?.into(),
            database: optional(layers, "synapse.database")?
                .map(|value| DatabaseAddress::parse("synapse.database", value, base))
                .transpose()?,
            homeserver_yaml: optional(layers, "synapse.homeserver_yaml")?
                .map(|value| check::file_or_folder("synapse.homeserver_yaml", &base.join(value)))
                .transpose()?,
            media_path: optional(layers, "synapse.media_path")?
                .map(|value| check::folder("synapse.media_path", &base.join(value)))
                .transpose()?,
            signing_key_for_receipts: optional(layers, "synapse.signing_key_for_receipts")?
                .map(|value| {
                    let path = base.join(value);
                    check::file("synapse.signing_key_for_receipts", &path.to_string_lossy())
                })
                .transpose()?,
        },
        target: Target {
            url: target_url(layers)?,
        },
        public: Public {
            client_url: optional(layers, "public.client_url")?
                .map(|value| check::url("public.client_url", value))
                .transpose()?,
            federation_url: optional(layers, "public.federation_url")?
                .map(|value| check::url("public.federation_url", value))
                .transpose()?,
            proxy: optional(layers, "public.proxy")?
                .map(|value| check::proxy("public.proxy", value))
                .transpose()?,
        },
        bot: Bot {
            localpart,
            listen: bot_listen,
            url: check::url("bot.url", required(layers, "bot.url")?)?,
            min_power_level: optional(layers, "bot.min_power_level")?
                .map(|value| check::power_level("bot.min_power_level", value))
                .transpose()?,
            encrypted: check::yes("bot.encrypted", required(layers, "bot.encrypted")?)?,
            trust: check::trust("bot.trust", required(layers, "bot.trust")?)?,
            control_room: optional(layers, "bot.control_room")?
                .map(|value| check::room("bot.control_room", value))
                .transpose()?,
            edit_every: check::edit_every(
                "bot.edit_every_s",
                required(layers, "bot.edit_every_s")?,
            )?,
            registration_dir: base.join(required(layers, "bot.registration_dir")?),
        },
        resident: resident(layers, base, &server_name, resident_listen)?,
        login_bridge: login_bridge(layers, &[bot_listen, resident_listen])?,
        bot_keys: BotKeys {
            list: optional(layers, "bot_keys.list")?
                .map(|value| check::file("bot_keys.list", &base.join(value).to_string_lossy()))
                .transpose()?,
        },
        metrics: metrics(layers, &[bot_listen, resident_listen])?,
        server_name,
    })
}

fn resident(
    layers: &Layers,
    base: &Path,
    own: &ServerName,
    listen: SocketAddr,
) -> Result<Resident> {
    let name: OwnedServerName =
        check::server_name("resident.name", required(layers, "resident.name")?)?;
    if name == own {
        return check::wrong(
            "resident.name",
            "is the same as server_name: use its host with another port, such as the one of resident.listen",
        );
    }
    let file = |key: &'static str| {
        optional(layers, key)?
            .map(|value| check::file(key, &base.join(value).to_string_lossy()))
            .transpose()
    };
    let (certificate, private_key) = (file("resident.certificate")?, file("resident.private_key")?);
    match (&certificate, &private_key) {
        (Some(_), None) => check::wrong(
            "resident.private_key",
            "is missing: resident.certificate needs it",
        ),
        (None, Some(_)) => check::wrong(
            "resident.certificate",
            "is missing: resident.private_key needs it",
        ),
        _ => Ok(Resident {
            name,
            listen,
            certificate,
            private_key,
        }),
    }
}

fn login_bridge(layers: &Layers, others: &[SocketAddr]) -> Result<LoginBridge> {
    let listen = check::listen(
        "login_bridge.listen",
        required(layers, "login_bridge.listen")?,
    )?;
    if others.contains(&listen) {
        return check::wrong(
            "login_bridge.listen",
            "is the same as bot.listen or resident.listen: choose another port",
        );
    }
    Ok(LoginBridge {
        listen,
        address_header: optional(layers, "login_bridge.address_header")?
            .map(|value| check::header("login_bridge.address_header", value))
            .transpose()?,
        // As it is: Synapse takes any text.
        pepper: layers
            .get("login_bridge.pepper")
            .and_then(|(values, _)| values.first())
            .map(|value| check::secret("login_bridge.pepper", value))
            .transpose()?,
        days: optional(layers, "login_bridge.days")?
            .map(|value| check::days("login_bridge.days", value))
            .transpose()?,
    })
}

fn metrics(layers: &Layers, others: &[SocketAddr]) -> Result<Metrics> {
    let key = "metrics.listen";
    let listen = optional(layers, key)?
        .map(|value| check::listen(key, value))
        .transpose()?;
    let bridge = check::listen(
        "login_bridge.listen",
        required(layers, "login_bridge.listen")?,
    )?;
    if listen.is_some_and(|listen| listen == bridge || others.contains(&listen)) {
        return check::wrong(
            key,
            "is the same as another listener's: choose another port",
        );
    }
    Ok(Metrics { listen })
}

fn operators(layers: &Layers, bot: &str) -> Result<Vec<OwnedUserId>> {
    let values = layers
        .get("operators")
        .map_or(&[][..], |(values, _)| values);
    if values.is_empty() {
        return check::wrong(
            "operators",
            "is missing: list the user IDs whose commands the bot obeys",
        );
    }
    let mut operators = Vec::new();
    for value in values {
        check::plain("operators", value)?;
        let user = check::user_id("operators", value)?;
        if user == bot {
            return check::wrong("operators", "contains the bot itself: list people");
        }
        if !operators.contains(&user) {
            operators.push(user);
        }
    }
    Ok(operators)
}

fn target_url(layers: &Layers) -> Result<String> {
    let url = check::url("tuwunel.url", required(layers, "tuwunel.url")?)?;
    if url == check::url("synapse.url", required(layers, "synapse.url")?)? {
        return check::wrong(
            "tuwunel.url",
            "is the same as synapse.url: give the new server's address",
        );
    }
    Ok(url)
}

/// A header can't carry blanks, and neither can a token.
fn token(value: &str) -> Result<String> {
    if value.chars().all(|c| c.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        check::wrong(
            "synapse.admin_token",
            "contains a blank or an odd character: copy the token again",
        )
    }
}

fn optional<'a>(layers: &'a Layers, key: &str) -> Result<Option<&'a str>> {
    let value = layers.get(key).and_then(|(values, _)| values.first());
    if let Some(value) = value {
        check::plain(key, value)?;
    }
    Ok(value.map(String::as_str))
}

fn required<'a>(layers: &'a Layers, key: &'static str) -> Result<&'a str> {
    match optional(layers, key)? {
        Some(value) => Ok(value),
        None => check::wrong(key, "is missing: see the comments in config/ferryman.toml"),
    }
}

fn warnings(file: &Path, layers: &Layers, config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let in_file = |key| {
        layers
            .get(key)
            .is_some_and(|(_, origin)| *origin == Origin::File)
    };
    let mode = fs::metadata(file).map(|data| data.permissions().mode() & 0o077);
    let is_sqlite = matches!(config.synapse.database, Some(DatabaseAddress::Sqlite(_)));
    let secrets = [
        ("synapse.admin_token", "the admin token"),
        ("synapse.database", "the database's password"),
        ("login_bridge.pepper", "the pepper"),
    ];
    let held: Vec<&str> = secrets
        .iter()
        .filter(|(key, _)| in_file(key) && (*key != "synapse.database" || !is_sqlite))
        .map(|(_, name)| *name)
        .collect();
    if !held.is_empty() && mode.is_ok_and(|others| others != 0) {
        warnings.push(format!(
            "{} holds {} and others can read it: chmod 600 {0}",
            file.display(),
            held.join(" and ")
        ));
    }
    warnings
}

fn settings(layers: &Layers) -> Vec<(&'static str, String, String)> {
    KEYS.iter()
        .map(|key| match layers.get(key.path) {
            Some((_, origin)) if key.secret => (key.path, "set".to_owned(), origin.to_string()),
            Some((values, origin)) => (key.path, values.join(", "), origin.to_string()),
            None => (key.path, "not set".to_owned(), Origin::Default.to_string()),
        })
        .collect()
}

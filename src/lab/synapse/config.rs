//! Synapse's configuration, written as JSON: that is YAML too, and nothing needs quoting by hand.
//!
//! `--generate-config` would do the same in two more seconds.

use ruma::serde::Base64;
use serde_json::{Value, json};

use super::{DatabasePlace, MEDIA, Ports, SIGNING_KEY, SynapseOptions};
use crate::{
    lab::{LabError, Result, folder::Folder},
    secret::{ExposeSecret, SecretString, random_token},
};

/// The configuration in a Synapse's folder.
pub(super) const FILE: &str = "homeserver.yaml";

/// Writes configuration, log configuration, signing key (unless there is one) and registrations; gives the configuration's path.
pub(super) fn write(
    folder: &Folder,
    options: &SynapseOptions,
    place: &DatabasePlace,
    ports: Ports,
    secret: &SecretString,
) -> Result<String> {
    let mut registrations = Vec::new();
    for (number, registration) in options.registrations.iter().enumerate() {
        let path = folder.write(&format!("registration-{number}.yaml"), &registration.yaml())?;
        registrations.push(path.display().to_string());
    }
    folder.write("log.yaml", &log().to_string())?;
    if !folder.path().join(SIGNING_KEY).exists() {
        folder.write(SIGNING_KEY, &signing_key())?;
    }
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut config = json!({
        "server_name": options.server_name,
        "pid_file": at("synapse.pid"),
        "listeners": [{
            "type": "http",
            "port": ports.clients,
            "bind_addresses": ["127.0.0.1"],
            "tls": false,
            "resources": [{ "names": ["client", "federation"], "compress": false }],
        }],
        "database": database(place),
        "media_store_path": at(MEDIA),
        "log_config": at("log.yaml"),
        "signing_key_path": at(SIGNING_KEY),
        "registration_shared_secret": secret.expose_secret(),
        "macaroon_secret_key": random_token().expose_secret(),
        "form_secret": random_token().expose_secret(),
        "report_stats": false,
        "enable_registration": false,
        "allow_guest_access": true,
        "email": { "notif_from": "Lab <lab@localhost>", "enable_notifs": true, "notif_for_new_users": false },
        "app_service_config_files": registrations,
        "suppress_key_server_warning": true,
        "trusted_key_servers": options.trusted_server.iter().map(|name| {
            json!({ "server_name": name, "accept_keys_insecurely": true })
        }).collect::<Vec<_>>(),
        // The resident's certificate is its own, and its address is this machine's.
        "federation_verify_certificates": false,
        "federation_ip_range_blacklist": [],
        "ip_range_blacklist": [],
        "presence": { "enabled": false },
        "enable_room_list_search": true,
        "room_list_publication_rules": [{ "action": "allow" }],
        // The passwords protect nothing; the default costs a fifth of a second each.
        "bcrypt_rounds": 4,
    });
    if let Some(config) = config.as_object_mut() {
        config.extend(no_rate_limits());
        if let Some(port) = ports.servers {
            let federation = federation(folder, port)?;
            if let Some(listeners) = config["listeners"].as_array_mut() {
                listeners.push(federation.listener);
            }
            config.extend(federation.settings);
        }
        config.extend(options.settings.clone());
    }
    Ok(folder
        .write(FILE, &config.to_string())?
        .display()
        .to_string())
}

/// What a Synapse needs so that other servers reach it.
struct Federation {
    listener: Value,
    settings: serde_json::Map<String, Value>,
}

/// Makes a certificate for `localhost`, which other servers of the lab don't check, and lets Synapse try again at once
/// where the way to another server was cut.
fn federation(folder: &Folder, port: u16) -> Result<Federation> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .map_err(|error| LabError::file(folder.path())(std::io::Error::other(error)))?;
    let certificate = folder.write("tls.crt", &made.cert.pem())?;
    let key = folder.write("tls.key", &made.signing_key.serialize_pem())?;
    let mut settings = serde_json::Map::new();
    settings.insert("tls_certificate_path".to_owned(), json!(certificate));
    settings.insert("tls_private_key_path".to_owned(), json!(key));
    settings.insert(
        "federation".to_owned(),
        json!({
            "client_timeout": "5s",
            "max_short_retries": 1,
            "max_long_retries": 1000,
            // In milliseconds.
            "max_long_retry_delay": 200,
            "destination_min_retry_interval": "1s",
            "destination_retry_multiplier": 1,
        }),
    );
    Ok(Federation {
        listener: json!({
            "type": "http",
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "tls": true,
            "resources": [{ "names": ["federation"], "compress": false }],
        }),
        settings,
    })
}

/// The section `database`.
fn database(place: &DatabasePlace) -> Value {
    match place {
        DatabasePlace::Sqlite(path) => {
            json!({ "name": "sqlite3", "args": { "database": path.display().to_string() } })
        }
        DatabasePlace::Postgres(connection) => json!({
            "name": "psycopg2",
            "args": {
                "host": connection.host,
                "port": connection.port,
                "user": connection.user,
                "password": connection.password.expose_secret(),
                "dbname": connection.database,
                "cp_min": 2,
                "cp_max": 5,
            },
        }),
    }
}

/// Every limit that a fill or an import meets.
fn no_rate_limits() -> serde_json::Map<String, Value> {
    let off = json!({ "per_second": 1_000_000, "burst_count": 1_000_000 });
    let mut limits: serde_json::Map<String, Value> = [
        "rc_message",
        "rc_registration",
        "rc_admin_redaction",
        "rc_joins_per_room",
        "rc_third_party_invite",
        "rc_media_create",
        "rc_room_creation",
        "rc_user_directory",
        "rc_profile",
        "rc_key_requests",
        "rc_reports",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), off.clone()))
    .collect();
    for (name, parts) in [
        ("rc_login", &["address", "account", "failed_attempts"][..]),
        ("rc_joins", &["local", "remote"]),
        ("rc_invites", &["per_room", "per_user", "per_issuer"]),
    ] {
        let parts = parts.iter().map(|part| ((*part).to_owned(), off.clone()));
        limits.insert(name.to_owned(), Value::Object(parts.collect()));
    }
    limits.insert(
        "rc_federation".to_owned(),
        json!({ "window_size": 1000, "sleep_limit": 1_000_000, "reject_limit": 1_000_000, "concurrent": 100 }),
    );
    limits
}

/// Everything to standard error: the lab catches it.
fn log() -> Value {
    json!({
        "version": 1,
        "formatters": { "line": { "format": "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s" } },
        "filters": { "context": { "()": "synapse.logging.context.LoggingContextFilter", "request": "" } },
        "handlers": { "console": { "class": "logging.StreamHandler", "formatter": "line", "filters": ["context"] } },
        "root": { "level": "INFO", "handlers": ["console"] },
        "disable_existing_loggers": false,
    })
}

/// A fresh key: `ed25519 <id> <seed>`.
fn signing_key() -> String {
    let seed: Base64 = Base64::new(rand::random::<[u8; 32]>().to_vec());
    let id: String = random_token().expose_secret().chars().take(4).collect();
    format!("ed25519 a_{id} {}\n", seed.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_trusts_the_resident_and_reads_its_registrations() {
        let folder = Folder::new("test").unwrap();
        let options = SynapseOptions {
            registrations: vec![crate::lab::registration::Registration::default()],
            trusted_server: Some("localhost:2".try_into().unwrap()),
            ..SynapseOptions::source("localhost:1".try_into().unwrap())
        };
        let place = DatabasePlace::Sqlite("/d/homeserver.db".into());
        let path = write(
            &folder,
            &options,
            &place,
            ports(None),
            &"s".to_owned().into(),
        )
        .unwrap();
        let config: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(
            config["listeners"][0]["bind_addresses"],
            json!(["127.0.0.1"])
        );
        assert_eq!(
            config["trusted_key_servers"][0]["server_name"],
            "localhost:2"
        );
        assert_eq!(config["rc_joins"]["remote"]["per_second"], 1_000_000);
        let registration = config["app_service_config_files"][0].as_str().unwrap();
        assert!(std::path::Path::new(registration).exists());
    }

    fn ports(servers: Option<u16>) -> Ports {
        Ports {
            clients: 3,
            servers,
        }
    }

    #[test]
    fn other_servers_have_a_listener_of_their_own_with_tls() {
        let folder = Folder::new("test").unwrap();
        let options = SynapseOptions::source("localhost:1".try_into().unwrap());
        let place = DatabasePlace::Sqlite("/d/homeserver.db".into());
        let secret = "s".to_owned().into();
        let path = write(&folder, &options, &place, ports(Some(4)), &secret).unwrap();
        let config: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let listener = &config["listeners"][1];
        assert_eq!(
            (&listener["port"], &listener["tls"]),
            (&json!(4), &json!(true))
        );
        for file in ["tls_certificate_path", "tls_private_key_path"] {
            let pem = std::fs::read_to_string(config[file].as_str().unwrap()).unwrap();
            assert!(pem.starts_with("-----BEGIN "), "{pem}");
        }
    }

    #[test]
    fn a_signing_key_has_synapses_form() {
        let key = signing_key();
        let parts: Vec<&str> = key.split_whitespace().collect();
        assert_eq!(parts[0], "ed25519");
        assert_eq!((parts[1].len(), parts[2].len()), (6, 43));
        assert_ne!(key, signing_key());
    }
}

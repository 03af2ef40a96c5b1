//! Tuwunel's configuration for a migration on this machine; versions 1.4 and 1.9 read it.

use serde_json::{Map, Value, json};

use super::TuwunelOptions;
use crate::{
    lab::{LabError, Result, folder::Folder},
    secret::{ExposeSecret, SecretString},
};

/// Writes `tuwunel.toml` and gives its path.
pub(super) fn write(
    folder: &Folder,
    options: &TuwunelOptions,
    port: u16,
    registration_token: &SecretString,
) -> Result<String> {
    let database = folder.path().join("database").display().to_string();
    let content = toml::to_string(&content(options, port, &database, registration_token))
        // Never: there is no null in it, the one thing of JSON that TOML lacks.
        .map_err(|error| LabError::File {
            path: folder.path().join("tuwunel.toml"),
            source: std::io::Error::other(error),
        })?;
    let path = folder.write("tuwunel.toml", &content)?;
    Ok(path.display().to_string())
}

fn content(
    options: &TuwunelOptions,
    port: u16,
    database: &str,
    registration_token: &SecretString,
) -> Value {
    let services: Map<String, Value> = options
        .registrations
        .iter()
        .map(|registration| (registration.id.clone(), registration.section()))
        .collect();
    json!({ "global": {
        "server_name": options.server_name,
        "database_path": database,
        "address": "127.0.0.1",
        "port": port,
        "allow_registration": true,
        "registration_token": registration_token.expose_secret(),
        "new_user_displayname_suffix": "",
        "allow_federation": true,
        "trusted_servers": options.trusted_server.iter().collect::<Vec<_>>(),
        // Where one is trusted, no other server is asked for keys.
        "only_query_trusted_key_servers": options.trusted_server.is_some(),
        // A big join is one request.
        "client_request_timeout": 3600,
        "federation_timeout": 300,
        // An old message must not become a command.
        "admin_escape_commands": false,
        "max_request_size": 100 * 1024 * 1024,
        // The resident's certificate is its own.
        "allow_invalid_tls_certificates": true,
        "enable_policy_servers": false,
        "allow_local_presence": false,
        "allow_incoming_presence": false,
        "allow_outgoing_presence": false,
        "startup_netburst": false,
        "log": "info",
        "log_colors": false,
        "appservice": services,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::registration::{Namespace, Registration};

    #[test]
    fn the_registrations_are_sections_and_the_resident_is_trusted() {
        let options = TuwunelOptions {
            server_name: "localhost:1".try_into().unwrap(),
            registrations: vec![Registration {
                id: "ferryman".to_owned(),
                url: Some("http://127.0.0.1:9".to_owned()),
                users: vec![Namespace::exclusive("@ferryman:localhost:1")],
                ..Registration::default()
            }],
            trusted_server: Some("localhost:2".try_into().unwrap()),
        };
        let folder = Folder::new("test").unwrap();
        let path = write(&folder, &options, 3, &"token".to_owned().into()).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let read: toml::Table = text.parse().unwrap();
        let global = &read["global"];
        assert_eq!(global["address"].as_str(), Some("127.0.0.1"));
        assert_eq!(global["trusted_servers"][0].as_str(), Some("localhost:2"));
        let service = &global["appservice"]["ferryman"];
        assert_eq!(service["users"][0]["exclusive"].as_bool(), Some(true));
    }
}

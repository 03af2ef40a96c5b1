//! The loader: what is refused, in which words, and what wins.

use std::{fs, os::unix::fs::PermissionsExt};

use proptest::prelude::*;

use super::{Config, load::load};
use crate::secret::ExposeSecret;

const GOOD: &str = r#"
server_name = "ferry.test"
operators = ["@anna:ferry.test"]
[synapse]
url = "https://synapse.ferry.test/"
admin_token = "syt_secret"
[tuwunel]
url = "http://127.0.0.1:6167"
"#;

fn attempt(text: &str, environment: &[(&str, &str)]) -> crate::Result<super::load::Loaded> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ferryman.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(&path), environment)
}

fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    attempt(text, environment).unwrap().config
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    let error = attempt(text, environment).err().expect("a refusal");
    assert_eq!(error.exit_code(), 3);
    error.to_string()
}

#[test]
fn the_shortest_file_is_enough() {
    let config = good(GOOD, &[]);
    assert_eq!(config.synapse.url, "https://synapse.ferry.test");
    assert_eq!(config.bot_id(), "@ferryman:ferry.test");
    assert_eq!(config.bot.url, "http://127.0.0.1:29330");
    assert_eq!(config.resident.name, "ferry.test:8449");
    // Beside the file, wherever the command is started.
    assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("data"));
    assert_eq!(
        config.data_dir.parent(),
        config.bot.registration_dir.parent()
    );
}

#[test]
fn the_environment_wins_and_is_enough_alone() {
    let config = good(
        GOOD,
        &[
            ("FERRYMAN_OPERATORS", "@ben:ferry.test, @eva:ferry.test"),
            ("FERRYMAN_SYNAPSE_ADMIN_TOKEN", "other"),
            ("FERRYMAN_RESIDENT_LISTEN", "127.0.0.1:9000"),
            ("FERRYMAN_CONFIG", "ignored"),
            ("FERRYMAN_SERVICE_HOST", "10.0.0.1"),
            ("FERRYMAN_PORT_29330_TCP", "tcp://10.0.0.1:29330"),
            ("HOME", "/"),
        ],
    );
    assert_eq!(config.operators.len(), 2);
    assert_eq!(config.synapse.admin_token.expose_secret(), "other");
    assert_eq!(config.resident.name, "ferry.test:9000");
}

#[test]
fn a_secret_comes_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, "from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let config = good(GOOD, &[("FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE", path)]);
    assert_eq!(config.synapse.admin_token.expose_secret(), "from-file");
    insta::assert_snapshot!(
        refusal(GOOD, &[("FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE", path), ("FERRYMAN_SYNAPSE_ADMIN_TOKEN", "x")]),
        @"FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE and FERRYMAN_SYNAPSE_ADMIN_TOKEN both give synapse.admin_token: leave one of them out"
    );
    insta::assert_snapshot!(
        refusal(GOOD, &[("FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE", "/no/such")]),
        @"FERRYMAN_SYNAPSE_ADMIN_TOKEN_FILE: /no/such can't be read (No such file or directory (os error 2)): name a file that holds the secret"
    );
}

/// Every refusal of a changed line, one below the other.
#[test]
fn refusals_name_the_key_and_the_remedy() {
    let changed = |from: &str, to: &str| refusal(&GOOD.replace(from, to), &[]);
    let added = |line: &str| refusal(&format!("{GOOD}\n{line}"), &[]);
    let lines = [
        changed("server_name", "servername"),
        changed("[tuwunel]", "[tuwunell]"),
        added("colour = 1"),
        changed("operators", "control_room = \"#x:y\"\noperators"),
        changed("\"ferry.test\"", "\"example.org\""),
        changed("synapse.ferry.test", "synapse.example.com"),
        changed("syt_secret", "paste-an-admins-access-token-here"),
        changed("syt_secret", "syt secret"),
        changed("syt_secret", ""),
        changed("\"ferry.test\"", "\"https://ferry.test\""),
        changed("\"ferry.test\"", "8448"),
        changed("@anna:ferry.test", "anna"),
        changed("@anna:ferry.test", "@ferryman:ferry.test"),
        changed("[\"@anna:ferry.test\"]", "\"@anna:ferry.test\""),
        changed("operators = [\"@anna:ferry.test\"]", "operators = []"),
        changed("http://127.0.0.1:6167", "127.0.0.1:6167"),
        changed("http://127.0.0.1:6167", "tuwunel"),
        changed("http://127.0.0.1:6167", "http://u:p@127.0.0.1:6167"),
        changed(
            "http://127.0.0.1:6167",
            "http://127.0.0.1:6167/_matrix/client",
        ),
        changed("http://127.0.0.1:6167", "https://synapse.ferry.test"),
        changed("server_name = \"ferry.test\"", ""),
        added("[bot]\nlisten = \"29330\""),
        added("[bot]\nlisten = \"0.0.0.0:29330\""),
        added("[bot]\nlisten = \"127.0.0.1:0\""),
        added("[bot]\nlocalpart = \"@Ferryman\""),
        added("[bot]\ncontrol_room = \"ferry\""),
        added("[bot]\nencrypted = \"maybe\""),
        added("[bot]\nencrypted = true"),
        added("[bot]\ntrust = \"verified\""),
        added("[resident]\nname = \"ferry.test\""),
        added("[resident]\ncertificate = \"/no/such.pem\""),
        added("[login_bridge]\nlisten = \"127.0.0.1:29330\""),
        added("[login_bridge]\naddress_header = \"X Forwarded\""),
        added("[login_bridge]\ndays = \"soon\""),
        added("[bot]\nedit_every_s = \"0\""),
        added("[bot]\nedit_every_s = \"601\""),
        added("[login_bridge]\npepper = \"paste-the-pepper-here\""),
        added("[metrics]\nlisten = \"9330\""),
        added("[metrics]\nlisten = \"127.0.0.1:29331\""),
        added("[metrics]\nlistens = \"127.0.0.1:9330\""),
        changed("admin_token = \"", "admin_token = "),
        refusal(GOOD, &[("FERRYMAN_SERVERNAME", "x")]),
        refusal(GOOD, &[("FERRYMAN_BOT_LISTEN_FILE", "x")]),
    ];
    assert!(lines.iter().all(|line| !line.contains("syt_secret")));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    configuration key servername does not exist: did you mean server_name?
    configuration key tuwunell does not exist: did you mean tuwunel?
    configuration key tuwunel.colour does not exist: see config/ferryman.toml for all of them
    configuration key control_room does not exist: did you mean bot.control_room?
    server_name still has the sample's value: put in your own
    synapse.url still has the sample's value: put in your own
    synapse.admin_token still has the sample's value: put in your own
    synapse.admin_token contains a blank or an odd character: copy the token again
    synapse.admin_token is empty: give it a value, or leave it out
    server_name is an address: give the name only, the part after the colon in your users' IDs
    server_name must be a text in quotes
    operators has "anna", which is not a user ID: write it as @you:your.server
    operators contains the bot itself: list people
    operators must be a list of user IDs, such as ["@you:your.server"]
    operators is missing: list the user IDs whose commands the bot obeys
    tuwunel.url is not an address: write one such as https://matrix.your.server or http://127.0.0.1:8008
    tuwunel.url is not an address: write one such as https://matrix.your.server or http://127.0.0.1:8008
    tuwunel.url contains a user name or password: remove it
    tuwunel.url contains an API path: give the base address only
    tuwunel.url is the same as synapse.url: give the new server's address
    server_name is missing: see the comments in config/ferryman.toml
    bot.listen is not an IP address with a port: write it as 127.0.0.1:29330 or [::1]:29330
    bot.url is missing: see the comments in config/ferryman.toml
    bot.listen has port 0: choose the port, the other side must know it
    bot.localpart is not a new user's localpart: use only a-z, 0-9 and . _ = - / +, without @ and server
    bot.control_room is neither a room ID (!…) nor an alias (#…:your.server)
    bot.encrypted is neither "yes" nor "no": write one of them
    bot.encrypted must be a text in quotes
    bot.trust is neither "any" nor "cross-signed": write one of them
    resident.name is the same as server_name: use its host with another port, such as the one of resident.listen
    resident.certificate names /no/such.pem, which is not a file
    login_bridge.listen is the same as bot.listen or resident.listen: choose another port
    login_bridge.address_header is no name of a header: write it as X-Forwarded-For
    login_bridge.days is not a number of days: write one from 1 to 3650, in quotes
    bot.edit_every_s is not a number of seconds: write one from 1 to 600, in quotes
    bot.edit_every_s is not a number of seconds: write one from 1 to 600, in quotes
    login_bridge.pepper still has the sample's value: put in your own
    metrics.listen is not an IP address with a port: write it as 127.0.0.1:29330 or [::1]:29330
    metrics.listen is the same as another listener's: choose another port
    configuration key metrics.listens does not exist: did you mean metrics.listen?
    the configuration can't be read: line 6: missing opening quote, expected `"`
    environment variable FERRYMAN_SERVERNAME does not exist: did you mean FERRYMAN_SERVER_NAME?
    environment variable FERRYMAN_BOT_LISTEN_FILE does not exist: see config/ferryman.toml for all of them
    "#);
}

#[test]
fn synapses_database_media_and_configuration_are_optional() {
    let config = good(GOOD, &[]);
    assert!(config.synapse.database.is_none() && config.synapse.media_path.is_none());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let database = dir.path().join("database");
    fs::write(&database, "postgresql://synapse:s3cret@db/synapse\n").unwrap();
    let config = good(
        GOOD,
        &[
            ("FERRYMAN_SYNAPSE_DATABASE_FILE", database.to_str().unwrap()),
            ("FERRYMAN_SYNAPSE_MEDIA_PATH", path),
            ("FERRYMAN_SYNAPSE_HOMESERVER_YAML", path),
        ],
    );
    let address = config.synapse.database.unwrap();
    assert_eq!(address.place(), "PostgreSQL synapse at db");
    assert_eq!(config.synapse.media_path.as_deref(), Some(dir.path()));
    assert_eq!(config.synapse.homeserver_yaml.as_deref(), Some(dir.path()));
}

#[test]
fn a_database_that_cant_be_meant_is_refused() {
    let synapse = |line: &str| {
        let text = GOOD.replace("admin_token", &format!("{line}\nadmin_token"));
        refusal(&text, &[])
    };
    let lines = [
        synapse("database = \"postgresql://u:s3cret@[\""),
        synapse("database = \"/no/such.db\""),
        synapse("homeserver_yaml = \"/no/such.yaml\""),
        synapse("media_path = \"/no/such\""),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    synapse.database is not a PostgreSQL address: write it as postgresql://user:password@host/database, or as host=… user=… password=… dbname=… (TLS's own settings are not known)
    synapse.database names /no/such.db, which is not a file
    synapse.homeserver_yaml names /no/such.yaml, which is neither a file nor a folder
    synapse.media_path names /no/such, which is not a folder
    ");
}

#[test]
fn the_sample_has_every_key_and_is_refused() {
    let sample = include_str!("../../config/ferryman.toml");
    insta::assert_snapshot!(
        refusal(sample, &[]),
        @"server_name still has the sample's value: put in your own"
    );
    let uncommented: String = sample
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let table: toml::Table = uncommented.parse().unwrap();
    for key in super::keys::KEYS {
        let mut value = Some(&toml::Value::Table(table.clone())).cloned();
        for part in key.path.split('.') {
            value = value.and_then(|value| value.get(part).cloned());
        }
        assert!(value.is_some(), "{} is not in the sample", key.path);
    }
}

#[test]
fn a_readable_file_with_the_token_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ferryman.toml");
    fs::write(&path, GOOD).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let loaded = load(Some(&path), []).unwrap();
    assert!(loaded.warnings[0].contains("chmod 600"));
    let shown = format!("{:?}", loaded.settings);
    assert!(shown.contains("\"synapse.admin_token\", \"set\"") && !shown.contains("syt_secret"));
    let text = GOOD.replace(
        "admin_token",
        "database = \"host=db password=s3cret\"\nadmin_token",
    );
    fs::write(&path, text).unwrap();
    let loaded = load(Some(&path), []).unwrap();
    assert!(loaded.warnings[0].contains("holds the admin token and the database's password and"));
    assert!(!format!("{:?} {:?}", loaded.settings, loaded.config).contains("s3cret"));
}

#[test]
fn the_login_bridges_settings_are_optional_and_a_pepper_is_any_text() {
    let bridge = good(GOOD, &[]).login_bridge;
    assert_eq!(bridge.listen.to_string(), "127.0.0.1:29331");
    assert!(bridge.address_header.is_none() && bridge.pepper.is_none() && bridge.days.is_none());
    let text = format!(
        "{GOOD}\n[login_bridge]\naddress_header = \"X-Forwarded-For\"\npepper = \" s3cret \"\ndays = \"30\""
    );
    let loaded = attempt(&text, &[]).unwrap();
    assert!(!format!("{:?} {:?}", loaded.settings, loaded.config).contains("s3cret"));
    let bridge = loaded.config.login_bridge;
    assert_eq!(bridge.address_header.unwrap(), "x-forwarded-for");
    assert_eq!(bridge.pepper.unwrap().expose_secret(), " s3cret ");
    assert_eq!(bridge.days, Some(30));
}

#[test]
fn metrics_are_off_unless_somebody_wants_them() {
    assert_eq!(good(GOOD, &[]).metrics.listen, None);
    let variable = [("FERRYMAN_METRICS_LISTEN", "127.0.0.1:9330")];
    let listen = good(GOOD, &variable).metrics.listen.unwrap();
    assert_eq!(listen.to_string(), "127.0.0.1:9330");
}

#[test]
fn a_named_file_must_exist() {
    let error = load(Some("/no/such.toml".as_ref()), []).err().unwrap();
    insta::assert_snapshot!(error, @"the configuration /no/such.toml can't be read (No such file or directory (os error 2)): copy config/ferryman.toml and name it with --config");
}

proptest! {
    #[test]
    fn no_file_and_no_variable_panics(text in "\\PC*", name in "[A-Z_]{0,20}", value in "\\PC*") {
        let _refused = attempt(&text, &[(&format!("FERRYMAN_{name}"), &value)]);
        let _refused = attempt(GOOD, &[("FERRYMAN_SERVER_NAME", &value), ("FERRYMAN_BOT_URL", &value), ("FERRYMAN_OPERATORS", &value)]);
    }
}

#[test]
fn the_samples_for_containers_say_what_there_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "Dockerfile",
        "config/compose.yaml",
        "config/kubernetes.yaml",
    ] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let is_part = |sign: char| sign.is_ascii_uppercase() || sign == '_';
        let words = text.split(|sign| !is_part(sign));
        let mut settings = 0;
        for name in words.filter(|word| word.starts_with("FERRYMAN_") && !word.ends_with('_')) {
            let bare = name.strip_suffix("_FILE").unwrap_or(name);
            let is_setting = super::keys::KEYS.iter().any(|key| key.variable() == bare);
            assert!(is_setting || name == "FERRYMAN_CONFIG", "{name} of {file}");
            settings += 1;
        }
        assert!(settings > 0 || file == "Dockerfile", "{file}");
    }
}

//! A configuration for unit tests.

use std::{path::Path, time::Duration};

use super::{Bot, BotKeys, Config, LoginBridge, Metrics, Public, Resident, Synapse, Target, Trust};

/// A small installation of `ferry.test` whose data is in this folder.
pub(crate) fn sample(data_dir: &Path) -> Config {
    Config {
        server_name: "ferry.test".try_into().unwrap(),
        operators: vec!["@anna:ferry.test".try_into().unwrap()],
        data_dir: data_dir.to_owned(),
        synapse: Synapse {
            url: "http://127.0.0.1:8008".to_owned(),
            server_name: None,
            admin_token: "syt_secret".into(),
            database: None,
            homeserver_yaml: None,
            media_path: None,
            signing_key_for_receipts: None,
        },
        target: Target {
            url: "http://127.0.0.1:6167".to_owned(),
        },
        public: Public::default(),
        bot: Bot {
            localpart: "ferryman".to_owned(),
            listen: ([127, 0, 0, 1], 29330).into(),
            url: "http://127.0.0.1:29330".to_owned(),
            control_room: None,
            min_power_level: None,
            encrypted: false,
            trust: Trust::Any,
            edit_every: Duration::from_secs(5),
            registration_dir: data_dir.join("registration"),
        },
        resident: Resident {
            name: "ferry.test:8449".try_into().unwrap(),
            listen: ([127, 0, 0, 1], 8449).into(),
            certificate: None,
            private_key: None,
        },
        login_bridge: LoginBridge {
            listen: ([127, 0, 0, 1], 29331).into(),
            address_header: None,
            pepper: None,
            days: None,
        },
        bot_keys: BotKeys::default(),
        metrics: Metrics::default(),
    }
}

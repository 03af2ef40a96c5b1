//! A Synapse with a pepper and a Tuwunel to which its accounts were carried, and the program between them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use ferryman::{
    bundle::SourceKind,
    clock::SystemClock,
    demo::{
        installation::{Between, Installation},
        stage::install,
    },
    engine::{Engine, ExportOptions},
    lab::{
        names::{Names, free_port},
        synapse::{DatabasePlace, Synapse, SynapseOptions},
        target::{OPERATOR, Target},
    },
    migration::passwords::Passwords,
    model::wanted::Wanted,
    report::page::page,
    secret::ExposeSecret,
};
use serde_json::json;

use crate::journey::job;

/// The people that the bridge is for.
pub(super) const USERS: usize = 30;

/// The operator's password on Synapse.
pub(super) const OLD: &str = "the operator's old password";

pub(super) struct Stand {
    pub(super) target: Target,
    pub(super) installation: Installation,
    pub(super) bundle: PathBuf,
    /// Localpart and bcrypt hash.
    pub(super) hashes: BTreeMap<String, String>,
    /// Localpart and the password that the import has made.
    pub(super) random: BTreeMap<String, String>,
    synapse: Synapse,
    port: u16,
}

/// A login as clients send it.
pub(super) fn login_body(user: &str, password: &str) -> String {
    let body = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": user }, "password": password,
    });
    body.to_string()
}

impl Stand {
    pub(super) async fn set() -> Self {
        let names = Names::fresh().unwrap();
        let mut options = SynapseOptions::source(names.server_name.clone());
        let settings = [
            ("password_config", json!({ "pepper": "S4lt & pepper" })),
            ("bcrypt_rounds", json!(10)),
        ];
        for (name, value) in settings {
            options.settings.insert(name.to_owned(), value);
        }
        let synapse = Synapse::start(options).await.unwrap();
        let admin = synapse.register(OPERATOR, OLD, true).await.unwrap();
        for number in 0..USERS {
            let localpart = format!("p{number:02}");
            let password = password(&localpart);
            synapse
                .create_user(&admin, &localpart, &password)
                .await
                .unwrap();
        }
        let hashless = format!("/_synapse/admin/v2/users/{}", synapse.user_id("hashless"));
        admin
            .put(&hashless, &json!({ "admin": false }))
            .await
            .unwrap();
        let (installation, target) = install(
            &Between {
                names: &names,
                source: synapse.url(),
                admin_token: admin.token().unwrap().clone(),
            },
            &names,
            true,
        )
        .await
        .unwrap();
        let mut config = installation.config.clone();
        config.synapse.homeserver_yaml = Some(synapse.config_path());
        let engine = Engine::new(
            Arc::new(config),
            Arc::new(installation.tokens.clone()),
            Arc::new(SystemClock),
        );
        let options = ExportOptions {
            source: Some(SourceKind::Database),
            wanted: Wanted {
                password_hashes: true,
                ..Wanted::default()
            },
            ..ExportOptions::default()
        };
        let exported = engine
            .export(&job(), &options, Box::new(page))
            .await
            .unwrap();
        let imported = engine.import(&job(), None, None).await.unwrap();
        assert_eq!(imported.problems, []);
        let mut stand = Self {
            target,
            installation,
            bundle: exported.bundle,
            hashes: BTreeMap::new(),
            random: BTreeMap::new(),
            synapse,
            port: free_port().unwrap(),
        };
        stand.hashes = stand.hashes_of_synapse();
        let passwords = Passwords::read(&stand.passwords_path()).unwrap();
        stand.random = passwords
            .iter()
            .map(|(user, password)| {
                (
                    user.localpart().to_owned(),
                    password.expose_secret().to_owned(),
                )
            })
            .collect();
        assert_eq!(stand.random.len(), USERS + 1, "everybody but the operator");
        stand
    }

    fn hashes_of_synapse(&self) -> BTreeMap<String, String> {
        let DatabasePlace::Sqlite(path) = self.synapse.database() else {
            panic!("an SQLite");
        };
        let database = rusqlite::Connection::open(path).unwrap();
        let mut query = database
            .prepare("select name, password_hash from users where password_hash is not null")
            .unwrap();
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        rows.unwrap()
            .map(|row| {
                let (user, hash) = row.unwrap();
                let localpart = user[1..].split(':').next().unwrap();
                (localpart.to_owned(), hash)
            })
            .collect()
    }

    pub(super) fn user_id(&self, localpart: &str) -> String {
        self.synapse.user_id(localpart)
    }

    #[expect(clippy::unused_self, reason = "read as the stand's own")]
    pub(super) fn password(&self, localpart: &str) -> String {
        password(localpart)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn passwords_path(&self) -> PathBuf {
        let name = self.bundle.file_name().unwrap().to_str().unwrap();
        let dir = self.installation.config.data_dir.join("passwords");
        dir.join(format!("{name}.csv"))
    }

    pub(super) fn passwords_file(&self) -> String {
        fs::read_to_string(self.passwords_path()).unwrap()
    }

    pub(super) fn vault(&self) -> String {
        let dir = self.installation.config.data_dir.join("login-bridge");
        let files: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(files, ["vault"], "no copy");
        fs::read_to_string(dir.join("vault")).unwrap()
    }

    /// Changes the vault of a bridge that is not there.
    pub(super) fn change_vault(&self, from: &str, to: &str) {
        let path = self.installation.config.data_dir.join("login-bridge/vault");
        let text = self.vault();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// All that the bridge and the import have written down about passwords.
    pub(super) fn files(&self) -> String {
        [self.vault(), self.passwords_file()].concat()
    }

    /// `ferryman login-bridge …`, as soon as it listens.
    pub(super) async fn start(&self, arguments: &[&str]) -> Running {
        let at = |name: &str| self.installation.folder().join(name);
        let (out, err) = (at("bridge.out"), at("bridge.err"));
        let child = Command::new(env!("CARGO_BIN_EXE_ferryman"))
            .arg("--config")
            .arg(&self.installation.file)
            .arg("login-bridge")
            .args(arguments)
            .env("FERRYMAN_LOG", "trace")
            .env(
                "FERRYMAN_SYNAPSE_HOMESERVER_YAML",
                self.synapse.config_path(),
            )
            .env(
                "FERRYMAN_LOGIN_BRIDGE_LISTEN",
                format!("127.0.0.1:{}", self.port),
            )
            .env("FERRYMAN_LOGIN_BRIDGE_ADDRESS_HEADER", "X-Forwarded-For")
            .stdout(Stdio::from(File::create(&out).unwrap()))
            .stderr(Stdio::from(File::create(&err).unwrap()))
            .spawn()
            .unwrap();
        let mut running = Running { child, out, err };
        for _ in 0..600 {
            if fs::read_to_string(&running.out)
                .unwrap()
                .contains("listens on")
            {
                return running;
            }
            if let Some(status) = running.child.try_wait().unwrap() {
                panic!("{status}: {}", fs::read_to_string(&running.err).unwrap());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the bridge does not listen");
    }
}

fn password(localpart: &str) -> String {
    format!("{localpart}'s own p\u{e4}ssword")
}

/// The program while it runs.
pub(super) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// `kill -9`; gives its log.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::read_to_string(&self.err).unwrap()
    }

    /// Waits until it ends by itself: exit code, what it said, its log.
    pub(super) async fn end(mut self) -> (Option<i32>, String, String) {
        for _ in 0..1200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                let read = |path| fs::read_to_string(path).unwrap();
                return (status.code(), read(&self.out), read(&self.err));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the bridge does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

//! `check` and `ack` on an installation that was set up as the README says, and on spoilt ones.

use std::{fs, os::unix::fs::PermissionsExt};

use ferryman::{
    demo::stage::Stage,
    lab::{names::Names, synapse::DatabasePlace},
};
use serde_json::Value;

use crate::{
    installed::ended,
    journey::export,
    targets::{Target, each_target, tuwunel_or_skip},
};

/// The exit code, and each check with its code.
struct Checked {
    exit: i32,
    all: Value,
}

fn check(stage: &Stage, change: Option<(&str, &str)>) -> Checked {
    let output = ended(stage, &["check", "--json"], change);
    let text = String::from_utf8(output.stdout).unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let all = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {words}"));
    Checked {
        exit: output.status.code().unwrap(),
        all,
    }
}

impl Checked {
    /// The codes of a severity, without those that are accepted.
    fn open(&self, severity: &str) -> Vec<&str> {
        let checks = self.all["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["severity"] == severity && check["accepted"] == false)
            .map(|check| check["code"].as_str().unwrap())
            .collect()
    }

    /// With which exit code it ended, and what is open of a severity.
    #[track_caller]
    fn expect(&self, exit: i32, severity: &str, codes: &[&str]) {
        let seen = (self.exit, self.open(severity));
        assert_eq!(seen, (exit, codes.to_vec()), "{:#}", self.all);
    }

    fn text(&self, code: &str) -> &str {
        let checks = self.all["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["code"] == code);
        check.unwrap()["text"].as_str().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_installation_has_only_the_warnings_that_it_must_have() {
    each_target("check", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let before = check(&stage, None);
        before.expect(12, "error", &[]);
        assert_eq!(before.all["worst"], "warning");
        let good = before.open("good");
        for code in ["source", "clocks", "old-keys", "no-bundle", "disk"] {
            assert!(good.contains(&code), "{code} is not good: {good:?}");
        }
        // A new Synapse works on its database for some minutes, and nobody runs `ferryman run` here.
        let passing = |code: &&str| *code != "background-updates" && *code != "bot-unreachable";
        let warnings: Vec<_> = before.open("warning").into_iter().filter(passing).collect();
        match target {
            Target::Tuwunel => {
                assert_eq!(warnings, [""; 0]);
                assert!(good.contains(&"target") && good.contains(&"resident"));
            }
            Target::StandIn => assert_eq!(warnings, ["target-not-tuwunel"]),
        }

        export(&stage.engine()).await;
        let after = check(&stage, None);
        after.expect(12, "error", &[]);
        let good = after.open("good");
        for code in ["bundle", "rooms", "users"] {
            assert!(good.contains(&code), "{code} is not good: {good:?}");
        }
        let mut expected = vec![
            "bundle-lacks-own",
            "media-not-exported",
            "media-lost",
            "users-closed",
            "users-sign-on",
        ];
        match target {
            // Three rooms are joined after their creators had left.
            Target::Tuwunel => expected.insert(3, "past-readable"),
            Target::StandIn => expected.insert(0, "target-not-tuwunel"),
        }
        let open = after.open("warning");
        let warnings: Vec<_> = open.iter().copied().filter(passing).collect();
        assert_eq!(warnings, expected, "{:#}", after.all);

        // The database is read as well, if it is configured.
        let DatabasePlace::Sqlite(path) = stage.source.database() else {
            panic!("a source of the lab has SQLite");
        };
        let path = path.display().to_string();
        let read = check(&stage, Some(("FERRYMAN_SYNAPSE_DATABASE", &path)));
        read.expect(12, "error", &[]);
        assert!(read.open("good").contains(&"database"), "{:#}", read.all);
        let other = stage.installation.file.display().to_string();
        let unread = check(&stage, Some(("FERRYMAN_SYNAPSE_DATABASE", &other)));
        assert!(unread.open("warning").contains(&"database-unreadable"));

        // Each is accepted, one after another; then all is good.
        let shown = ended(&stage, &["check"], None);
        assert_eq!(shown.status.code(), Some(12));
        assert!(String::from_utf8_lossy(&shown.stdout).starts_with("It can begin, with "));
        // Synapse may have ended its own work since.
        let last = check(&stage, None);
        for code in last.open("warning") {
            let accepted = ended(&stage, &["ack", code], None);
            assert_eq!(accepted.status.code(), Some(0), "{accepted:?}");
        }
        let all = check(&stage, None);
        all.expect(0, "warning", &[]);
        assert_eq!(all.all["worst"], "good");
        let shown = String::from_utf8(ended(&stage, &["check"], None).stdout).unwrap();
        let last = shown.lines().last().unwrap();
        assert!(
            shown.starts_with("Nothing stands in the way.") && last.contains("accepted: "),
            "{shown}"
        );
        let kept = stage.installation.config.data_dir.join("check.json");
        let mode = fs::metadata(kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_an_error_and_nobody_can_accept_it() {
    let stage = Stage::set(false).await.unwrap();
    let wrong = check(&stage, Some(("FERRYMAN_SYNAPSE_ADMIN_TOKEN", "nonsense")));
    wrong.expect(8, "error", &["source-not-admin"]);
    assert_eq!(
        wrong.text("source-not-admin"),
        "Synapse refuses the token (M_UNKNOWN_TOKEN): give the access token of a server admin as synapse.admin_token"
    );
    let refused = ended(&stage, &["ack", "source-not-admin"], None);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(refused.stderr).unwrap().trim_end(),
        "ferryman: source-not-admin is an error, and errors can't be accepted: do what its sentence says, then `check` again"
    );

    let nobody = Some("http://127.0.0.1:9");
    let source = check(&stage, nobody.map(|url| ("FERRYMAN_SYNAPSE_URL", url)));
    source.expect(8, "error", &["source-unreachable"]);
    let target = check(&stage, nobody.map(|url| ("FERRYMAN_TUWUNEL_URL", url)));
    target.expect(8, "error", &["target-unreachable"]);
    let other = Names::fresh().unwrap();
    let free = format!("127.0.0.1:{}", other.resident_port);
    let taken = std::net::TcpListener::bind(&free).unwrap();
    let listening = check(&stage, Some(("FERRYMAN_RESIDENT_LISTEN", &free)));
    listening.expect(8, "error", &["resident-not-listening"]);
    drop(taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tuwunel_that_does_not_reach_or_trust_the_resident_is_named() {
    if !tuwunel_or_skip("check of the resident") {
        return;
    }
    let names = Names::fresh().unwrap();
    let mut trusted = names.clone();
    trusted.resident = Names::fresh().unwrap().resident;
    let stage = Stage::trusting(names, &trusted, true).await.unwrap();
    let untrusted = check(&stage, None);
    untrusted.expect(8, "error", &["resident-not-trusted"]);
    let setting = format!("set `trusted_servers = [\"{}\"]`", stage.names.resident);
    assert!(untrusted.text("resident-not-trusted").contains(&setting));

    // It listens at another port than the one of its name.
    let elsewhere = format!("127.0.0.1:{}", Names::fresh().unwrap().resident_port);
    let unreached = check(&stage, Some(("FERRYMAN_RESIDENT_LISTEN", &elsewhere)));
    unreached.expect(8, "error", &["resident-unreachable"]);
    assert!(unreached.text("resident-unreachable").starts_with(&format!(
        "the target does not reach the resident {}",
        stage.names.resident
    )));
}

/// Changes Tuwunel's configuration and starts it again.
async fn configure(stage: &mut Stage, from: &str, to: &str) {
    let server = stage.target.server();
    let path = server.folder().join("tuwunel.toml");
    let before = fs::read_to_string(&path).unwrap();
    let after = before.replace(from, to);
    assert_ne!(before, after);
    server.stop().await.unwrap();
    fs::write(&path, after).unwrap();
    server.start().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_tuwunel_that_matter_are_seen_from_outside() {
    if !tuwunel_or_skip("check of the settings") {
        return;
    }
    let mut stage = Stage::set(true).await.unwrap();
    export(&stage.engine()).await;
    let only = "only_query_trusted_key_servers = true";
    let others = "only_query_trusted_key_servers = false\nforbidden_usernames = [\"^bob$\"]";
    configure(&mut stage, only, others).await;
    let open = check(&stage, None);
    open.expect(12, "error", &[]);
    let warnings = open.open("warning");
    for code in ["keys-asked-elsewhere", "users-names-refused"] {
        assert!(warnings.contains(&code), "{code}: {:#}", open.all);
    }
    let refused = open.text("users-names-refused");
    assert!(
        refused.starts_with("1 user has a name that the target refuses ("),
        "{refused}"
    );

    let on = "allow_federation = true";
    configure(&mut stage, on, "allow_federation = false").await;
    check(&stage, None).expect(8, "error", &["federation-off"]);
}

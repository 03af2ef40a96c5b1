//! What goes wrong while an export runs, or went wrong before: a clear sentence, the rest in the bundle, an exit code.

use std::{
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

use ferryman::{
    lab::{client::v3, fill::password, path::path},
    secret::ExposeSecret,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use super::{
    equal, open,
    source::{Export, Source, Way},
};

/// More users than an export reads before it first notes where it stands.
const MORE: usize = 130;

/// All of it.
pub(super) async fn in_the_middle(source: &Source) {
    grow(source).await;
    killed(source);
    logged_out(source).await;
    full(source);
}

async fn grow(source: &Source) {
    let admin = source.filled.admin();
    futures::stream::iter(0..MORE)
        .map(|number| {
            let user = source.synapse.user_id(&format!("extra{number}"));
            async move {
                let user = path("/_synapse/admin/v2/users", &[&user]);
                admin
                    .put(&user, &json!({ "displayname": "One more" }))
                    .await
            }
        })
        .buffer_unordered(8)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
}

/// An export by the API that has noted where it stands.
pub(super) fn begun(
    source: &Source,
    name: &str,
    change: impl FnOnce(&mut Command),
) -> (PathBuf, Child) {
    let (path, mut command) = source.command(name, Way::Api, &["--act-as-users"]);
    change(&mut command);
    let mut child = command.spawn().unwrap();
    let noted = path.with_extension("partial").join("checkpoint.json");
    let start = Instant::now();
    while !noted.exists() {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{name} takes too long"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "{name} has ended before"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    (path, child)
}

/// `kill -9`; the same command again goes on, and the bundle is as if nothing had been.
fn killed(source: &Source) {
    let whole = source.export("whole", Way::Api, &["--act-as-users"]);
    let (path, mut child) = begun(source, "killed", |_| {});
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.exists());
    let again = source.export("killed", Way::Api, &["--act-as-users"]);
    assert_eq!(again.code, whole.code, "{}", again.failure);
    equal::are(&again.path, &whole.path, source);
    let (some, all) = (again.requests(), whole.requests());
    assert!(some + 300 < all, "{some} requests after {all}");
    assert!(!path.with_extension("partial").exists());
}

/// The admin's token ends in the middle.
async fn logged_out(source: &Source) {
    let peggy = source.filled.user("peggy").user_id();
    let session = source
        .synapse
        .anonymous()
        .login(peggy, &password("peggy"))
        .await
        .unwrap();
    let (path, child) = begun(source, "logged-out", |command| {
        let token = session.token().unwrap().expose_secret();
        command.env("FERRYMAN_SYNAPSE_ADMIN_TOKEN", token);
    });
    session.post(&v3(&["logout"]), &json!({})).await.unwrap();
    let export = Export::of(path, child.wait_with_output().unwrap());
    is_cut_short(
        source,
        &export,
        "Synapse refuses the token (M_UNKNOWN_TOKEN): give the access token of a server admin as synapse.admin_token",
    );
}

/// What was read is a bundle that says where it ends and why.
pub(super) fn is_cut_short(source: &Source, export: &Export, sentence: &str) {
    assert_eq!(export.code, Some(8), "{}", export.failure);
    assert!(
        export
            .said
            .contains("It is not complete, the problems say why: export again."),
        "{}",
        export.said
    );
    let bundle = open(source, &export.path);
    assert!(!bundle.schema().complete);
    let users = bundle.users().unwrap().len();
    assert!(users >= 100, "{users} users");
    let lines = export.problem_lines();
    let cut = lines
        .iter()
        .position(|line| line.starts_with("export: ") && line.contains(": broken off "));
    let cut = cut.unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(lines[cut].ends_with(sentence), "{}", lines[cut]);
    let rest = &lines[cut + 1..];
    assert!(
        rest.iter()
            .all(|line| line.ends_with(": not read any more")),
        "{rest:#?}"
    );
    assert_eq!(
        lines.last().unwrap(),
        "export: server keys: not read any more"
    );
}

/// No more room for the largest upload: the shell lets no file become larger.
fn full(source: &Source) {
    let (path, export) = source.command("full", Way::Database, &["--media", "all"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(export.get_program())
        .args(export.get_args())
        .envs(
            export
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let export = Export::of(path, command.output().unwrap());
    assert_eq!(export.code, Some(1), "{} {}", export.said, export.failure);
    let dir = source.dir.path().to_str().unwrap();
    let failure = export.failure.replace(dir, "<dir>");
    assert!(
        failure.starts_with("ferryman: <dir>/full.partial/files/")
            && failure.contains(": File too large (os error 27)"),
        "{failure}"
    );
    assert!(!export.path.exists() && !export.path.with_extension("partial").exists());
}

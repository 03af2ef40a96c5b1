//! What goes wrong at an operator's desk: each has its sentence and its exit code.

use std::{fs, process::Output};

use ferryman::{demo::stage::Stage, lab::names::Names};

use crate::{
    installed::ended,
    journey::{export, job},
    targets::tuwunel_or_skip,
};

/// The last line on standard error, with what differs from run to run taken out, and the exit code.
fn failure(stage: &Stage, output: &Output) -> (String, Option<i32>) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let line = text.lines().last().unwrap_or_default();
    let line = line
        .replace(stage.source.url(), "<synapse>")
        .replace(
            stage.installation.config.data_dir.to_str().unwrap(),
            "<data>",
        )
        .replace(stage.names.server_name.as_str(), "<server>");
    (line, output.status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_has_its_sentence_and_exit_code() {
    let stage = Stage::set(false).await.unwrap();

    let wrong = ended(
        &stage,
        &["export"],
        Some(("FERRYMAN_SYNAPSE_ADMIN_TOKEN", "nonsense")),
    );
    assert_eq!(failure(&stage, &wrong), ("ferryman: Synapse refuses the token (M_UNKNOWN_TOKEN): give the access token of a server admin as synapse.admin_token".to_owned(), Some(5)));

    let bob = stage.filled.user("bob").token().unwrap();
    let bob = ferryman::secret::ExposeSecret::expose_secret(bob);
    let no_admin = ended(
        &stage,
        &["export"],
        Some(("FERRYMAN_SYNAPSE_ADMIN_TOKEN", bob)),
    );
    assert_eq!(failure(&stage, &no_admin), ("ferryman: Synapse refuses the token (M_FORBIDDEN): its user is not a server admin; give the access token of one as synapse.admin_token".to_owned(), Some(5)));

    let nobody = ended(
        &stage,
        &["export"],
        Some(("FERRYMAN_SYNAPSE_URL", "http://127.0.0.1:9")),
    );
    assert_eq!(failure(&stage, &nobody), ("ferryman: Synapse at http://127.0.0.1:9 does not answer (Connection refused (os error 111)): check the address and that the server runs".to_owned(), Some(4)));

    let none = ended(&stage, &["plan"], None);
    assert_eq!(failure(&stage, &none), ("ferryman: there is no bundle in <data>/bundles: run `export` first, or name one with --bundle".to_owned(), Some(2)));

    let unknown = ended(&stage, &["plan"], Some(("FERRYMAN_SYNAPS_URL", "x")));
    assert_eq!(failure(&stage, &unknown), ("ferryman: environment variable FERRYMAN_SYNAPS_URL does not exist: did you mean FERRYMAN_SYNAPSE_URL?".to_owned(), Some(3)));

    let bundle = export(&stage.engine()).await;
    let no_target = ended(
        &stage,
        &["import"],
        Some(("FERRYMAN_TUWUNEL_URL", "http://127.0.0.1:9")),
    );
    assert_eq!(failure(&stage, &no_target), ("ferryman: the target at http://127.0.0.1:9 does not answer (Connection refused (os error 111)): check the address and that the server runs".to_owned(), Some(4)));

    let mut bytes = fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let broken = bundle.with_file_name("broken.tar.zst");
    fs::write(&broken, bytes).unwrap();
    let broken = ended(
        &stage,
        &["import", "--bundle", broken.to_str().unwrap()],
        None,
    );
    let (line, code) = failure(&stage, &broken);
    assert_eq!(code, Some(6), "{line}");
    assert!(
        line.starts_with("ferryman: bundle <data>/bundles/broken.tar.zst: "),
        "{line}"
    );
    assert!(
        line.contains("copy") && line.contains("export again"),
        "{line}"
    );
    assert!(broken.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tuwunel_that_does_not_trust_the_resident_is_named() {
    if !tuwunel_or_skip("trusted_servers") {
        return;
    }
    let names = Names::fresh().unwrap();
    let mut trusted = names.clone();
    trusted.resident = Names::fresh().unwrap().resident;
    let stage = Stage::trusting(names, &trusted, true).await.unwrap();
    let engine = stage.engine();
    export(&engine).await;
    let error = engine.import(&job(), None, None).await.unwrap_err();
    assert_eq!(error.exit_code(), 7);
    let text = error.to_string();
    let setting = format!("set trusted_servers = [\"{}\"]", stage.names.resident);
    assert!(
        text.starts_with("the target did not ask the resident") && text.contains(&setting),
        "{text}"
    );
}

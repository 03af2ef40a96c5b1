//! Local media: each file under its own address, with the same bytes, type and name, but for what Tuwunel never keeps of a
//! name.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ferryman::{
    clock::SystemClock,
    demo::{installation::Between, stage::install},
    engine::{Asked, Engine, ExportOptions},
    lab::{
        admin_room::AdminRoom, client::Client, fill::source_options, names::Names,
        synapse::Synapse, target::Target,
    },
    migration::plan::Why,
    model::{
        media_wish::WhichMedia,
        wanted::{Media, Wanted},
    },
    report,
    secret::ExposeSecret,
};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use ruma::http_headers::ContentDisposition;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{journey::job, targets::tuwunel_or_skip};

/// As the lab's Tuwunel is told, and as this test tells it.
const LIMIT: &str = "max_request_size = 104857600";
const SMALL_LIMIT: &str = "max_request_size = 16777216";

/// What is quarantined.
const EVIL: &[u8] = b"MZ evil";

/// Their places among the uploads.
const PLAIN: usize = 0;
const TYPED: usize = 1;
const PICTURE: usize = 7;
const BIG: usize = 11;

/// Name, type, content; and the name that Tuwunel leaves.
type Upload = (
    Option<&'static str>,
    &'static str,
    Vec<u8>,
    Option<&'static str>,
);

fn uploads() -> Vec<Upload> {
    let same = |name, kind, content: &[u8]| (Some(name), kind, content.to_vec(), Some(name));
    vec![
        same("plain.txt", "text/plain", b"plain"),
        same(
            "typed.txt",
            "text/plain; charset=iso-8859-1",
            b"gr\xfc\xdfe",
        ),
        same("with blanks; and=more.pdf", "application/pdf", b"%PDF"),
        same("Fähre «日本» 🚢.csv", "text/csv", b"a;b\n"),
        same("empty.txt", "text/plain", b""),
        same("odd type", "x/y; a=\"b c\"", b"odd"),
        same(
            "multipart.bin",
            "multipart/mixed; boundary=x",
            b"\r\n--x--\r\n",
        ),
        (None, "image/png", b"\x89PNG no name".to_vec(), None),
        (Some("..."), "text/plain", b"dots".to_vec(), None),
        (
            Some("a/b \"c\" d\\e?.txt"),
            "text/plain",
            b"quotes".to_vec(),
            Some("ab c de.txt"),
        ),
        (
            Some("two\r\nlines ü.txt"),
            "text/plain",
            b"lines".to_vec(),
            Some("twolines ü.txt"),
        ),
        same("big.bin", "application/octet-stream", &noise(20 << 20)),
    ]
}

/// Bytes that are nowhere the same.
fn noise(length: usize) -> Vec<u8> {
    let blocks = (0u64..).map(|number| Sha256::digest(number.to_be_bytes()));
    blocks.flatten().take(length).collect()
}

/// One download.
#[derive(Debug, PartialEq)]
struct Got {
    sha256: String,
    bytes: usize,
    media_type: String,
    name: Option<String>,
}

async fn download(base: &str, client: &Client, uri: &str) -> Option<Got> {
    let path = uri.strip_prefix("mxc://").unwrap();
    let answer = reqwest::Client::new()
        .get(format!("{base}/_matrix/client/v1/media/download/{path}"))
        .bearer_auth(client.token().unwrap().expose_secret())
        .send()
        .await
        .unwrap();
    if !answer.status().is_success() {
        return None;
    }
    let headers = answer.headers().clone();
    let content = answer.bytes().await.unwrap();
    Some(Got {
        sha256: format!("{:x}", Sha256::digest(&content)),
        bytes: content.len(),
        media_type: headers[CONTENT_TYPE].to_str().unwrap().to_owned(),
        name: name(&headers),
    })
}

fn name(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(CONTENT_DISPOSITION)?;
    let disposition = ContentDisposition::try_from(header.as_bytes()).unwrap();
    disposition.filename.filter(|name| !name.is_empty())
}

/// The commands in the admin room that fetch a file.
async fn commands(target: &Target) -> usize {
    let operator = &target.operator;
    let server = operator.user_id().split_once(':').unwrap().1;
    let room = operator
        .resolve(&format!("#admins:{server}"))
        .await
        .unwrap();
    let messages = operator.messages(&room).await.unwrap();
    let is_command = |text: &str| text.starts_with("!admin media get-remote-file");
    messages
        .iter()
        .filter(|event| event["content"]["body"].as_str().is_some_and(is_command))
        .count()
}

/// What was uploaded: address, name, the name that is left, type, length.
type Sent = (
    String,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
    usize,
);

/// A Synapse with uploads.
struct Filled {
    source: Synapse,
    admin: Client,
    people: Vec<Client>,
    sent: Vec<Sent>,
    /// Quarantined.
    evil: String,
    /// Missing on the disk.
    gone: String,
}

impl Filled {
    async fn new(names: &Names) -> Self {
        let options = source_options(names.server_name.clone());
        let source = Synapse::start(options).await.unwrap();
        let admin = source.register("admin", "an admin's", true).await.unwrap();
        let mut people = Vec::new();
        for name in ["anna", "ben"] {
            people.push(source.register(name, "a user's", false).await.unwrap());
        }
        // With the first room the target learns the old server's keys.
        let options = json!({ "preset": "public_chat" });
        people[0].create_room(&options).await.unwrap();
        let mut sent = Vec::new();
        for (number, (name, kind, content, kept)) in uploads().into_iter().enumerate() {
            let person = &people[number % people.len()];
            let uri = person.upload(name, kind, &content).await.unwrap();
            sent.push((uri, name, kept, kind, content.len()));
        }
        people[0].set_avatar(&sent[PICTURE].0).await.unwrap();
        let evil = people[1]
            .upload(Some("evil.exe"), "application/x-msdownload", EVIL)
            .await
            .unwrap();
        let quarantine = format!(
            "/_synapse/admin/v1/media/quarantine/{}",
            evil.strip_prefix("mxc://").unwrap()
        );
        admin.post(&quarantine, &json!({})).await.unwrap();
        let gone = people[1]
            .upload(Some("gone.txt"), "text/plain", b"gone from the disk")
            .await
            .unwrap();
        remove(&source.media_path(), id(&gone));
        Self {
            source,
            admin,
            people,
            sent,
            evil,
            gone,
        }
    }
}

/// The last part of an address.
fn id(uri: &str) -> &str {
    uri.rsplit_once('/').unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_arrives_under_its_own_address() {
    if !tuwunel_or_skip("media") {
        return;
    }
    let names = Names::fresh().unwrap();
    let filled = Filled::new(&names).await;
    let between = Between {
        names: &names,
        source: filled.source.url(),
        admin_token: filled.admin.token().unwrap().clone(),
    };
    let (installation, mut target) = install(&between, &names, true).await.unwrap();
    let engine = Engine::new(
        Arc::new(installation.config.clone()),
        Arc::new(installation.tokens.clone()),
        Arc::new(SystemClock),
    );
    let wanted = Wanted {
        media: Media::All,
        ..Wanted::default()
    };
    let options = ExportOptions {
        wanted,
        ..ExportOptions::default()
    };
    let page = Box::new(report::page::page);
    let exported = engine.export(&job(), &options, page).await.unwrap();
    assert_eq!(
        exported.problems[0].subject,
        id(&filled.gone),
        "{exported:?}"
    );
    limit(&mut target, LIMIT, SMALL_LIMIT).await;
    planned(&engine, &filled).await;

    let files = filled.sent.len() as u64;
    let imported = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(imported.problems, []);
    assert_eq!(
        (imported.media.carried, imported.media.planned),
        (files, files)
    );
    arrived(&target, &filled).await;
    let verification = engine.verify(&job(), None).await.unwrap();
    let media = &verification.media;
    assert!(verification.is_good(), "{verification:#?}");
    let renamed = filled.sent.iter().filter(|it| it.1 != it.2).count() as u64;
    assert_eq!((media.expected, media.equal), (files, files - renamed));
    assert_eq!(media.known.len() as u64, renamed, "{media:#?}");

    let before = commands(&target).await;
    assert_eq!(before as u64, files);
    let again = engine.import(&job(), None, None).await.unwrap();
    assert_eq!((again.media.carried, again.problems.len()), (files, 0));
    assert_eq!(commands(&target).await, before);

    lost_and_fetched_again(&engine, &mut target, &filled, &names).await;
    quarantined_on_request(&engine, &installation.config.data_dir, &filled).await;
}

/// What the target loses is seen, and the next import brings it again.
async fn lost_and_fetched_again(
    engine: &Engine,
    target: &mut Target,
    filled: &Filled,
    names: &Names,
) {
    let [big, gone, other] = [BIG, PLAIN, TYPED].map(|place| filled.sent[place].0.clone());
    delete(target, names, &big).await;
    let plain = stored(target, &uploads()[PLAIN].2);
    fs::remove_file(plain).unwrap();
    let typed = stored(target, &uploads()[TYPED].2);
    fs::write(typed, b"other").unwrap();
    let verification = engine.verify(&job(), None).await.unwrap();
    let differences = &verification.media.differences;
    assert_eq!(differences.len(), 3, "{differences:?}");
    for (uri, told) in [
        (&big, "is missing"),
        (&gone, "is missing"),
        (&other, "has another content: 5 bytes instead of 5"),
    ] {
        let told = format!("{} {told}", id(uri));
        assert!(
            differences.iter().any(|it| it.starts_with(&told)),
            "{told}: {differences:?}"
        );
    }

    let before = commands(target).await;
    let again = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(again.problems, []);
    assert_eq!(again.media.carried, filled.sent.len() as u64);
    assert_eq!(commands(target).await, before + 3);
    let verification = engine.verify(&job(), None).await.unwrap();
    assert!(verification.is_good(), "{verification:#?}");
    arrived(target, filled).await;
}

/// Where Tuwunel has a content.
fn stored(target: &mut Target, content: &[u8]) -> PathBuf {
    let folder = target.server().folder().join("database/media");
    let files = fs::read_dir(folder).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    files
        .find(|file| fs::read(file).unwrap() == content)
        .unwrap()
}

/// An admin may read what is quarantined, and so may an export that is told to.
async fn quarantined_on_request(engine: &Engine, folder: &Path, filled: &Filled) {
    let out = folder.join("bundles/quarantined");
    let options = ExportOptions {
        out: Some(out.clone()),
        wanted: Wanted {
            media: Media::All,
            quarantined: true,
            ..Wanted::default()
        },
        ..ExportOptions::default()
    };
    let page = Box::new(report::page::page);
    engine.export(&job(), &options, page).await.unwrap();
    let plan = engine.plan(Some(out), None).await.unwrap();
    let open: Vec<_> = plan.media.quarantined.iter().collect();
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(
        (&*open[0].media_id, open[0].bytes),
        (id(&filled.evil), Some(EVIL.len() as u64))
    );
    assert_eq!(plan.media.files, filled.sent.len() as u64 + 1);
}

/// The plan tells what stays behind, and what is large.
async fn planned(engine: &Engine, filled: &Filled) {
    let files = filled.sent.len() as u64;
    let plan = engine.plan(None, None).await.unwrap();
    assert_eq!(plan.media.files, files);
    assert_eq!(plan.media.limit, Some(16 << 20));
    let large: Vec<_> = plan.media.large.iter().map(|it| &*it.media_id).collect();
    assert_eq!(large, [id(&filled.sent[BIG].0)]);
    let lost = plan.media.lost.iter();
    let lost: Vec<_> = lost.map(|it| (&*it.media_id, it.why)).collect();
    for (uri, why) in [
        (&filled.gone, Why::Missing),
        (&filled.evil, Why::Quarantined),
    ] {
        assert!(lost.contains(&(id(uri), Some(why))), "{lost:?}");
    }
    let small = Asked {
        media: Some(WhichMedia::NewerThan { days: 1 }),
        media_max_mib: Some(1),
        ..Asked::default()
    };
    let smaller = engine.plan_as(None, small).await.unwrap();
    assert_eq!(smaller.media.files, files - 1);
    assert_eq!(smaller.media.left[&Why::Larger], 1);
}

/// Both servers give the same, and nobody gets what must not be there.
async fn arrived(target: &Target, filled: &Filled) {
    let (reader, anna) = (&target.operator, &filled.people[0]);
    for (uri, name, kept, kind, length) in &filled.sent {
        let there = download(target.url(), reader, uri).await.unwrap();
        let before = download(filled.source.url(), anna, uri).await.unwrap();
        assert_eq!(
            (&there.sha256, there.bytes),
            (&before.sha256, *length),
            "{name:?}"
        );
        assert_eq!(there.media_type, *kind);
        // Synapse says of each text that it is UTF-8 if nobody has said what it is.
        assert!(before.media_type.starts_with(kind), "{before:?}");
        assert_eq!(there.name.as_deref(), *kept);
        assert_eq!(
            before.name.as_deref().unwrap_or_default(),
            name.unwrap_or_default()
        );
    }
    for uri in [&filled.evil, &filled.gone] {
        assert_eq!(download(target.url(), reader, uri).await, None);
    }
    let profile = reader.profile(anna.user_id()).await.unwrap();
    assert_eq!(profile["avatar_url"], filled.sent[PICTURE].0.as_str());
}

/// Takes a file away on the target.
async fn delete(target: &Target, names: &Names, uri: &str) {
    let admin = AdminRoom::find(&target.operator, names.server_name.as_str());
    let command = format!("!admin media delete --mxc {uri}");
    admin.await.unwrap().command(&command).await.unwrap();
    assert_eq!(download(target.url(), &target.operator, uri).await, None);
}

/// Removes an upload from Synapse's disk, as a broken backup would.
fn remove(store: &Path, id: &str) {
    let path = store
        .join("local_content")
        .join(&id[..2])
        .join(&id[2..4])
        .join(&id[4..]);
    fs::remove_file(path).unwrap();
}

/// Changes a line of Tuwunel's configuration and starts it again.
async fn limit(target: &mut Target, before: &str, after: &str) {
    let server = target.server();
    server.stop().await.unwrap();
    let path = server.folder().join("tuwunel.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(before), "{text}");
    fs::write(&path, text.replace(before, after)).unwrap();
    server.start().await.unwrap();
}

//! Files as the target fetches them.

use std::{fs, path::Path};

use ruma::http_headers::ContentDisposition;

use super::*;
use crate::resident::{Medium, shelf::MediumGuard};

const PATH: &str = "/_matrix/federation/v1/media/download/abcdef?timeout_ms=10000";

/// The second part of an answer.
struct Part {
    media_type: String,
    name: Option<String>,
    content: Vec<u8>,
}

fn lay_out(
    stage: &Stage,
    dir: &Path,
    content: &[u8],
    media_type: Option<&str>,
    name: Option<&str>,
) -> MediumGuard {
    let path = dir.join("content");
    fs::write(&path, content).unwrap();
    let medium = Medium {
        path,
        bytes: content.len() as u64,
        media_type: media_type.map(str::to_owned),
        name: name.map(str::to_owned),
    };
    stage.resident.lay_out("abcdef", medium)
}

/// Asks as the target does, and takes the answer apart by the rules of `multipart/mixed` (RFC 2046).
async fn fetch(stage: &Stage) -> Part {
    let request = signed(&stage.target, RESIDENT, "GET", PATH, "");
    let answer = router(stage.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let kind = header("content-type");
    let boundary = kind.strip_prefix("multipart/mixed; boundary=").unwrap();
    let length: usize = header("content-length").parse().unwrap();
    let body = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    assert_eq!(body.len(), length);
    let opening = format!("--{boundary}\r\n");
    let between = format!("\r\n--{boundary}\r\n");
    let end = format!("\r\n--{boundary}--\r\n");
    let body = body.strip_prefix(opening.as_bytes()).unwrap();
    let body = body.strip_suffix(end.as_bytes()).unwrap();
    let (first, second) = split(body, between.as_bytes());
    assert_eq!(first, b"Content-Type: application/json\r\n\r\n{}");
    let (headers, content) = split(second, b"\r\n\r\n");
    let headers = std::str::from_utf8(headers).unwrap();
    let [media_type, disposition] = headers.split("\r\n").collect::<Vec<_>>()[..] else {
        panic!("{headers}");
    };
    let disposition = disposition.strip_prefix("Content-Disposition: ").unwrap();
    Part {
        media_type: media_type
            .strip_prefix("Content-Type: ")
            .unwrap()
            .to_owned(),
        name: disposition.parse::<ContentDisposition>().unwrap().filename,
        content: content.to_vec(),
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let place = bytes.windows(at.len()).position(|part| part == at).unwrap();
    (&bytes[..place], &bytes[place + at.len()..])
}

#[tokio::test]
async fn a_file_comes_with_its_type_and_its_name() {
    let stage = stage().await;
    let dir = tempfile::tempdir().unwrap();
    // Longer than a piece, with what would end a part in it.
    let content = b"\r\n--\r\n\r\n\0\xff".repeat(70_000);
    let text = Some("text/plain; charset=utf-8");
    let _guard = lay_out(&stage, dir.path(), &content, text, Some("notes.txt"));
    let part = fetch(&stage).await;
    assert_eq!(part.media_type, "text/plain; charset=utf-8");
    assert_eq!(part.name.as_deref(), Some("notes.txt"));
    assert!(part.content == content);
}

#[tokio::test]
async fn odd_names_and_types_break_nothing() {
    let stage = stage().await;
    let dir = tempfile::tempdir().unwrap();
    let octets = "application/octet-stream";
    for (name, arrives) in [
        (None, None),
        (Some(""), None),
        (Some("with blanks; and=more"), Some("with blanks; and=more")),
        (Some(r#"a "quoted" \ name"#), Some(r#"a "quoted" \ name"#)),
        (Some("Fähre «日本» 🚢.csv"), Some("Fähre «日本» 🚢.csv")),
        // No header could hold a line break; percent-encoded, it can be told.
        (Some("two\r\nlines: x"), Some("twolines: x")),
        (Some("zwölf\r\nLines: x"), Some("zwölf\r\nLines: x")),
        (Some("../../etc/passwd"), Some("../../etc/passwd")),
    ] {
        let _guard = lay_out(&stage, dir.path(), b"", None, name);
        let part = fetch(&stage).await;
        assert_eq!(part.name.as_deref(), arrives);
        assert_eq!((&*part.media_type, part.content.len()), (octets, 0));
    }
    for (media_type, arrives) in [
        (Some("image/png"), "image/png"),
        (Some(" "), octets),
        (Some("a\r\nLocation: https://x"), octets),
        (Some("ünknown/type"), octets),
    ] {
        let _guard = lay_out(&stage, dir.path(), b"x", media_type, None);
        assert_eq!(fetch(&stage).await.media_type, arrives);
    }
}

#[tokio::test]
async fn only_what_is_carried_now_is_given_and_only_to_the_target() {
    let stage = stage().await;
    let dir = tempfile::tempdir().unwrap();
    let guard = lay_out(&stage, dir.path(), b"secret", None, None);
    let (status, _) = stage
        .ask(signed(&stage.resident.identity, RESIDENT, "GET", PATH, ""))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let unsigned = Request::get(PATH).body(Body::empty()).unwrap();
    assert_eq!(stage.ask(unsigned).await.0, StatusCode::FORBIDDEN);
    assert_eq!(fetch(&stage).await.content, b"secret");

    let other = "/_matrix/federation/v1/media/download/..%2Fcontent";
    assert_eq!(stage.get(other).await.0, StatusCode::NOT_FOUND);
    // A file that changed under way is none of the bundle's any more.
    fs::write(dir.path().join("content"), "other bytes").unwrap();
    let (status, answer) = stage.get(PATH).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer["error"],
        "the file in the bundle is not as long as it was"
    );
    drop(guard);
    let (status, answer) = stage.get(PATH).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (
            StatusCode::NOT_FOUND,
            Some("this file is not being carried over now")
        )
    );
}

//! A Synapse that is there at first, and then not any more.

use super::*;

/// From here on, requests to this path are answered so, whatever was there before.
async fn instead(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(path_regex(at))
        .respond_with(answer)
        .with_priority(1)
        .mount(server)
        .await;
}

async fn exported(server: &MockServer) -> (ExportSummary, Bundle, tempfile::TempDir) {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b.tar.zst");
    let summary = export(server, &out, server_name!("example.org"))
        .await
        .unwrap();
    let bundle = Bundle::open(&out, &tmp.path().join("work")).unwrap();
    assert_eq!(summary.complete, bundle.schema().complete);
    let mut listed = bundle.problems().unwrap();
    listed.truncate(summary.problems.len());
    assert_eq!(listed, summary.problems);
    (summary, bundle, tmp)
}

#[tokio::test]
async fn a_token_that_is_revoked_in_the_middle_leaves_what_was_read() {
    let server = synapse().await;
    let revoked = json!({"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token passed."});
    let refused = ResponseTemplate::new(401).set_body_json(revoked);
    instead(&server, "good.*/forward_extremities$", refused).await;
    let (summary, bundle, _tmp) = exported(&server).await;
    assert!(!summary.complete);
    assert_eq!((summary.users, summary.rooms), (2, 1));
    assert_eq!(bundle.users().unwrap().len(), 2);
    let last = summary.problems.len() - 3;
    insta::assert_snapshot!(lines(&summary.problems[last..]), @r"
    export: rooms: broken off after 1 of 2 rooms: Synapse refuses the token (M_UNKNOWN_TOKEN): give the access token of a server admin as synapse.admin_token
    export: media: not read any more
    export: server keys: not read any more
    ");
}

#[tokio::test]
async fn a_synapse_that_goes_away_leaves_whole_rooms_only() {
    let server = synapse().await;
    // The first room in the order is the bad one, and whole; of the good one, half is read.
    instead(&server, "/fetch_event/", ResponseTemplate::new(502)).await;
    let (summary, bundle, _tmp) = exported(&server).await;
    assert!(!summary.complete);
    assert_eq!(summary.rooms, 1);
    assert_eq!(bundle.rooms().unwrap()[0].room_id, BAD);
    let good = OwnedRoomId::try_from(ROOM).unwrap();
    assert_eq!(bundle.events(&good).unwrap().count(), 0);
    let last = &summary.problems[summary.problems.len() - 3].reason;
    let begin = last.split("/fetch_event/").next().unwrap();
    insta::assert_snapshot!(begin, @"broken off after 1 of 2 rooms: Synapse answered 502 to GET /_synapse/admin/v1");
}

#[tokio::test]
async fn one_section_that_fails_leaves_the_others() {
    let server = synapse().await;
    let broken = json!({"errcode": "M_UNKNOWN", "error": "Internal server error"});
    let broken = ResponseTemplate::new(500).set_body_json(broken);
    instead(&server, "^/_synapse/admin/v1/rooms$", broken).await;
    let (summary, bundle, _tmp) = exported(&server).await;
    assert!(!summary.complete);
    assert_eq!(bundle.server_keys().unwrap().len(), 1);
    insta::assert_snapshot!(lines(&summary.problems[summary.problems.len() - 1..]), @"export: rooms: broken off at its beginning: Synapse answered 500 to GET /_synapse/admin/v1/rooms: M_UNKNOWN Internal server error");
}

#[tokio::test]
async fn before_the_first_user_nothing_is_left() {
    let server = synapse().await;
    instead(&server, "/v2/users/", ResponseTemplate::new(503)).await;
    let tmp = tempfile::tempdir().unwrap();
    let error = export(&server, &tmp.path().join("b"), server_name!("example.org"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("Synapse answered 503"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
}

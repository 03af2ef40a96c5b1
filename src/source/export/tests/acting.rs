//! Acting as users on a server that has faults: whatever happens, everybody is logged out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

const LOGIN: &str = "^/_synapse/admin/v1/users/[^/]+/login$";
const LOGOUT: &str = "/_matrix/client/v3/logout";

/// With logins that count, and what a user sees; gives the most that were logged in at a time.
async fn seen(server: &MockServer) -> Arc<AtomicUsize> {
    let outstanding = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (logins, reached) = (Arc::clone(&outstanding), Arc::clone(&most));
    Mock::given(path_regex(LOGIN))
        .respond_with(move |_: &wiremock::Request| {
            let now = logins.fetch_add(1, Ordering::SeqCst) + 1;
            reached.fetch_max(now, Ordering::SeqCst);
            ResponseTemplate::new(200).set_body_json(json!({"access_token": "of a user"}))
        })
        .mount(server)
        .await;
    Mock::given(path(LOGOUT))
        .and(wiremock::matchers::header(
            "authorization",
            "Bearer of a user",
        ))
        .respond_with(move |_: &wiremock::Request| {
            outstanding.fetch_sub(1, Ordering::SeqCst);
            ResponseTemplate::new(200).set_body_json(json!({}))
        })
        .mount(server)
        .await;
    for (at, body) in [
        ("/_matrix/client/v3/pushrules/", json!({"global": {}})),
        ("/_matrix/client/v3/sync", json!({"next_batch": "x"})),
    ] {
        get(server, at, body).await;
    }
    most
}

/// Another answer than those, as often as that.
async fn first(server: &MockServer, at: &str, times: u64, status: u16, body: Value) {
    Mock::given(path_regex(at))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .up_to_n_times(times)
        .with_priority(1)
        .mount(server)
        .await;
}

/// So many users more.
async fn many(server: &MockServer, count: usize) {
    let users = (0..count).map(|number| json!({"name": format!("@u{number:02}:example.org")}));
    let users: Vec<_> = users.collect();
    let list = "^/_synapse/admin/v2/users$";
    first(server, list, 9, 200, json!({"users": users})).await;
    first(
        server,
        "^/_synapse/admin/v2/users/%40u[^/]*$",
        99,
        200,
        json!({}),
    )
    .await;
}

async fn acted(server: &MockServer, job: &Job) -> Result<ExportSummary> {
    let wanted = Wanted {
        act_as_users: true,
        ..Wanted::default()
    };
    let tmp = tempfile::tempdir().unwrap();
    let name = server_name!("example.org");
    export_of(server, &tmp.path().join("b"), name, wanted, job).await
}

/// Requests for logins and for logouts.
async fn in_and_out(server: &MockServer) -> (usize, usize) {
    let requests = server.received_requests().await.unwrap();
    let count = |end: &str| {
        let paths = requests.iter().map(|request| request.url.path());
        paths.filter(|path| path.ends_with(end)).count()
    };
    (count("/login"), count("/logout"))
}

#[tokio::test]
async fn what_fails_as_a_user_is_a_problem_and_the_user_is_logged_out() {
    let server = synapse().await;
    let no = json!({"errcode": "M_UNKNOWN", "error": "no"});
    first(&server, "^/_matrix/client/v3/sync$", 9, 400, no).await;
    seen(&server).await;
    let summary = acted(&server, &Job::new().0).await.unwrap();
    assert_eq!(
        in_and_out(&server).await,
        (1, 1),
        "the other one is deactivated"
    );
    insta::assert_snapshot!(lines(&summary.problems[1..2]), @"tags, receipts and invites: @a:example.org: Synapse answered 400 to GET /_matrix/client/v3/sync: M_UNKNOWN no");
}

#[tokio::test]
async fn a_limited_login_is_waited_for_and_a_stopped_export_logs_out() {
    let server = synapse().await;
    let limited = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too many", "retry_after_ms": 1});
    first(&server, LOGIN, 2, 429, limited).await;
    let (job, _events) = Job::new();
    let stopping = job.clone();
    Mock::given(path("/_matrix/client/v3/sync"))
        .respond_with(move |_: &wiremock::Request| {
            stopping.stop();
            ResponseTemplate::new(200).set_body_json(json!({}))
        })
        .with_priority(1)
        .mount(&server)
        .await;
    seen(&server).await;
    let result = acted(&server, &job).await;
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(in_and_out(&server).await, (3, 1), "two were refused");
}

#[tokio::test]
async fn a_logout_that_fails_is_said() {
    let server = synapse().await;
    let oops = json!({"errcode": "M_UNKNOWN", "error": "oops"});
    first(&server, LOGOUT, 9, 500, oops).await;
    seen(&server).await;
    let summary = acted(&server, &Job::new().0).await.unwrap();
    insta::assert_snapshot!(lines(&summary.problems[1..2]), @"logout: @a:example.org: the token that acted as this user is good for up to a day, or until the user logs out everywhere: Synapse answered 500 to POST /_matrix/client/v3/logout: M_UNKNOWN oops");
}

#[tokio::test]
async fn where_nobody_can_be_logged_in_as_it_is_said_once() {
    let server = synapse().await;
    many(&server, 40).await;
    let unrecognized = json!({"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"});
    first(&server, LOGIN, 99, 404, unrecognized).await;
    let summary = acted(&server, &Job::new().0).await.unwrap();
    let mut problems = summary.problems;
    problems.retain(|problem| problem.step == "acting as users");
    insta::assert_snapshot!(lines(&problems), @"acting as users: example.org: this Synapse lets nobody log in as another user; it is so where a Matrix Authentication Service answers logins: use --source db");
}

#[tokio::test]
async fn only_a_few_are_logged_in_at_a_time() {
    let server = synapse().await;
    many(&server, 60).await;
    let most = seen(&server).await;
    let summary = acted(&server, &Job::new().0).await.unwrap();
    assert_eq!(summary.users, 60);
    assert_eq!(in_and_out(&server).await, (60, 60));
    let most = most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most}");
}

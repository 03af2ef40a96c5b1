//! The lines for each proxy, read by a real one: what is written is held off, and everything else goes where it belongs.

use std::io::Write;

use ferryman::{
    config::Proxy,
    lab::proxy::{InFront, Lines, program},
    report::proxy::{freeze_lines, switch_lines},
};
use reqwest::Method;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// What is held off.
const WRITES: [(Method, &str); 8] = [
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/!a:x/send/m.room.message/1",
    ),
    (
        Method::PUT,
        "/_matrix/client/v3/rooms/%21a%3Ax/state/m.room.name",
    ),
    (Method::POST, "/_matrix/client/v3/login"),
    (Method::POST, "/_matrix/client/r0/keys/upload"),
    (Method::POST, "/_matrix/media/v3/upload?filename=a.png"),
    (Method::DELETE, "/_matrix/client/v3/directory/room/%23a:x"),
    (Method::PUT, "/_matrix/federation/v1/send/1"),
    (Method::POST, "/_synapse/client/pick_username/submit"),
];

/// What goes through.
const READS: [(Method, &str); 10] = [
    (Method::GET, "/_matrix/client/v3/sync?timeout=1"),
    (
        Method::POST,
        "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=1",
    ),
    (Method::POST, "/_matrix/client/v3/keys/query"),
    (Method::POST, "/_matrix/client/v3/refresh"),
    (Method::POST, "/_matrix/client/v3/user/@a:x/filter"),
    (Method::OPTIONS, "/_matrix/client/v3/login"),
    (Method::GET, "/_matrix/federation/v1/event/$a"),
    (
        Method::POST,
        "/_matrix/federation/v1/get_missing_events/!a:x",
    ),
    (Method::POST, "/_matrix/key/v2/query"),
    (Method::POST, "/elsewhere"),
];

async fn server(name: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string(name);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Where a proxy's lines count: those of Traefik are for a router with TLS.
fn address(proxy: Proxy, running: &InFront) -> String {
    match proxy {
        Proxy::Traefik => format!("https://127.0.0.1:{}", running.servers_port()),
        _ => running.url().to_owned(),
    }
}

async fn asked(address: &str, method: &Method, path: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().danger_accept_invalid_certs(true);
    let url = format!("{address}{path}");
    let request = client.build().unwrap().request(method.clone(), url);
    request.body("{}").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_proxy_understands_its_lines() {
    let (old, new) = tokio::join!(server("old"), server("new"));
    for proxy in Proxy::ALL {
        if program(proxy).is_none() {
            let _closed = writeln!(
                std::io::stderr(),
                "SKIPPED: the lines for {proxy}: it is not on this machine"
            );
            continue;
        }
        let open = Lines::all_to(proxy, &old.uri());
        let frozen = open.clone().behind(freeze_lines(proxy));
        let mut running = InFront::start(proxy, &frozen).await.unwrap();
        let address = address(proxy, &running);
        for (method, path) in &WRITES {
            let answer = asked(&address, method, path).await;
            let what = format!("{proxy}: {method} {path}");
            assert_eq!(answer.status(), 503, "{what}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap();
            assert_eq!(header("access-control-allow-origin"), "*", "{what}");
            assert_eq!(header("retry-after"), "300", "{what}");
            if proxy == Proxy::Traefik {
                // It has words of its own.
                continue;
            }
            assert_eq!(header("content-type"), "application/json", "{what}");
            let body: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(body["errcode"], "M_UNKNOWN", "{what}");
        }
        for (method, path) in &READS {
            let answer = asked(&address, method, path).await;
            assert_eq!(answer.status(), 200, "{proxy}: {method} {path}");
        }
        let switched = Lines {
            front: String::new(),
            back: switch_lines(proxy, &old.uri(), &new.uri()),
        };
        running.reload(&switched).await.unwrap();
        for (method, path) in WRITES
            .iter()
            .filter(|(_, path)| path.starts_with("/_matrix"))
        {
            let answer = asked(&address, method, path).await;
            assert_eq!(
                answer.text().await.unwrap(),
                "new",
                "{proxy}: {method} {path}"
            );
        }
    }
}

//! Where a server says that it is: `/.well-known/matrix/client` and `/.well-known/matrix/server`.
//!
//! Source: client-server API, "Server discovery"; server-server API, "Resolving server names" (SRV records are not looked
//! for).

use reqwest::{Method, StatusCode, Url, header::LOCATION};
use ruma::ServerName;
use serde_json::Value;

use super::{ask, http};
use crate::{Error, Result};

/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// The port for other servers where nothing names another one.
const FEDERATION_PORT: u16 = 8448;

/// The base URL for clients.
pub(super) async fn clients(server: &ServerName) -> Result<String> {
    let url = format!("https://{}/.well-known/matrix/client", server.host());
    let unknown = |why: String| {
        Error::Config(format!(
            "where clients reach {server} can't be read from {url} ({why}): set public.client_url"
        ))
    };
    let found = get(&url)
        .await
        .map_err(|error| unknown(error.to_string()))?;
    let found = found.ok_or_else(|| unknown("there is none".to_owned()))?;
    base(&found["m.homeserver"]["base_url"]).ok_or_else(|| unknown("it names no server".to_owned()))
}

/// The base URL for other servers.
pub(super) async fn servers(server: &ServerName) -> Result<String> {
    if server.port().is_some() {
        return Ok(format!("https://{server}"));
    }
    let url = format!("https://{}/.well-known/matrix/server", server.host());
    // Whoever has none, or one that can't be read, is at the port.
    let found = get(&url).await.ok().flatten();
    Ok(delegated(server, found.as_ref()))
}

/// Where `m.server` points.
fn delegated(server: &ServerName, found: Option<&Value>) -> String {
    let named = found
        .and_then(|found| found["m.server"].as_str())
        .and_then(|name| <&ServerName>::try_from(name).ok())
        .unwrap_or(server);
    let port = named.port().unwrap_or(FEDERATION_PORT);
    format!("https://{}:{port}", named.host())
}

fn base(value: &Value) -> Option<String> {
    let url = Url::parse(value.as_str()?).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    is_web.then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// JSON at an address; `None` if nothing is there.
async fn get(url: &str) -> Result<Option<Value>> {
    let mut url = Url::parse(url).map_err(|error| Error::Config(error.to_string()))?;
    for _ in 0..REDIRECTS {
        let origin = url.origin().ascii_serialization();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let answer = ask(&http("its well-known file", &origin)?, Method::GET, &path).await?;
        if answer.status.is_redirection() {
            let location = answer.headers.get(LOCATION);
            let next = location.and_then(|to| url.join(to.to_str().ok()?).ok());
            url = next.ok_or_else(|| Error::Target("it is a redirect to nowhere".to_owned()))?;
            continue;
        }
        if answer.status != StatusCode::OK {
            return Ok(None);
        }
        return serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|error| Error::Target(format!("it is not JSON: {error}")));
    }
    Err(Error::Target(
        "it is a redirect to a redirect, and so on".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;

    #[test]
    fn a_server_is_where_it_says_or_at_its_port() {
        let server = <&ServerName>::try_from("example.com").unwrap();
        let found = |m_server: Value| delegated(server, Some(&json!({ "m.server": m_server })));
        assert_eq!(
            found(json!("matrix.example.com:443")),
            "https://matrix.example.com:443"
        );
        assert_eq!(
            found(json!("matrix.example.com")),
            "https://matrix.example.com:8448"
        );
        assert_eq!(found(json!(7)), "https://example.com:8448");
        assert_eq!(delegated(server, None), "https://example.com:8448");
        assert_eq!(
            base(&json!("https://matrix.example.com/")).unwrap(),
            "https://matrix.example.com"
        );
        assert_eq!(base(&json!("ftp://matrix.example.com/")), None);
        assert_eq!(base(&json!("matrix.example.com")), None);
    }

    #[tokio::test]
    async fn a_server_with_a_port_is_asked_for_nothing() {
        let server = <&ServerName>::try_from("localhost:1").unwrap();
        assert_eq!(servers(server).await.unwrap(), "https://localhost:1");
        let error = clients(<&ServerName>::try_from("localhost").unwrap()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("where clients reach localhost can't be read from https://localhost/.well-known/matrix/client ("), "{error}");
        assert!(error.ends_with("): set public.client_url"), "{error}");
    }

    #[tokio::test]
    async fn redirects_are_followed_but_not_for_ever() {
        let server = MockServer::start().await;
        for (from, to) in [("/a", "/b?c=d"), ("/round", "/round")] {
            let redirect = ResponseTemplate::new(302).insert_header("location", to);
            Mock::given(path(from))
                .respond_with(redirect)
                .mount(&server)
                .await;
        }
        let found = ResponseTemplate::new(200).set_body_json(json!({ "e": 1 }));
        Mock::given(path("/b"))
            .respond_with(found)
            .mount(&server)
            .await;
        let got = async |path: &str| get(&format!("{}{path}", server.uri())).await;
        assert_eq!(got("/a").await.unwrap(), Some(json!({ "e": 1 })));
        assert_eq!(got("/none").await.unwrap(), None);
        got("/round").await.unwrap_err();
    }
}

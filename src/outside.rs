//! The server as everybody else sees it: through the reverse proxy, under its public names. No token goes this way, and no request
//! is sent twice.

mod door;
mod well_known;

use std::time::Duration;

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

pub use door::{Door, Doors};

use crate::{
    Error, Result,
    config::Config,
    http::{Http, Relayed, Request},
};

/// Somebody waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(20);

const REMEDY: &str =
    "look whether the proxy hands `/_matrix` to Tuwunel without changing the request";

/// Where clients and where other servers come in.
#[derive(Debug, Clone)]
pub struct Outside {
    clients: Http,
    servers: Http,
}

impl Outside {
    /// What the configuration says, and where it says nothing, what `/.well-known/matrix` does.
    pub async fn find(config: &Config) -> Result<Self> {
        let public = &config.public;
        let clients = match &public.client_url {
            Some(url) => url.clone(),
            None => well_known::clients(&config.server_name).await?,
        };
        let servers = match &public.federation_url {
            Some(url) => url.clone(),
            None => well_known::servers(&config.server_name).await?,
        };
        Ok(Self {
            clients: http("the public address for clients", &clients)?,
            servers: http("the public address for servers", &servers)?,
        })
    }

    /// Base URL for clients, without a trailing slash.
    #[must_use]
    pub fn clients_url(&self) -> &str {
        self.clients.base()
    }

    /// Base URL for other servers, without a trailing slash.
    #[must_use]
    pub fn servers_url(&self) -> &str {
        self.servers.base()
    }

    /// Whether it can be written to, and whether it can be read.
    pub async fn doors(&self) -> Doors {
        door::look(&self.clients, &self.servers).await
    }

    /// `GET /_matrix/client/versions`, as clients see it.
    pub async fn client_versions(&self) -> Result<Value> {
        json(&self.clients, "/_matrix/client/versions").await
    }

    /// `GET /_matrix/federation/v1/version`, as other servers see it: name and version of the software.
    pub async fn software(&self) -> Result<String> {
        let version = json(&self.servers, "/_matrix/federation/v1/version").await?;
        let part = |name: &str| version["server"][name].as_str().unwrap_or("?").to_owned();
        Ok(format!("{} {}", part("name"), part("version")))
    }

    /// `GET /_matrix/key/v2/server`, as other servers see it.
    pub async fn keys(&self) -> Result<Value> {
        json(&self.servers, "/_matrix/key/v2/server").await
    }
}

/// `GET /_matrix/client/versions` of a server by its own address: who answers outside is known by it.
pub async fn client_versions_of(url: &str) -> Result<Value> {
    json(&http("the server", url)?, "/_matrix/client/versions").await
}

fn http(server: &'static str, base: &str) -> Result<Http> {
    Ok(Http::new(server, base, None, REMEDY)?
        .hurried()
        .timeout(TIMEOUT))
}

/// One request without a token, and whatever comes back.
async fn ask(http: &Http, method: Method, path: &str) -> Result<Relayed> {
    let mut headers = HeaderMap::new();
    let body = if method == Method::GET {
        Vec::new()
    } else {
        let json = reqwest::header::HeaderValue::from_static("application/json");
        headers.insert(reqwest::header::CONTENT_TYPE, json);
        b"{}".to_vec()
    };
    http.relay(method, path, &headers, body).await
}

async fn json(http: &Http, path: &str) -> Result<Value> {
    let answer = ask(http, Method::GET, path).await?;
    if answer.status != StatusCode::OK {
        return Err(http.unexpected(&Request::get(path), &answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        Error::Target(format!(
            "{}{path} does not answer with JSON ({error}): look whether the proxy hands it to the Matrix server",
            http.base()
        ))
    })
}

//! A throw-away nginx in front of a server, if this machine has one: clients and other servers come in through it.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use super::{LabError, Result, folder::Folder, names::free_port, server::Server};

const PROGRAM: &str = "nginx";
const FILE: &str = "nginx.conf";

/// Within this time the workers of before have stopped to take connections.
const RELOADED: Duration = Duration::from_millis(500);

/// A running nginx; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Nginx {
    /// Its process and folder.
    pub server: Server,
    servers_port: u16,
    clients_port: u16,
}

/// Whether this machine has an nginx.
#[must_use]
pub fn is_there() -> bool {
    program().is_some()
}

/// On the path, or where Debian keeps it, which is not on everybody's.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
}

impl Nginx {
    /// Listens with TLS on one free port and without it on another; `lines` stand in its `server` block.
    pub async fn start(lines: &str) -> Result<Self> {
        let program = program().ok_or_else(|| LabError::Missing {
            request: PROGRAM.to_owned(),
            field: "a program",
            body: serde_json::Value::Null,
        })?;
        let folder = Folder::new(PROGRAM)?;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .map_err(|error| LabError::file(folder.path())(std::io::Error::other(error)))?;
        folder.write("tls.crt", &made.cert.pem())?;
        folder.write("tls.key", &made.signing_key.serialize_pem())?;
        let (clients_port, servers_port) = (free_port()?, free_port()?);
        folder.write(FILE, &config(clients_port, servers_port, lines))?;
        let prefix = folder.path().display().to_string();
        let arguments = ["-p", &prefix, "-c", FILE].map(str::to_owned).to_vec();
        let mut server = Server::new(
            PROGRAM,
            folder,
            program,
            arguments,
            clients_port,
            "/ferryman-lab",
        );
        server.start().await?;
        Ok(Self {
            server,
            servers_port,
            clients_port,
        })
    }

    /// Where clients come in: a base URL without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Where other servers come in, with TLS: a port of 127.0.0.1.
    #[must_use]
    pub fn servers_port(&self) -> u16 {
        self.servers_port
    }

    /// Puts other lines into its `server` block, and lets it read them, as an operator does.
    pub async fn reload(&self, lines: &str) -> Result<()> {
        let path = self.server.folder().join(FILE);
        let text = config(self.clients_port, self.servers_port, lines);
        std::fs::write(&path, text).map_err(LabError::file(&path))?;
        let Some(program) = program() else {
            return Ok(());
        };
        for arguments in [["-t", "-q"], ["-s", "reload"]] {
            let output = Command::new(&program)
                .arg("-p")
                .arg(self.server.folder())
                .args(["-c", FILE])
                .args(arguments)
                .stdin(Stdio::null())
                .output()
                .map_err(LabError::file(&program))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(LabError::file(&path)(std::io::Error::other(said)));
            }
        }
        tokio::time::sleep(RELOADED).await;
        Ok(())
    }
}

/// Hands everything to a server, as most people's configuration does.
#[must_use]
pub fn all_to(url: &str) -> String {
    format!(
        "location / {{ proxy_pass {url}; proxy_set_header Host $host:$server_port; proxy_set_header X-Forwarded-For $remote_addr; client_max_body_size 100M; }}"
    )
}

fn config(clients_port: u16, servers_port: u16, lines: &str) -> String {
    let address = Ipv4Addr::LOCALHOST;
    format!(
        "daemon off;
pid nginx.pid;
error_log stderr;
worker_processes 1;
events {{ }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {address}:{clients_port};
        listen {address}:{servers_port} ssl;
        ssl_certificate tls.crt;
        ssl_certificate_key tls.key;
        location = /ferryman-lab {{ return 200; }}
{lines}
    }}
}}
"
    )
}

//! A throw-away reverse proxy in front of a server, if this machine has it: clients and other servers come in through it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{LabError, Result, folder::Folder, names::free_port, python, server::Server};
use crate::model::proxy::Proxy;

/// What stands in a proxy's configuration.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Before the servers: where lines of a freeze belong.
    pub front: String,
    /// Where requests go.
    pub back: String,
}

impl Lines {
    /// Everything to a server, as most people's configuration has it.
    #[must_use]
    pub fn all_to(proxy: Proxy, url: &str) -> Self {
        let back = match proxy {
            Proxy::Nginx => format!(
                "location / {{ proxy_pass {url}; proxy_set_header Host $host; client_max_body_size 100M; }}"
            ),
            Proxy::Caddy => format!("reverse_proxy {url}"),
            Proxy::Haproxy => format!("server matrix {}", url.trim_start_matches("http://")),
            Proxy::Traefik => format!(
                "http: {{ services: {{ matrix: {{ loadBalancer: {{ servers: [{{ url: \"{url}\" }}] }} }} }} }}"
            ),
        };
        Self {
            front: String::new(),
            back,
        }
    }

    /// The same with lines before it.
    #[must_use]
    pub fn behind(self, front: String) -> Self {
        Self { front, ..self }
    }
}

/// A running proxy; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct InFront {
    /// Its process and folder.
    pub server: Server,
    proxy: Proxy,
    program: PathBuf,
    ports: Ports,
}

/// On 127.0.0.1.
#[derive(Debug, Clone, Copy)]
struct Ports {
    clients: u16,
    /// With TLS, for those of them that need it.
    servers: u16,
}

/// Its program, if this machine has it: on the path, where Debian keeps it, which is not on everybody's, or in the lab's cache.
#[must_use]
pub fn program(proxy: Proxy) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .chain(python::cache().ok().map(|cache| cache.join("proxies/bin")))
        .map(|folder| folder.join(proxy.name()))
        .find(|program| program.is_file())
}

impl InFront {
    /// Listens on a free port, and nginx and Traefik with TLS on another one.
    pub async fn start(proxy: Proxy, lines: &Lines) -> Result<Self> {
        let program = program(proxy).ok_or_else(|| LabError::Missing {
            request: proxy.name().to_owned(),
            field: "a program",
            body: serde_json::Value::Null,
        })?;
        let folder = Folder::new(proxy.name())?;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .map_err(|error| LabError::file(folder.path())(std::io::Error::other(error)))?;
        folder.write("tls.crt", &made.cert.pem())?;
        folder.write("tls.key", &made.signing_key.serialize_pem())?;
        let ports = Ports {
            clients: free_port()?,
            servers: free_port()?,
        };
        write(folder.path(), proxy, ports, lines)?;
        let mut arguments = arguments(proxy, folder.path(), ports);
        let mut command = program.clone();
        if proxy == Proxy::Caddy {
            // It keeps a copy of its configuration and more in the user's own folders.
            let home = folder.path().display();
            let there = ["CONFIG", "DATA"].map(|of| format!("XDG_{of}_HOME={home}"));
            let program = program.display().to_string();
            arguments.splice(0..0, there.into_iter().chain([program]));
            command = "/usr/bin/env".into();
        }
        let mut server = Server::new(
            proxy.name(),
            folder,
            command,
            arguments,
            ports.clients,
            "/ferryman-lab",
        );
        server.start().await?;
        Ok(Self {
            server,
            proxy,
            program,
            ports,
        })
    }

    /// Where clients come in: a base URL without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Where other servers come in, and Traefik's clients, too, with TLS: a port of 127.0.0.1.
    #[must_use]
    pub fn servers_port(&self) -> u16 {
        self.ports.servers
    }

    /// Puts other lines into its configuration, and starts it again with them; before that nginx looks through them, as an
    /// operator lets it.
    pub async fn reload(&mut self, lines: &Lines) -> Result<()> {
        write(self.server.folder(), self.proxy, self.ports, lines)?;
        if self.proxy == Proxy::Nginx {
            let output = Command::new(&self.program)
                .args(arguments(self.proxy, self.server.folder(), self.ports))
                .args(["-t", "-q"])
                .stdin(Stdio::null())
                .output()
                .map_err(LabError::file(&self.program))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let path = self.server.folder().join(file(self.proxy));
                return Err(LabError::file(&path)(std::io::Error::other(said)));
            }
        }
        self.server.stop().await?;
        self.server.start().await
    }
}

const fn file(proxy: Proxy) -> &'static str {
    match proxy {
        Proxy::Nginx => "nginx.conf",
        Proxy::Caddy => "Caddyfile",
        Proxy::Haproxy => "haproxy.cfg",
        Proxy::Traefik => "lab.yaml",
    }
}

/// The configuration's files.
fn write(folder: &Path, proxy: Proxy, ports: Ports, lines: &Lines) -> Result<()> {
    let mut files = vec![(file(proxy), config(proxy, ports, lines))];
    if proxy == Proxy::Traefik {
        // Both are whole files, which it reads as one.
        files.push(("front.yaml", lines.front.clone()));
        files.push(("back.yaml", lines.back.clone()));
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(LabError::file(&path))?;
    }
    Ok(())
}

fn arguments(proxy: Proxy, folder: &Path, ports: Ports) -> Vec<String> {
    let folder = folder.display().to_string();
    let entry = |name, port| format!("--entryPoints.{name}.address=127.0.0.1:{port}");
    let entries = [
        entry("clients", ports.clients),
        entry("servers", ports.servers),
    ];
    let arguments: &[&str] = match proxy {
        Proxy::Nginx => &["-p", &folder, "-c", file(proxy)],
        Proxy::Caddy => &["run", "--adapter", "caddyfile", "--config", file(proxy)],
        Proxy::Haproxy => &["-db", "-f", file(proxy)],
        Proxy::Traefik => &[
            &entries[0],
            &entries[1],
            "--ping.manualRouting=true",
            "--providers.file.directory=.",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ],
    };
    arguments.iter().map(|&text| text.to_owned()).collect()
}

fn config(proxy: Proxy, ports: Ports, lines: &Lines) -> String {
    let Lines { front, back } = lines;
    let Ports { clients, servers } = ports;
    match proxy {
        Proxy::Nginx => format!(
            "daemon off;
# One process: killed, it leaves none behind.
master_process off;
pid nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{clients};
        listen 127.0.0.1:{servers} ssl;
        ssl_certificate tls.crt;
        ssl_certificate_key tls.key;
        location = /ferryman-lab {{ return 200; }}
{front}
{back}
    }}
}}
"
        ),
        Proxy::Caddy => format!(
            "{{
    admin off
    auto_https off
}}
http://127.0.0.1:{clients} {{
    respond /ferryman-lab 200
{front}
{back}
}}
"
        ),
        Proxy::Haproxy => format!(
            "defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend matrix
    bind 127.0.0.1:{clients}
    http-request return status 200 if {{ path /ferryman-lab }}
{front}
    default_backend matrix
backend matrix
{back}
"
        ),
        Proxy::Traefik => "http:
  routers:
    lab: { rule: \"Path(`/ferryman-lab`)\", entryPoints: [clients], service: ping@internal }
    matrix: { rule: \"PathPrefix(`/`)\", entryPoints: [servers], tls: {}, service: matrix }
"
        .to_owned(),
    }
}
